//! RFC 6120 §8.3.3.15: `registration-required`.

use crate::case;
use crate::case::{Case, Need};
use crate::client::Login;
use crate::subject::Subject;

pub(super) const CASES: &[Case] =
    &[case!(May, who_is_not_registered_can_not_cancel_a_registration, ["8.3.3.15"], needs[Need::Anonymous])];

/// RFC 6120 §8.3.3.15: what only those can do who are registered gets `registration-required`: to cancel a registration
/// (XEP-0077 §3.2).
fn who_is_not_registered_can_not_cancel_a_registration(subject: &Subject) {
    let (mut guest, _) = subject.secure();
    assert!(guest.negotiates_sasl(&Login::new("ANONYMOUS", "", "")).is_success());
    guest.opens();
    guest.requests_resource(None);
    guest.sends("<iq id='a' type='set'><query xmlns='jabber:iq:register'><remove/></query></iq>");
    guest.receives_stanza_error("a", "auth", "registration-required");
}
