//! What does not arrive, and what its sender is told.

use std::time::Duration;

use jabiru_net::Identity;
use jabiru_stanza::{Condition, Jid, StanzaError};
use rcgen::CertificateParams;

use crate::site::{Resource, Setup, Site, authority, dialback_allowed, eventually, self_signed};

/// The error that came back for the only thing that was sent.
async fn error(resource: &Resource) -> StanzaError {
    resource.ids(1).await;
    let stanza = resource.sink.take().pop().unwrap();
    StanzaError::parse(stanza.raw()).expect("an error")
}

fn expired(name: &str) -> Identity {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    authority().issue(&params)
}

/// RFC 6120 §13.7.2: whichever side shows a bad certificate, nothing is said, and both sides can tell why.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_that_prove_nothing() {
    type Make = fn(&str) -> Identity;
    let cases: [(Make, &str); 3] = [
        (|_| authority().identity(&["other.example"]), "is not for"),
        (expired, "expired on"),
        (self_signed, "self-signed"),
    ];
    for (make, expected) in cases {
        for bad in ["a.example", "b.example"] {
            let site = |name: &'static str| {
                Site::with(name, |setup: &mut Setup| {
                    if name == bad {
                        setup.identity = make(name);
                    }
                })
            };
            let (a, b) = (site("a.example"), site("b.example"));
            a.knows(&[&b]);
            b.knows(&[&a]);
            let romeo = a.log_in("romeo@a.example/orchard").await;
            let juliet = b.log_in("juliet@b.example/balcony").await;
            romeo.says("juliet@b.example/balcony", "lost").await;
            let error = error(&romeo).await;
            assert_eq!(*error.condition(), Condition::RemoteServerTimeout, "{bad} {expected}");
            let text = error.text().unwrap_or_default();
            assert!(text.contains(expected), "{bad} has the bad certificate: {text}");
            assert_eq!(juliet.sink.ids(), Vec::<String>::new());
        }
    }
}

/// Who claims to be a domain chooses what is looked up for it, and so must not learn what came of that: it would show which
/// ports are open in the network of whoever looks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_look_ups_met_is_not_told() {
    let a = Site::with("a.example", |setup| setup.identity = self_signed("a.example"));
    let b = Site::with("b.example", |setup| setup.policy.posh = true);
    a.knows(&[&b]);
    b.knows(&[&a]);
    let romeo = a.log_in("romeo@a.example/orchard").await;
    romeo.says("juliet@b.example", "lost").await;
    let refused = error(&romeo).await;
    let text = refused.text().unwrap_or_default();
    assert!(text.contains("self-signed; no POSH document was found"), "{text}");
    assert!(!text.contains("443") && !text.contains("well-known"), "{text}");
    // To our own operator and users it is.
    let juliet = b.log_in("juliet@b.example/balcony").await;
    juliet.says("romeo@a.example", "lost").await;
    let refused = error(&juliet).await;
    let text = refused.text().unwrap_or_default();
    assert!(text.contains("no POSH document was found: https://a.example/.well-known/"), "{text}");
}

