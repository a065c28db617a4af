//! RFC 6120 §10.4: stanzas for remote domains.

use super::of_any_type;
use crate::case;
use crate::case::{Case, Need};
use crate::client::STANZA_CONDITIONS;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, remote_domain_is_not_taken_for_the_own, ["10.4", "10.5"]),
    case!(Must, hosted_domain_is_not_taken_for_a_remote_one, ["10.4", "10.5"], needs[Need::SecondDomain]),
];

/// RFC 6120 §10.4: what is for an account of another domain does not come to the one of the same name here.
fn remote_domain_is_not_taken_for_the_own(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    romeo.waits(Some(subject.seconds(20.0)));
    let local = subject.account("juliet").local;
    for to in [format!("{local}@$remote"), format!("{local}@$remote/balcony")] {
        romeo.sends(format!("<message id='a' type='chat' to='{to}'><body>hi</body></message>"));
        let error = romeo.receives_stanza_error_of("a", &of_any_type(&STANZA_CONDITIONS));
        assert_eq!(error.name, "message", "{error}");
    }
    juliet.hears_nothing_from(&mut romeo);
}

/// RFC 6120 §10.4, §10.5: another domain of the same server is served by it, not looked for elsewhere.
fn hosted_domain_is_not_taken_for_a_remote_one(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    for to in ["$other", "nobody-is-here@$other", "nobody-is-here@$other/nowhere", "$other/nothing"] {
        romeo.sends(format!("<iq type='get' id='a' to='{to}'><q xmlns='{}'/></iq>", super::UNKNOWN));
        romeo.receives_stanza_error_of("a", &of_any_type(&["service-unavailable", "item-not-found"]));
    }
}
