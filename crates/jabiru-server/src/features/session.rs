//! Session establishment (RFC 3921 §3), which RFC 6121 took out and encourages to answer (its
//! Appendix E): older clients do not start without, and there is nothing to do.

use jabiru_router::{Eventually, Feature, IqAnswer, IqRequest, RequestContext, Target};
use jabiru_stanza::{Element, Stanza, ns};

/// The feature.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session;

impl Feature for Session {
    fn name(&self) -> &'static str {
        "session establishment"
    }

    fn requests(&self) -> &[IqRequest] {
        const {
            &[
                // RFC 3921 §3 addresses the domain; most clients leave `to` out.
                IqRequest::set(Target::Server, "session", ns::SESSION),
                IqRequest::set(Target::OwnAccount, "session", ns::SESSION),
            ]
        }
    }

    fn handle_iq(&self, _request: &Stanza, _context: RequestContext<'_>) -> Eventually<IqAnswer> {
        Eventually::Now(IqAnswer::Result(None))
    }

    /// Marked as optional, so that newer clients save the round trip.
    fn stream_features(&self) -> Vec<Element> {
        vec![Element::new("session", ns::SESSION).with_child(Element::new("optional", ns::SESSION))]
    }
}
