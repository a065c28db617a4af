//! RFC 6120 §5.3.1: TLS as mandatory-to-negotiate.

use crate::case;
use crate::case::Case;
use crate::client::{Item, Next};
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Should, nothing_but_starttls_is_offered_where_it_is_mandatory, ["5.3.1"]),
    case!(Must, nobody_authenticates_before_mandatory_tls, ["5.3.1", "tls-mtn", "13.3"]),
    case!(Must, no_stanza_passes_before_mandatory_tls, ["5.3.1", "tls-mtn", "13.3", "13.12"]),
];

/// Is TLS mandatory: said to be `<required/>`, or offered alone?
fn is_mandatory(features: &crate::Features) -> bool {
    features.starttls() == Some(true) || (features.starttls().is_some() && features.0.elements().count() == 1)
}

/// RFC 6120 §5.3.1: where TLS is mandatory-to-negotiate, no feature but STARTTLS is advertised before it.
fn nothing_but_starttls_is_offered_where_it_is_mandatory(subject: &Subject) {
    let mut romeo = subject.connect();
    let features = romeo.opens();
    if !is_mandatory(&features) {
        subject.not_tried("TLS is voluntary here");
    }
    let names: Vec<&str> = features.0.elements().map(|feature| feature.name.as_str()).collect();
    assert_eq!(names, ["starttls"], "{}", features.0);
}

/// RFC 6120 §5.3.1: TLS that is mandatory-to-negotiate can't be left out: `<auth/>` in clear leads neither to a
/// challenge nor to success. How it is refused is open: a SASL failure (§6.5.4), or a stream error.
fn nobody_authenticates_before_mandatory_tls(subject: &Subject) {
    let account = subject.account("romeo");
    for mechanism in ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"] {
        let mut romeo = subject.connect();
        if !is_mandatory(&romeo.opens()) {
            subject.not_tried("TLS is voluntary here");
        }
        let initial = match mechanism {
            "PLAIN" => format!("\0{}\0{}", account.local, account.password),
            _ => format!("n,,n={},r=fyko+d2lbbFgONRv9qkxdawL", account.local),
        };
        romeo.sends_auth(mechanism, Some(initial.as_bytes()));
        match romeo.receives_next() {
            Next::Item(Item::Element(answer)) => {
                assert!(!matches!(answer.name.as_str(), "challenge" | "success"), "{mechanism} went on: {answer}");
            }
            Next::Item(Item::Close) | Next::End(_) => {}
            other => panic!("{mechanism} was to be refused: {other:?}"),
        }
    }
}

/// RFC 6120 §5.3.1, §13.3, §13.12: where TLS is mandatory-to-negotiate, a stanza in clear is not processed: nobody
/// gets it, and no stanza but an error answers it.
fn no_stanza_passes_before_mandatory_tls(subject: &Subject) {
    let [mut juliet, mut witness] = subject.login(["juliet/balcony", "nurse/house"]);
    let mut romeo = subject.connect();
    if !is_mandatory(&romeo.opens()) {
        subject.not_tried("TLS is voluntary here");
    }
    romeo.sends("<message to='$juliet' type='chat'><body>in clear</body></message>");
    match romeo.receives_next() {
        Next::Item(Item::Element(answer)) => {
            let refused = answer.is("error", crate::ns::STREAM) || answer.attribute("type") == Some("error");
            assert!(refused, "a refusal was due: {answer}");
        }
        Next::Item(Item::Close) | Next::End(_) => {}
        other => panic!("the message was to be refused: {other:?}"),
    }
    // Had it been routed, it would have come before what the witness says after the refusal.
    juliet.hears_nothing_from(&mut witness);
}
