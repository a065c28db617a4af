//! RFC 6120 §13.11: directory harvesting.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use crate::case;
use crate::case::Case;
use crate::client::{Answer, Client};
use crate::subject::Subject;

use super::super::section_6::scram::Scram;
use super::super::section_6::{offering, plain};

pub(super) const CASES: &[Case] = &[
    case!(Should, request_does_not_tell_who_exists, ["13.11"]),
    case!(Should, error_for_an_unknown_account_is_service_unavailable, ["13.11"]),
    case!(Should, salt_of_an_unknown_user_stays, ["13.11", "6.5.10"]),
    case!(Should, sasl_takes_as_long_for_an_unknown_user, ["13.11", "6.5.10"]),
    case!(May, request_takes_as_long_for_an_unknown_account, ["13.11"]),
];

/// How often something is measured.
const SAMPLES: usize = 11;

/// How often it is measured again before it counts.
const MEASUREMENTS: usize = 3;

/// How much longer one median may be than the other: a machine under load is no clock.
const FACTOR: u32 = 4;

/// What is too short to be compared over a network.
const NOISE: Duration = Duration::from_millis(3);

/// Asks `to` for something that nobody understands; the answer without its addresses.
#[track_caller]
fn asks(client: &mut Client, to: &str) -> String {
    client.sends_bytes(format!("<iq type='get' to='{to}' id='ask'><query xmlns='urn:example:nobody-knows'/></iq>"));
    let mut answer = client.receives_any();
    assert_eq!(answer.attribute("id"), Some("ask"), "an answer was due: {answer}");
    answer.attributes.retain(|name, _| name == "type");
    answer.to_string()
}

/// RFC 6120 §13.11: subtle differences in the XML of errors tell who exists: a request to an account without resources, and
/// to one that is not there, have the same answer.
fn request_does_not_tell_who_exists(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    let (known, unknown) = (subject.account("juliet").jid, subject.expand("$nobody"));
    for resource in ["", "/nowhere"] {
        let (known, unknown) = (format!("{known}{resource}"), format!("{unknown}{resource}"));
        assert_eq!(asks(&mut romeo, &known), asks(&mut romeo, &unknown), "{known} and {unknown}");
    }
}

/// RFC 6120 §13.11: `service-unavailable` for an account that does not exist can help, for it is what others have, too.
fn error_for_an_unknown_account_is_service_unavailable(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    romeo.sends("<iq type='get' to='$nobody' id='ask'><query xmlns='urn:example:nobody-knows'/></iq>");
    romeo.receives_stanza_error_of("ask", &[("cancel", "service-unavailable"), ("wait", "service-unavailable")]);
}

/// RFC 6120 §13.11, §6.5.10, RFC 5802 §9: an unknown user has a salt as everybody has: the same each time, and not that of
/// another.
fn salt_of_an_unknown_user_stays(subject: &Subject) {
    let salt = |user: &str| {
        let mut romeo = offering(subject, "SCRAM-SHA-1");
        let scram = Scram::new("SCRAM-SHA-1", user);
        romeo.sends_auth("SCRAM-SHA-1", Some(&scram.first()));
        let Answer::Challenge(data) = romeo.receives_sasl_answer() else {
            panic!("{user}: a challenge was due, as for everybody")
        };
        scram.reads(&data).salt
    };
    let known = subject.account("romeo").local;
    assert_eq!(salt(&known), salt(&known), "the salt of an account changes");
    assert_eq!(salt("nobody-is-here"), salt("nobody-is-here"), "the salt of an unknown user changes");
    assert_ne!(salt("nobody-is-here"), salt("nobody-else-is"), "all unknown users have one salt");
}

/// The medians of what two things take, done in turns.
fn medians(one: impl Fn() -> Duration, other: impl Fn() -> Duration) -> (Duration, Duration) {
    let samples: (Vec<_>, Vec<_>) = (0..SAMPLES).map(|_| (one(), other())).unzip();
    (median(samples.0), median(samples.1))
}

fn median(mut samples: Vec<Duration>) -> Duration {
    samples.sort();
    samples[samples.len() / 2]
}

/// Measures until both take about as long, a few times at most: one measurement in a busy moment proves nothing.
#[track_caller]
fn takes_as_long(what: &str, measure: impl Fn() -> (Duration, Duration)) {
    let mut seen = Vec::new();
    for _ in 0..MEASUREMENTS {
        let (known, unknown) = measure();
        if known.max(unknown) <= known.min(unknown) * FACTOR || known.max(unknown) <= NOISE {
            return;
        }
        seen.push((known, unknown));
    }
    panic!("{what}: for who exists, and for who does not: {seen:?}");
}

/// RFC 6120 §13.11, §6.5.10: the time does not tell either: a wrong password of a known user and of an unknown one are
/// refused after about as long.
fn sasl_takes_as_long_for_an_unknown_user(subject: &Subject) {
    let known = subject.account("romeo").local;
    let (_, features) = subject.secure();
    for mechanism in ["PLAIN", "SCRAM-SHA-1"].into_iter().filter(|mechanism| features.offers(mechanism)) {
        let guess = |user: &str| {
            let mut romeo = offering(subject, mechanism);
            let first = match mechanism {
                "PLAIN" => plain("", user, "not the password"),
                _ => Scram::new(mechanism, user).first(),
            };
            let start = Instant::now();
            romeo.sends_auth(mechanism, Some(&first));
            romeo.receives_sasl_answer();
            start.elapsed()
        };
        takes_as_long(mechanism, || medians(|| guess(&known), || guess("nobody-is-here")));
    }
}

/// RFC 6120 §13.11: nor does the time that an error takes.
fn request_takes_as_long_for_an_unknown_account(subject: &Subject) {
    let romeo = RefCell::new(subject.bound("romeo/orchard"));
    let (known, unknown) = (subject.account("juliet").jid, subject.expand("$nobody"));
    let ask = |to: &str| {
        let start = Instant::now();
        asks(&mut romeo.borrow_mut(), to);
        start.elapsed()
    };
    takes_as_long("a request", || medians(|| ask(&known), || ask(&unknown)));
}
