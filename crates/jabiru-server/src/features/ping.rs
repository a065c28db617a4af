//! XMPP ping (XEP-0199), as the one who is pinged.
//!
//! The server answers for itself and, to an account's own resources, for the account (§4.2). It does
//! not answer for an account to others: the answer would tell that the account exists.

use jabiru_router::{Eventually, Feature, IqAnswer, IqRequest, RequestContext, Target};
use jabiru_stanza::{Stanza, ns};

/// The feature.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ping;

impl Feature for Ping {
    fn name(&self) -> &'static str {
        "ping"
    }

    fn requests(&self) -> &[IqRequest] {
        const { &[IqRequest::get(Target::Server, "ping", ns::PING), IqRequest::get(Target::OwnAccount, "ping", ns::PING)] }
    }

    fn handle_iq(&self, _request: &Stanza, _context: RequestContext<'_>) -> Eventually<IqAnswer> {
        Eventually::Now(IqAnswer::Result(None))
    }

    fn disco_features(&self, target: Target) -> Vec<&'static str> {
        match target {
            Target::Server | Target::OwnAccount => vec![ns::PING],
            Target::OtherAccount => Vec::new(),
        }
    }
}
