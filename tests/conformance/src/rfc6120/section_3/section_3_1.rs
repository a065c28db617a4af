//! RFC 6120 §3.1: XML streams over TCP.

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] =
    &[case!(Must, tcp_connection_is_kept_as_long_as_the_streams, ["3", "4.5", "stream-tcp-binding"])];

/// RFC 6120 §3.1, §4.5: both streams of a client use the TCP connection over which they were negotiated, and it is
/// kept as long as they are in use.
fn tcp_connection_is_kept_as_long_as_the_streams(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    for id in ["1", "2", "3"] {
        romeo.sends(format!("<message to='$romeo/orchard' id='{id}' type='chat'><body>here</body></message>"));
        romeo.receives(format!(
            "<message from='$romeo/orchard' to='$romeo/orchard' id='{id}' type='chat'><body>here</body></message>"
        ));
    }
    romeo.closes();
}
