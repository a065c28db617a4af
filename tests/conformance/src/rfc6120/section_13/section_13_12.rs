//! RFC 6120 §13.12: denial of service.

use std::time::Instant;

use crate::case;
use crate::case::{Case, Need};
use crate::client::{Client, HEADER, Item, Next};
use crate::ns;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, connections_of_an_address_are_limited, ["13.12"], needs [Need::Alone, Need::SmallLimits]),
    case!(Must, connection_attempts_of_an_address_are_limited, ["13.12"], needs [Need::Alone, Need::SmallLimits]),
    case!(Must, stanza_of_10000_bytes_is_taken, ["13.12"]),
    case!(Must, stanza_of_10000_bytes_is_taken_under_small_limits, ["13.12"], needs[Need::SmallLimits]),
    case!(Must, stanza_over_the_limit_violates_the_policy, ["13.12"], needs[Need::SmallLimits]),
    case!(Should, stanzas_to_many_recipients_are_limited, ["13.12"], needs[Need::SmallLimits]),
    case!(Should, bandwidth_is_limited, ["13.12"], needs[Need::SmallLimits]),
];

/// More connections than any limit that is called small.
const MANY: usize = 1000;

/// A connection that gets as far as stream features, if one does.
fn proceeds(subject: &Subject) -> Option<Client> {
    let mut client = subject.connect();
    // A server that refuses the connection may have ended it already.
    client.tries_to_send(subject.expand(HEADER).as_bytes()).ok()?;
    loop {
        match client.receives_next() {
            Next::Item(Item::Element(element)) => return element.is("features", ns::STREAM).then_some(client),
            Next::Item(Item::Header(_) | Item::Space) => {}
            Next::Item(Item::Close) | Next::End(_) | Next::Nothing => return None,
        }
    }
}

/// RFC 6120 §13.12 rule 1: an address may have only so many connections at a time; one more does not proceed, until another
/// has ended.
fn connections_of_an_address_are_limited(subject: &Subject) {
    let mut open: Vec<Client> = std::iter::from_fn(|| proceeds(subject)).take(MANY).collect();
    assert!(open.len() < MANY, "{} connections, and no limit", open.len());
    assert!(open.len() > 1, "not even two connections");
    open.swap_remove(0).closes();
    // The server may notice that it has ended somewhat later than we do.
    let again = (0..MANY / 10).find_map(|_| proceeds(subject));
    assert!(again.is_some(), "the place of a connection that has ended is not free again");
}

/// RFC 6120 §13.12 rule 2: an address may try to connect only so often in a time; one attempt more does not proceed.
fn connection_attempts_of_an_address_are_limited(subject: &Subject) {
    let attempts = std::iter::from_fn(|| proceeds(subject).map(|mut client| client.closes())).take(MANY).count();
    assert!(attempts < MANY, "{attempts} attempts, and no limit");
    assert!(attempts > 1, "not even two attempts");
}

/// A message to juliet of exactly so many bytes.
fn message(to: &str, bytes: usize) -> String {
    let (start, end) = (format!("<message to='{to}' type='chat' id='big'><body>"), "</body></message>");
    let body = "x".repeat(bytes - start.len() - end.len());
    format!("{start}{body}{end}")
}

/// RFC 6120 §13.12 rule 4: no deployed server's limit is below 10000 bytes, from the `<` of a stanza to its `>`.
fn stanza_of_10000_bytes_is_taken(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    romeo.sends_bytes(message(juliet.jid(), 10000));
    let received = juliet.receives_any();
    assert_eq!(received.attribute("id"), Some("big"), "{received}");
    romeo.settles();
}

/// RFC 6120 §13.12 rule 4: nor is one that an administrator has set low.
fn stanza_of_10000_bytes_is_taken_under_small_limits(subject: &Subject) {
    stanza_of_10000_bytes_is_taken(subject);
}

/// RFC 6120 §13.12 rule 4: a stanza over the limit is answered with the stanza error `policy-violation`, or closes the
/// stream with the stream error of that name; it is not delivered.
fn stanza_over_the_limit_violates_the_policy(subject: &Subject) {
    let [mut romeo, mut juliet, mut witness] = subject.login(["romeo/orchard", "juliet/balcony", "nurse/house"]);
    // A server that has gone while so much was sent has said why.
    let _ = romeo.tries_to_send(message(juliet.jid(), 300_000).as_bytes());
    let answer = romeo.receives_any();
    if answer.is("error", ns::STREAM) {
        assert!(answer.child("policy-violation", ns::STREAM_ERRORS).is_some(), "{answer}");
        romeo.receives_close();
        romeo.receives_end();
    } else {
        let error = answer.child("error", ns::CLIENT).unwrap_or_else(|| panic!("an error was due: {answer}"));
        assert!(error.child("policy-violation", ns::STANZA_ERRORS).is_some(), "{answer}");
    }
    juliet.hears_nothing_from(&mut witness);
}

/// RFC 6120 §13.12 rule 5: a client that sends too many stanzas to distinct recipients gets `policy-violation`, as stanza
/// error or as stream error.
fn stanzas_to_many_recipients_are_limited(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    let domain = subject.domain().to_owned();
    for number in 0..MANY {
        let stanza =
            format!("<iq to='r{number}@{domain}' type='get' id='{number}'><query xmlns='urn:example:x'/></iq>");
        let _ = romeo.tries_to_send(stanza.as_bytes());
        match romeo.receives_next() {
            Next::Item(Item::Element(answer)) => {
                let stream = answer.child("policy-violation", ns::STREAM_ERRORS).is_some();
                let error = answer.child("error", ns::CLIENT);
                if stream || error.is_some_and(|error| error.child("policy-violation", ns::STANZA_ERRORS).is_some()) {
                    return;
                }
                assert_eq!(answer.attribute("type"), Some("error"), "{answer}");
            }
            other => panic!("an answer was due: {other:?}"),
        }
    }
    panic!("{MANY} recipients, and no limit");
}

/// RFC 6120 §13.12 rule 6: a client has only so much bandwidth: who sends more is slowed down, or gets `policy-violation`.
fn bandwidth_is_limited(subject: &Subject) {
    const BYTES: usize = 9000;
    const STANZAS: usize = 100;
    /// What loopback carries many times over.
    const BYTES_PER_SECOND: f64 = 1e6;
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    let big = message(juliet.jid(), BYTES);
    let start = Instant::now();
    let mut arrived = 0;
    while arrived < STANZAS && start.elapsed() < subject.seconds(5.0) && romeo.tries_to_send(big.as_bytes()).is_ok() {
        match juliet.receives_next_within(subject.seconds(1.0)) {
            Next::Item(Item::Element(_)) => arrived += 1,
            _ => break,
        }
    }
    let took = start.elapsed().as_secs_f64();
    romeo.notes(&format!("{arrived} stanzas in {took:.2} s"));
    if let Next::Item(Item::Element(answer)) = romeo.receives_next_within(subject.seconds(0.1)) {
        let stream = answer.child("policy-violation", ns::STREAM_ERRORS).is_some();
        let stanza =
            answer.child("error", ns::CLIENT).and_then(|error| error.child("policy-violation", ns::STANZA_ERRORS));
        assert!(stream || stanza.is_some(), "{answer}");
        return;
    }
    let rate = (arrived * BYTES) as f64 / took;
    assert!(rate < BYTES_PER_SECOND, "{rate:.0} bytes a second, and no limit");
}
