//! RFC 6120 §7.7.2.1: resourceparts that can't be taken as they are.

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

use super::{Bound, bind};

pub(super) const CASES: &[Case] = &[
    case!(Must, resourcepart_that_is_none_is_not_bound, ["7.7.2.1", "7.7.2"]),
    case!(Should, resourcepart_that_is_none_is_made_one, ["7.7.2.1"]),
    case!(Must, stream_outlives_a_bad_resourcepart, ["7.7.2.1", "7.7.2"]),
];

/// What RFC 6122 §2.4 does not allow: too long, a control character, one for private use, one that is none.
fn malformed() -> [String; 4] {
    ["x".repeat(1024), "a\u{7f}b".to_owned(), "\u{e000}".to_owned(), "\u{fdd0}".to_owned()]
}

/// RFC 6120 §7.7.2.1: a resourcepart that breaks the rules, or is empty, is refused with `bad-request`, or brought in
/// conformance; it is not bound as it is.
fn resourcepart_that_is_none_is_not_bound(subject: &Subject) {
    for resource in malformed().iter().map(String::as_str).chain([""]) {
        let (mut romeo, _) = subject.authenticated("romeo");
        let answer = bind(&mut romeo, "bind", Some(resource));
        match &answer {
            Bound::Error(_, condition) => assert_eq!(condition, "bad-request", "{resource:?}"),
            Bound::Jid(jid) => {
                let bound = answer.resource().unwrap_or_default();
                assert!(!bound.is_empty() && bound != resource, "{jid:?}");
                assert!(bound.len() <= 1023, "{} bytes", bound.len());
            }
        }
    }
}

/// RFC 6120 §7.7.2.1: rather than refuse it, the server should process the resourcepart so that it is in conformance.
fn resourcepart_that_is_none_is_made_one(subject: &Subject) {
    for resource in malformed().iter().map(String::as_str).chain([""]) {
        let (mut romeo, _) = subject.authenticated("romeo");
        let answer = bind(&mut romeo, "bind", Some(resource));
        assert!(matches!(answer, Bound::Jid(_)), "{resource:?}: {answer:?}");
    }
}

/// RFC 6120 §7.7.2.1, §7.7.3: whatever the answer is, the client can still get a resource on the same stream.
fn stream_outlives_a_bad_resourcepart(subject: &Subject) {
    let (mut romeo, _) = subject.authenticated("romeo");
    let mut answer = bind(&mut romeo, "bad", Some(&malformed()[0]));
    if let Bound::Error(..) = answer {
        answer = bind(&mut romeo, "good", Some("orchard"));
    }
    assert!(matches!(answer, Bound::Jid(_)), "{answer:?}");
    romeo.settles();
}