/// A key is never believed because of what the initiating server says of itself: the authoritative server is asked, and
/// where it can't be, nothing is proven.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dialback_asks_the_authoritative_server() {
    let site = |name: &'static str| {
        Site::with(name, |setup| {
            setup.identity = self_signed(name);
            setup.policy.rules = dialback_allowed();
        })
    };
    let (impostor, victim) = (site("a.example"), site("b.example"));
    impostor.knows(&[&victim]);
    let mallory = impostor.log_in("mallory@a.example/x").await;
    let juliet = victim.log_in("juliet@b.example/balcony").await;
    // The receiving server finds another one than that which connects to it.
    let other = Site::with("a.example", |setup| {
        setup.identity = self_signed("a.example");
        setup.policy.rules = dialback_allowed();
        setup.secret = b"another".to_vec();
    });
    victim.knows(&[&other]);
    mallory.says("juliet@b.example/balcony", "spoofed").await;
    let refused = error(&mallory).await;
    assert!(refused.text().unwrap_or_default().contains("dialback"), "{refused:?}");
    // Nobody there to ask.
    let (gone, address) = (site("a.example"), "127.0.0.1:1".parse().unwrap());
    gone.knows(&[&victim]);
    victim.routes(&"a.example".parse().unwrap(), address);
    let eve = gone.log_in("eve@a.example/x").await;
    eve.says("juliet@b.example/balcony", "spoofed").await;
    let refused = error(&eve).await;
    assert!(refused.text().unwrap_or_default().contains("dialback"), "{refused:?}");
    assert_eq!(juliet.sink.ids(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_there() {
    let a = Site::start("a.example");
    let romeo = a.log_in("romeo@a.example/orchard").await;
    a.routes(&"b.example".parse().unwrap(), "127.0.0.1:1".parse().unwrap());
    romeo.says("juliet@b.example", "lost").await;
    let refused = error(&romeo).await;
    assert_eq!(*refused.condition(), Condition::RemoteServerTimeout);
    assert!(refused.text().unwrap_or_default().contains("connection refused"), "{refused:?}");
    assert_eq!(refused.by().map(Jid::as_str), Some("a.example"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocked_domains_get_and_send_nothing() {
    let a = Site::start("a.example");
    let b = Site::with("b.example", |setup| setup.policy.block.push("a.example".parse().unwrap()));
    a.knows(&[&b]);
    b.knows(&[&a]);
    let romeo = a.log_in("romeo@a.example/orchard").await;
    let juliet = b.log_in("juliet@b.example/balcony").await;
    juliet.says("romeo@a.example/orchard", "kept back").await;
    assert_eq!(*error(&juliet).await.condition(), Condition::PolicyViolation);
    romeo.says("juliet@b.example/balcony", "refused").await;
    let refused = error(&romeo).await;
    assert!(refused.text().unwrap_or_default().contains("policy-violation"), "{refused:?}");
    assert_eq!(juliet.sink.ids(), Vec::<String>::new());
}

/// A domain that the DNS has here though it is not ours: the stream leads to ourselves, and is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_to_ourselves_is_refused() {
    let a = Site::start("a.example");
    a.routes(&"b.example".parse().unwrap(), a.address);
    let romeo = a.log_in("romeo@a.example/orchard").await;
    romeo.says("juliet@b.example", "lost").await;
    let refused = error(&romeo).await;
    assert_eq!(*refused.condition(), Condition::RemoteServerTimeout);
    assert!(refused.text().unwrap_or_default().contains("host-unknown"), "{refused:?}");
}

/// What waits for a server that does not answer is bounded, and its senders are told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_bounded() {
    const COUNT: usize = 100;
    let a = Site::with("a.example", |setup| {
        setup.settings.queue_bytes = 1000;
        setup.settings.negotiation_timeout = Duration::from_secs(1);
    });
    // It accepts, and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    a.routes(&"b.example".parse().unwrap(), silent.local_addr().unwrap());
    let romeo = a.log_in("romeo@a.example/orchard").await;
    for number in 0..COUNT {
        romeo.says("juliet@b.example", number).await;
    }
    let full = romeo.sink.ids().len();
    assert!((COUNT - 20..COUNT).contains(&full), "{full} were refused at once");
    let errors = || romeo.sink.ids().len();
    eventually(|| errors() == COUNT, || format!("{} errors", errors())).await;
    let of = |condition: Condition| {
        let errors: Vec<_> = romeo.sink.take().iter().filter_map(|stanza| StanzaError::parse(stanza.raw())).collect();
        let count = errors.iter().filter(|error| *error.condition() == condition).count();
        (errors.len(), count)
    };
    assert_eq!(of(Condition::ResourceConstraint), (COUNT, full));
}

/// RFC 6120 §4.9.3.5: who still sends to a domain that is gone is told so, and gets an error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_that_is_gone() {
    let (a, b) = (Site::start("a.example"), Site::start("b.example"));
    a.knows(&[&b]);
    let romeo = a.log_in("romeo@a.example/orchard").await;
    let juliet = b.log_in("juliet@b.example/balcony").await;
    romeo.says("juliet@b.example/balcony", "before").await;
    juliet.ids(1).await;
    let gone = b.hosted.replace(["c.example".parse().unwrap()]);
    assert_eq!(b.s2s.end_domains(&gone), 1);
    eventually(|| a.s2s.stream_count() == 0, || "the stream goes on".to_owned()).await;
    romeo.says("juliet@b.example/balcony", "after").await;
    let refused = error(&romeo).await;
    assert!(refused.text().unwrap_or_default().contains("host-unknown"), "{refused:?}");
}
