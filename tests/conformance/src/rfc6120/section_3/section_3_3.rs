//! RFC 6120 §3.3: reconnection.

use std::net::Shutdown;

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] =
    &[case!(Must, client_comes_back_after_losing_its_connection, ["3", "stream-reconnect"])];

/// RFC 6120 §3.3, §4.6.1: a client whose connection was lost without a word connects again, gets a stream, and can
/// be reached over it.
fn client_comes_back_after_losing_its_connection(subject: &Subject) {
    let [mut juliet, romeo] = subject.login(["juliet/balcony", "romeo/orchard"]);
    romeo.socket().shutdown(Shutdown::Both).expect("the socket is open");
    drop(romeo);
    let mut again = subject.bound("romeo");
    juliet.sends(format!("<message to='{}' type='chat' id='1'><body>there?</body></message>", again.jid()));
    again.receives(format!(
        "<message from='$juliet/balcony' to='{}' type='chat' id='1'><body>there?</body></message>",
        again.jid()
    ));
}
