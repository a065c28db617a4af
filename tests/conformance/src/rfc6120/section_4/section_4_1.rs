//! RFC 6120 §4.1: what a stream and a stanza are.

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, what_looks_like_a_stanza_within_a_stanza_is_content, ["4"]),
    case!(Must, each_side_has_a_stream_of_its_own, ["4"]),
];

/// RFC 6120 §4.1: only first-level elements are stanzas; a `<message/>` within an extension is not sent anywhere,
/// but goes along with the stanza that it is in.
fn what_looks_like_a_stanza_within_a_stanza_is_content(subject: &Subject) {
    let [mut romeo, mut juliet, mut nurse] = subject.login(["romeo/orchard", "juliet/balcony", "nurse/house"]);
    romeo.sends(
        "<message to='$juliet/balcony' type='chat' id='outer'><body>see</body>\
         <report xmlns='urn:example:report'><message to='$nurse/house' id='inner'><body>no</body></message></report>\
         </message>",
    );
    juliet.receives(
        "<message from='$romeo/orchard' to='$juliet/balcony' type='chat' id='outer'><body>see</body>\
         <report xmlns='urn:example:report'><message to='$nurse/house' id='inner'><body>no</body></message></report>\
         </message>",
    );
    nurse.hears_nothing_from(&mut romeo);
}

/// RFC 6120 §4.1: for stanzas in the direction of the client, the server opens a response stream, which is the
/// envelope of everything that it sends.
fn each_side_has_a_stream_of_its_own(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.opens();
    romeo.sends("</stream:stream>");
    romeo.receives_close();
    romeo.receives_end();
    let heard = romeo.heard();
    assert!(heard.trim_end().ends_with("stream>"), "the closing tag is the last word: {heard}");
}
