use jabiru_stanza::{ContentNamespace, Jid, RawElement};

use super::*;

const BOUNDS: Bounds =
    Bounds { queue_bytes: 100, total_queue_bytes: 150, unacknowledged_stanzas: 20, unacknowledged_bytes: 10_000 };

fn link() -> Link {
    linked(&Arc::default())
}

fn linked(total: &Arc<AtomicUsize>) -> Link {
    let pair = DomainPair::new("a.example".parse().unwrap(), "b.example".parse().unwrap());
    Link::new(pair, BOUNDS, total.clone(), Instant::now())
}

fn outbox() -> Arc<Outbox> {
    Arc::new(Outbox::new(100_000))
}

/// 40 bytes.
fn stanza() -> Stanza {
    let raw = RawElement::parse("<message to='u@b.example' id='12345678'/>", "jabber:client").unwrap();
    let mut stanza = Stanza::parse(raw, ContentNamespace::Client).unwrap();
    assert_eq!(weight(&stanza), 41);
    stanza.set_from(Jid::new("u@a.example").unwrap());
    stanza
}

#[test]
fn what_waits_is_bounded_by_link_and_altogether() {
    let (now, total) = (Instant::now(), Arc::default());
    let (link, other) = (linked(&total), linked(&total));
    for expected in [Sent::TakenFirst, Sent::Taken, Sent::Refused(RemoteError::Full)] {
        assert_eq!(link.send(&stanza(), now), expected);
    }
    for expected in [Sent::TakenFirst, Sent::Refused(RemoteError::Full)] {
        assert_eq!(other.send(&stanza(), now), expected, "{total:?}");
    }
    assert_eq!(link.take_all().len(), 2);
    assert_eq!(other.send(&stanza(), now), Sent::Taken, "there is room again");
    drop(other);
    assert_eq!(total.load(Ordering::Relaxed), 0);
}

#[test]
fn a_link_has_one_driver() {
    let now = Instant::now();
    let link = link();
    assert!(link.claim());
    assert!(!link.claim());
    assert_eq!(link.send(&stanza(), now), Sent::Taken, "whoever claimed it looks for a stream");
    let left = link.back_off(RemoteError::Timeout, "test", |_| Duration::from_secs(60));
    assert_eq!(left.len(), 1);
    assert_eq!(link.send(&stanza(), now), Sent::Refused(RemoteError::Timeout));
    assert!(link.claim(), "a stream of the other side is as good as one of ours");
    link.open(&outbox(), Confirming::Not, now);
    // Only the stream that is open can be lost.
    link.lost(&outbox());
    assert!(!link.waits_for_stream() && !link.claim());
    assert_eq!(link.send(&stanza(), now), Sent::Taken);
    assert!(link.is_quiet(), "it is sent, and nobody counts");
}

#[test]
fn streams_that_break_in_vain_are_given_up() {
    let now = Instant::now();
    let link = link();
    let pause = |failures| Duration::from_secs(u64::from(failures));
    let broke = |times: u32| -> Vec<Broke> { (0..times).map(|_| link.broke("test", pause)).collect() };
    let after = |seconds| Broke::After(Duration::from_secs(seconds));
    assert_eq!(broke(3), [Broke::AtOnce, after(2), after(3)]);
    // Something gets across.
    assert!(link.claim());
    link.open(&outbox(), Confirming::by_management(), now);
    assert_eq!(link.send(&stanza(), now), Sent::Taken);
    assert_eq!(link.acknowledged(1, now), Ok(false));
    assert_eq!(broke(1), [Broke::AtOnce]);
    assert_eq!(broke(FRUITLESS).last(), Some(&Broke::GiveUp));
}

/// A server that ends says twice what it has handled.
#[test]
fn the_last_word_is_told_from_an_answer() {
    let now = Instant::now();
    let link = link();
    assert!(link.claim());
    link.open(&outbox(), Confirming::by_management(), now);
    for _ in 0..3 {
        assert_eq!(link.send(&stanza(), now), Sent::Taken);
    }
    assert!(link.acknowledged(4, now).is_err(), "so many were not sent");
    // The first stanza brought a question along, to which this is the answer.
    assert_eq!(link.acknowledged(1, now), Ok(false));
    assert_eq!(link.acknowledged(1, now), Ok(true));
    assert_eq!(link.acknowledged(3, now), Ok(false));
    assert_eq!(link.acknowledged(3, now), Ok(true), "nobody has asked");
    link.send_again();
    assert!(link.is_quiet(), "all was handled");
}

#[test]
fn a_stream_that_takes_no_more_is_told_from_one_that_never_answers() {
    let now = Instant::now();
    for (confirming, expected) in [
        (Confirming::by_management(), Sent::Refused(RemoteError::Full)),
        (Confirming::by_pings("t".into()), Sent::Taken),
    ] {
        let link = link();
        assert!(link.claim());
        link.open(&outbox(), confirming, now);
        for _ in 0..BOUNDS.unacknowledged_stanzas {
            assert_eq!(link.send(&stanza(), now), Sent::Taken);
        }
        assert_eq!(link.send(&stanza(), now), expected);
    }
}

#[test]
fn pings_without_an_answer_are_forgotten() {
    let (now, patience) = (Instant::now(), Duration::from_secs(60));
    let link = link();
    assert!(link.claim());
    link.open(&outbox(), Confirming::by_pings("t".into()), now);
    assert_eq!(link.send(&stanza(), now), Sent::Taken);
    assert!(!link.forget_unanswered(patience, now) && link.awaits_confirmation());
    assert!(link.forget_unanswered(patience, now + patience) && link.is_quiet());
    assert!(!link.forget_unanswered(patience, now + patience), "once");
    assert_eq!(link.take_unconfirmed().len(), 0, "nobody is told that what was handled long ago is lost");
}

/// So that little is in doubt when a server dies, what nobody has asked for by then is asked for a little later.
#[test]
fn what_was_sent_last_is_asked_for_once() {
    let now = Instant::now();
    let (link, outbox) = (link(), outbox());
    assert!(link.claim());
    link.open(&outbox, Confirming::by_pings("t".into()), now);
    for _ in 0..3 {
        assert_eq!(link.send(&stanza(), now), Sent::Taken);
    }
    let sent = outbox.pending_bytes();
    assert!(link.answered("s2s-t-1", now));
    assert!(!link.answered("s2s-t-1", now), "it will be asked already");
    assert!(link.awaits_confirmation());
    link.ask_for_the_rest(now + ASK_AFTER);
    let asked = outbox.pending_bytes();
    assert!(asked > sent);
    assert!(link.answered("s2s-t-2", now + ASK_AFTER), "something may follow");
    assert!(link.is_quiet());
    link.ask_for_the_rest(now + 2 * ASK_AFTER);
    assert_eq!(outbox.pending_bytes(), asked, "nothing did");
}
