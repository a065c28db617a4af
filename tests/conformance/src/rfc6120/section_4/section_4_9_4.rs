//! RFC 6120 §4.9.4: application-specific conditions.

use crate::case;
use crate::case::{Case, Need};
use crate::ns;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(May, error_tells_more_by_a_condition_of_an_application, ["4.9.4", "4.9.3.14"], needs[Need::SmallLimits]),
    case!(Must, condition_of_an_application_has_its_own_namespace, ["4.9.4"], needs[Need::SmallLimits]),
];

/// RFC 6120 §4.9.4, §4.9.3.14: a server may say more exactly which policy was violated, by an element of another
/// namespace beside the defined condition.
fn error_tells_more_by_a_condition_of_an_application(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    romeo.sends(format!("<message to='$romeo'><body>{}</body></message>", "the-emacs-manual ".repeat(5000)));
    let error = romeo.receives_stream_error("policy-violation");
    assert!(error.application.is_some(), "{}", error.element);
}

/// RFC 6120 §4.9.4, §4.9.2: such an element supplements a defined condition and has a namespace that its application
/// has defined.
fn condition_of_an_application_has_its_own_namespace(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    romeo.sends(format!("<message to='$romeo'><body>{}</body></message>", "the-emacs-manual ".repeat(5000)));
    let error = romeo.receives_stream_error("policy-violation");
    if let Some(application) = error.application {
        let taken = [ns::STREAM_ERRORS, ns::STREAM, ns::CLIENT, ""];
        assert!(!taken.contains(&application.namespace.as_str()), "{application}");
    }
}
