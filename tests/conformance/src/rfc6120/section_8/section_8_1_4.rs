//! RFC 6120 §8.1.4: `type`.

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, types_of_messages_are_kept, ["8.1.4", "stanza-attribute-type", "stanza-kind-message"]),
    case!(Must, types_of_presence_are_kept, ["8.1.4", "stanza-attribute-type", "stanza-kind-presence"]),
    case!(Must, types_of_iqs_are_kept, ["8.1.4", "8.2.3", "stanza-attribute-type", "stanza-iq-type"]),
];

/// RFC 6120 §8.1.4: a message to a full JID is delivered with its type; all the values of RFC 6121 §5.2.2, and none.
fn types_of_messages_are_kept(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for kind in ["", "type='normal'", "type='chat'", "type='headline'", "type='groupchat'"] {
        romeo.sends(format!("<message to='$juliet/balcony' id='a' {kind}><body>hi</body></message>"));
        juliet.receives(format!(
            "<message from='$romeo/orchard' to='$juliet/balcony' id='a' {kind}><body>hi</body></message>"
        ));
    }
    let error = "<error type='wait'><recipient-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    romeo.sends(format!("<message to='$juliet/balcony' id='a' type='error'>{error}</message>"));
    juliet
        .receives(format!("<message from='$romeo/orchard' to='$juliet/balcony' id='a' type='error'>{error}</message>"));
    juliet.hears_nothing_from(&mut romeo);
}

/// RFC 6120 §8.1.4: directed presence is delivered with its type, and without one if it had none.
fn types_of_presence_are_kept(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    let error = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    for (kind, rest) in [("", ""), ("type='error'", error), ("type='unavailable'", "")] {
        romeo.sends(format!("<presence to='$juliet/balcony' id='a' {kind}>{rest}</presence>"));
        juliet
            .receives(format!("<presence from='$romeo/orchard' to='$juliet/balcony' id='a' {kind}>{rest}</presence>"));
    }
    juliet.hears_nothing_from(&mut romeo);
}

/// RFC 6120 §8.1.4, §8.2.3: an IQ is delivered with its type, which is one of four.
fn types_of_iqs_are_kept(subject: &Subject) {
    let [mut orchard, mut garden] = subject.login(["romeo/orchard", "romeo/garden"]);
    let payload = "<q xmlns='urn:example:question'/>";
    let error = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    for (kind, rest) in [("get", payload), ("set", payload), ("result", payload), ("result", ""), ("error", error)] {
        orchard.sends(format!("<iq to='$romeo/garden' id='a' type='{kind}'>{rest}</iq>"));
        garden.receives(format!("<iq from='$romeo/orchard' to='$romeo/garden' id='a' type='{kind}'>{rest}</iq>"));
    }
    garden.hears_nothing_from(&mut orchard);
}
