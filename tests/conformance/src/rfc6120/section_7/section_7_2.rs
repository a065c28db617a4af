//! RFC 6120 §7.2: support for resource binding.

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[case!(Must, resources_can_be_bound, ["7", "7.2", "7.1", "bind-support"])];

/// RFC 6120 §7.2: servers support resource binding, of a resource that they make as well as of one that the client names;
/// from then on stanzas are exchanged.
fn resources_can_be_bound(subject: &Subject) {
    for resource in [None, Some("orchard")] {
        let (mut romeo, features) = subject.authenticated("romeo");
        assert!(features.bind(), "{}", features.0);
        romeo.requests_resource(resource);
        romeo.settles();
    }
}
