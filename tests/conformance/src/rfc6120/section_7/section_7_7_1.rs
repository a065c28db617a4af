//! RFC 6120 §7.7.1: the success case of a resource that the client names.

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

use super::{Bound, bind};

pub(super) const CASES: &[Case] = &[
    case!(Should, submitted_resourcepart_is_accepted, ["7.7.1", "7.7"]),
    case!(Should, accepted_resourcepart_is_not_modified, ["7.7.1", "7.7"]),
    case!(Must, result_names_the_resource_that_is_bound, ["7.7.1"]),
];

/// RFC 6120 §7.7.1: the server accepts the resourcepart that a client submits.
fn submitted_resourcepart_is_accepted(subject: &Subject) {
    let (mut juliet, _) = subject.authenticated("juliet");
    juliet.sends(
        "<iq id='wy2xa82b4' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>balcony</resource>\
         </bind></iq>",
    );
    juliet.receives(
        "<iq id='wy2xa82b4' type='result' from='?' to='?'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <jid>$juliet/balcony</jid></bind></iq>",
    );
}

/// RFC 6120 §7.7.1: what is accepted comes back without modification, with the case of its letters, its spaces and signs;
/// resourceparts may have all of these (RFC 6122 §2.4).
fn accepted_resourcepart_is_not_modified(subject: &Subject) {
    for resource in ["Balcony", "the big garden", "a/b@c", "Räume & <Höfe>", "日本語", "x'y\"z", &"long".repeat(250)]
    {
        let (mut juliet, _) = subject.authenticated("juliet");
        let bound = bind(&mut juliet, "bind", Some(resource));
        assert_eq!(bound, Bound::Jid(format!("{}/{resource}", subject.account("juliet").jid)));
    }
}

/// RFC 6120 §7.7.1: a server may override what was submitted; the address that the result has is the one at which the
/// client is reached.
fn result_names_the_resource_that_is_bound(subject: &Subject) {
    let mut juliet = subject.bound("juliet/Bal cony");
    juliet.becomes_available();
    let mut romeo = subject.bound("romeo/orchard");
    let (from, to) = (romeo.jid().to_owned(), juliet.jid().to_owned());
    romeo.sends_bytes(format!("<message to='{to}' type='chat'><body>hi</body></message>"));
    juliet.receives(format!("<message from='{from}' to='{to}' type='chat'><body>hi</body>...</message>"));
}
