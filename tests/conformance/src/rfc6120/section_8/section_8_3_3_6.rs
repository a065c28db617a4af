//! RFC 6120 §8.3.3.6: `internal-server-error`.

use super::of_any_type;
use crate::case;
use crate::case::{Case, Need, Verb};
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[case!(
    May,
    request_that_the_storage_fails_is_an_internal_server_error,
    ["8.3.3.6"],
    needs[Need::Alone, Need::Admin(Verb::BreakStorage)]
)];

/// RFC 6120 §8.3.3.6: a request that can't be processed because the storage is broken gets `internal-server-error`, and
/// the stream goes on.
fn request_that_the_storage_fails_is_an_internal_server_error(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    subject.admin(Verb::BreakStorage, &[]);
    romeo.sends("<iq id='a' to='$domain' type='get'><query xmlns='jabber:iq:register'/></iq>");
    romeo.waits(Some(subject.seconds(20.0)));
    romeo.receives_stanza_error_of("a", &of_any_type(&["internal-server-error"]));
    romeo.settles();
}
