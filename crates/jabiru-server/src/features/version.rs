//! Software version (XEP-0092): the name and the version of the server.
//!
//! The operating system is not told: it helps only who attacks it (§5).

use jabiru_router::{Eventually, Feature, IqAnswer, IqRequest, RequestContext, Target};
use jabiru_stanza::{Element, Stanza, ns};

/// The feature.
#[derive(Clone, Copy, Debug)]
pub(super) struct Version;

impl Feature for Version {
    fn name(&self) -> &'static str {
        "software version"
    }

    fn requests(&self) -> &[IqRequest] {
        const { &[IqRequest::get(Target::Server, "query", ns::VERSION)] }
    }

    fn handle_iq(&self, _request: &Stanza, _context: RequestContext<'_>) -> Eventually<IqAnswer> {
        let child = |name, text| Element::new(name, ns::VERSION).with_text(text);
        let query = Element::new("query", ns::VERSION)
            .with_child(child("name", "Jabiru"))
            .with_child(child("version", env!("CARGO_PKG_VERSION")));
        Eventually::Now(IqAnswer::Result(Some(query)))
    }

    fn disco_features(&self, target: Target) -> Vec<&'static str> {
        match target {
            Target::Server => vec![ns::VERSION],
            Target::OwnAccount | Target::OtherAccount => Vec::new(),
        }
    }
}
