//! RFC 6120 §7.6: resource identifiers that the server makes.

use std::collections::BTreeSet;

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, server_makes_resourceparts, ["7.6", "bind-gen"]),
    case!(Must, made_resourceparts_are_random, ["7.6", "7.5", "bind-gen"]),
];

/// RFC 6120 §7.6: a server is able to make a resourcepart for a client.
fn server_makes_resourceparts(subject: &Subject) {
    let (mut romeo, _) = subject.authenticated("romeo");
    let jid = romeo.requests_resource(None);
    let bare = subject.account("romeo").jid;
    let resource = jid.strip_prefix(&format!("{bare}/")).unwrap_or_else(|| panic!("no full JID of {bare}: {jid}"));
    assert!(!resource.is_empty(), "{jid}");
    romeo.settles();
}

/// RFC 6120 §7.6: the resourcepart is random: no two are equal, on one account after another and on several, and they
/// differ in more than a few characters, as those of a counter would.
fn made_resourceparts_are_random(subject: &Subject) {
    const FEW: usize = 4;
    let mut made = BTreeSet::new();
    for role in ["romeo", "romeo", "juliet", "romeo", "juliet", "romeo"] {
        let (mut client, _) = subject.authenticated(role);
        let jid = client.requests_resource(None);
        let resource = jid.split_once('/').map(|(_, resource)| resource.to_owned()).unwrap_or_default();
        assert!(made.insert(resource), "the same twice: {jid}");
        client.closes();
    }
    for (one, other) in made.iter().zip(made.iter().skip(1)) {
        let differ = one.chars().zip(other.chars()).filter(|(one, other)| one != other).count();
        assert!(differ > FEW, "{one} and {other} differ in {differ} characters only");
    }
}
