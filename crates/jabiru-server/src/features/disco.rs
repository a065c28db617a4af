//! Service discovery (XEP-0030): what the server is, and what it can do.
//!
//! The answer about the server is put together from all features. An account is described to itself
//! alone: whoever else asks is told `service-unavailable`, whether the account exists or not (§8),
//! until there are rosters to know a trusted contact by.

use jabiru_router::{Eventually, Feature, Features, Identity, IqAnswer, IqRequest, RequestContext, Target};
use jabiru_stanza::{Condition, Element, Stanza, ns};

/// The feature.
#[derive(Clone, Copy, Debug)]
pub(super) struct Disco;

impl Feature for Disco {
    fn name(&self) -> &'static str {
        "service discovery"
    }

    fn requests(&self) -> &[IqRequest] {
        const {
            &[
                IqRequest::get(Target::Server, "query", ns::DISCO_INFO),
                IqRequest::get(Target::Server, "query", ns::DISCO_ITEMS),
                IqRequest::get(Target::OwnAccount, "query", ns::DISCO_INFO),
                IqRequest::get(Target::OwnAccount, "query", ns::DISCO_ITEMS),
            ]
        }
    }

    fn handle_iq(&self, request: &Stanza, context: RequestContext<'_>) -> Eventually<IqAnswer> {
        let Some(query) = request.payload() else {
            return Eventually::Now(IqAnswer::Error(Condition::BadRequest.into()));
        };
        // §3.2: nothing here has nodes.
        let answer = if query.attribute("node").is_some() {
            IqAnswer::Error(Condition::ItemNotFound.into())
        } else if query.namespace() == ns::DISCO_ITEMS {
            IqAnswer::Result(Some(Element::new("query", ns::DISCO_ITEMS)))
        } else {
            IqAnswer::Result(Some(info(context.features, context.target)))
        };
        Eventually::Now(answer)
    }

    fn identities(&self, target: Target) -> Vec<Identity> {
        match target {
            Target::Server => vec![Identity { category: "server", kind: "im", name: Some("Jabiru".into()) }],
            Target::OwnAccount => vec![Identity { category: "account", kind: "registered", name: None }],
            Target::OtherAccount => Vec::new(),
        }
    }

    fn disco_features(&self, target: Target) -> Vec<&'static str> {
        match target {
            Target::Server | Target::OwnAccount => vec![ns::DISCO_INFO, ns::DISCO_ITEMS],
            Target::OtherAccount => Vec::new(),
        }
    }
}

/// The result for a target without node (§3.1): every identity and feature once, in order.
fn info(features: &Features, target: Target) -> Element {
    let mut identities: Vec<Identity> = features.iter().flat_map(|feature| feature.identities(target)).collect();
    identities.sort();
    identities.dedup();
    let mut vars: Vec<&'static str> = features.iter().flat_map(|feature| feature.disco_features(target)).collect();
    vars.sort_unstable();
    vars.dedup();

    let mut query = Element::new("query", ns::DISCO_INFO);
    for identity in identities {
        let mut element = Element::new("identity", ns::DISCO_INFO)
            .with_attribute("category", identity.category)
            .with_attribute("type", identity.kind);
        element.set_attribute("name", identity.name.as_deref());
        query.push_child(element);
    }
    for var in vars {
        query.push_child(Element::new("feature", ns::DISCO_INFO).with_attribute("var", var));
    }
    query
}
