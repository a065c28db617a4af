//! RFC 6120 §8.2.2: presence.

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, presence_with_an_address_is_delivered_there_alone, ["8.2.2", "8.2", "stanza-kind-presence"]),
    case!(Must, presence_is_not_answered_by_the_server, ["8.2.2", "stanza-kind-presence"]),
];

/// RFC 6120 §8.2.2: presence with `to` goes to whom it names, and to nobody else.
fn presence_with_an_address_is_delivered_there_alone(subject: &Subject) {
    let [mut romeo, mut juliet, mut nurse] = subject.login(["romeo/orchard", "juliet/balcony", "nurse/kitchen"]);
    romeo.sends("<presence to='$juliet/balcony' id='a'><show>away</show><status>be right back</status></presence>");
    juliet.receives(
        "<presence from='$romeo/orchard' to='$juliet/balcony' id='a'>\
         <show>away</show><status>be right back</status></presence>",
    );
    nurse.hears_nothing_from(&mut romeo);
}

/// RFC 6120 §8.2.2: presence is published, not a request: neither the broadcast nor directed presence is answered.
fn presence_is_not_answered_by_the_server(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    romeo.sends("<presence id='a'><show>xa</show></presence><presence to='$juliet/balcony' id='b'/>");
    juliet.receives("<presence from='$romeo/orchard' to='$juliet/balcony' id='b'/>");
    romeo.settles();
}
