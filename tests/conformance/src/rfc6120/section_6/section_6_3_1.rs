//! RFC 6120 §6.3.1: SASL as mandatory-to-negotiate.

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

use super::is_refused;

pub(super) const CASES: &[Case] = &[
    case!(Must, nothing_is_bound_before_sasl, ["6.3.1", "sasl-mtn", "13.3"]),
    case!(Must, no_stanza_passes_before_sasl, ["6.3.1", "sasl-mtn", "13.3", "13.12"]),
];

/// RFC 6120 §6.3.1: SASL can't be left out: a client that has not authenticated can't bind a resource. How it is refused
/// is open here; §4.9.3.12 has the condition.
fn nothing_is_bound_before_sasl(subject: &Subject) {
    let (mut romeo, features) = subject.secure();
    assert!(!features.bind(), "{}", features.0);
    romeo.sends(
        "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <resource>orchard</resource></bind></iq>",
    );
    is_refused(&mut romeo);
}

/// RFC 6120 §6.3.1, §13.12: stanzas from clients that have not authenticated are not processed, whatever they say of
/// themselves.
fn no_stanza_passes_before_sasl(subject: &Subject) {
    let [mut juliet, mut witness] = subject.login(["juliet/balcony", "nurse/house"]);
    for stanza in [
        "<message to='$juliet' type='chat'><body>who goes there?</body></message>",
        "<message to='$juliet' from='$romeo/orchard' type='chat'><body>it is I</body></message>",
        "<presence to='$juliet' type='subscribe'/>",
        "<iq to='$juliet' type='get' id='vcard'><vCard xmlns='vcard-temp'/></iq>",
    ] {
        let (mut romeo, _) = subject.secure();
        romeo.sends(stanza);
        is_refused(&mut romeo);
    }
    // Had one been routed, it would have come before what the witness says after the last refusal.
    juliet.hears_nothing_from(&mut witness);
}
