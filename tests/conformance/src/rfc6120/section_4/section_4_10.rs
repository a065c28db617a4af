//! RFC 6120 §4.10: the two simplified examples.

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] =
    &[case!(Must, basic_connection, ["4.10"]), case!(Must, connection_gone_bad, ["4.10"])];

/// RFC 6120 §4.10, first example: streams, a message each way, and the end.
fn basic_connection(subject: &Subject) {
    let [mut juliet, mut romeo] = subject.login(["juliet/balcony", "romeo/orchard"]);
    juliet.sends(
        "<message from='$juliet/balcony' to='$romeo/orchard' xml:lang='en'>\
         <body>Art thou not Romeo, and a Montague?</body></message>",
    );
    romeo.receives(
        "<message from='$juliet/balcony' to='$romeo/orchard' xml:lang='en' id='?'>\
         <body>Art thou not Romeo, and a Montague?</body></message>",
    );
    romeo.sends(
        "<message from='$romeo/orchard' to='$juliet/balcony' xml:lang='en'>\
         <body>Neither, fair saint, if either thee dislike.</body></message>",
    );
    juliet.receives(
        "<message from='$romeo/orchard' to='$juliet/balcony' xml:lang='en' id='?'>\
         <body>Neither, fair saint, if either thee dislike.</body></message>",
    );
    juliet.closes();
}

/// RFC 6120 §4.10, second example: the closing tag of a body is missing, which costs the stream.
fn connection_gone_bad(subject: &Subject) {
    let mut juliet = subject.bound("juliet/balcony");
    juliet.sends("<message from='$juliet/balcony' to='$domain' xml:lang='en'><body>No closing tag!</message>");
    juliet.receives_stream_error_of(&["not-well-formed", "bad-format"]);
}
