//! RFC 6120 §10.5.2: stanzas for the domain with a resourcepart.

use super::section_10_5_1::comes_from_there;
use super::{UNKNOWN, of_any_type};
use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, request_to_a_resource_of_the_domain_is_answered, ["10.5.2"]),
    case!(Must, message_to_a_resource_of_the_domain_is_handled_or_refused, ["10.5.2"]),
];

/// RFC 6120 §10.5.2: a request to a resource of the domain is handled or answered by an error.
fn request_to_a_resource_of_the_domain_is_answered(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    for to in ["$domain/anything", "$domain/any/thing@all", "$domain/orchard"] {
        romeo.sends(format!("<iq type='get' id='a' to='{to}'><q xmlns='{UNKNOWN}'/></iq>"));
        let conditions = ["service-unavailable", "feature-not-implemented", "item-not-found"];
        let error = romeo.receives_stanza_error_of("a", &of_any_type(&conditions));
        assert_eq!(error.attribute("from"), Some(subject.expand(to).as_str()), "{error}");
    }
}

/// RFC 6120 §10.5.2: a message or presence to a resource of the domain is handled or answered by an error, and is not
/// for whoever has a resource of that name.
fn message_to_a_resource_of_the_domain_is_handled_or_refused(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for stanza in ["<message type='chat' id='a' to='$domain/balcony'/>", "<presence id='a' to='$domain/balcony'/>"] {
        romeo.sends(stanza);
        comes_from_there(&mut romeo, "$domain/balcony", subject);
    }
    juliet.hears_nothing_from(&mut romeo);
}
