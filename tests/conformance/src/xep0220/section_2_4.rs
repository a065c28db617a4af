//! XEP-0220 §2.4: advertisement.

use super::without_certificate;
use crate::case;
use crate::case::{Case, Need};
use crate::ns;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, dialback_is_declared_in_the_response, ["13.5", "4.8.4"], needs[Need::Servers]),
    case!(Must, dialback_is_declared_in_the_initial_header, ["13.5", "4.8.4"], needs[Need::Servers]),
    case!(Should, dialback_with_errors_is_a_feature, ["13.5", "4.3"], needs[Need::Servers]),
];

/// XEP-0220 §2.4.1: the response header declares the namespace of dialback.
fn dialback_is_declared_in_the_response(subject: &Subject) {
    let stream = without_certificate(&subject.server("verona"));
    let namespaces = &stream.header().namespaces;
    assert!(namespaces.values().any(|namespace| namespace == ns::DIALBACK), "{namespaces:?}");
}

/// XEP-0220 §2.4.1: so does the header of a stream that the subject opens.
fn dialback_is_declared_in_the_initial_header(subject: &Subject) {
    let mut verona = subject.server("verona");
    let mut writer = subject.bound("writer");
    writer.sends("<message to='juliet@$verona' type='chat' id='first'><body>hi</body></message>");
    verona.receives_any();
    for header in &verona.incoming()[0].headers {
        assert!(header.namespaces.values().any(|namespace| namespace == ns::DIALBACK), "{header:?}");
    }
}

/// XEP-0220 §2.4.2: errors of dialback are advertised as a stream feature.
fn dialback_with_errors_is_a_feature(subject: &Subject) {
    let verona = subject.server("verona");
    let (_, features) = verona.secure_with(&crate::TlsOptions::default());
    let feature = features.0.child("dialback", ns::DIALBACK_FEATURE);
    assert!(feature.is_some_and(|feature| feature.child("errors", ns::DIALBACK_FEATURE).is_some()), "{}", features.0);
}
