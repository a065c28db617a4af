//! Features of a server: rooms of their own behind one small interface.
//!
//! A feature states which IQ requests it answers, what service discovery (XEP-0030) says about it
//! and what it adds to the stream features, and sees the points it asks to see. The router and the
//! streams know none by name.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use jabiru_stanza::{Element, FullJid, IqType, Stanza, StanzaError};

use crate::{Closing, Eventually, Router};

/// What an IQ request was sent to that the server answers itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A domain of the server (RFC 6120 §10.5.1).
    Server,
    /// The sender's own account: its bare JID, or no `to` at all (RFC 6120 §10.3.3).
    OwnAccount,
    /// The bare JID of any other account (RFC 6121 §8.5.2.1.3). A feature that answers here must not
    /// let strangers learn whether the account exists or is there (RFC 6120 §13.11, §13.10.2): to those without a right
    /// to know it answers `service-unavailable`, which is what they get if nobody answers at all, and from a full JID.
    OtherAccount,
}

/// One sort of IQ request that a feature answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IqRequest {
    /// What it is sent to.
    pub target: Target,
    /// `true`: `set`, else `get`.
    pub set: bool,
    /// The payload's namespace.
    pub namespace: &'static str,
    /// The payload's name.
    pub element: &'static str,
    /// See [`before_closing`](Self::before_closing).
    pub before_closing: bool,
}

impl IqRequest {
    /// A request of type `get` with this payload.
    #[must_use]
    pub const fn get(target: Target, element: &'static str, namespace: &'static str) -> IqRequest {
        IqRequest { target, set: false, namespace, element, before_closing: false }
    }

    /// A request of type `set` with this payload.
    #[must_use]
    pub const fn set(target: Target, element: &'static str, namespace: &'static str) -> IqRequest {
        IqRequest { target, set: true, namespace, element, before_closing: false }
    }

    /// The same request, but one whose answer may be the reason to close all streams of the account that asks, say
    /// a change of its password: [`Closing::wait_for_answer`] has an effect then.
    #[must_use]
    pub const fn before_closing(self) -> IqRequest {
        IqRequest { before_closing: true, ..self }
    }

    /// Is this the same sort of request?
    fn is(&self, other: &IqRequest) -> bool {
        let key = |request: &IqRequest| (request.target, request.set, request.namespace, request.element);
        key(self) == key(other)
    }
}

/// The answer to an IQ request (RFC 6120 §8.2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IqAnswer {
    /// It was done; this is what was asked for.
    Result(Option<Element>),
    /// It was not done.
    Error(StanzaError),
}

/// What surrounds a request.
#[derive(Clone, Copy, Debug)]
pub struct RequestContext<'a> {
    /// What it was sent to.
    pub target: Target,
    /// All features of the server.
    pub features: &'a Features,
    /// The router that the request came to.
    pub router: &'a Router,
    /// For requests that are answered [before closing](IqRequest::before_closing).
    pub closing: &'a Closing,
}

/// An identity for service discovery (XEP-0030 §3.1, §6.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// What sort of thing it is, say `server`.
    pub category: &'static str,
    /// Which of that sort, say `im`.
    pub kind: &'static str,
    /// A name for people.
    pub name: Option<String>,
}

/// One feature. Whatever it does not care about, it leaves at the default.
///
/// A feature that panics, be it called or while what it promised is awaited, costs who asked an
/// `internal-server-error` (RFC 6120 §8.3.3.6), and nobody else anything; the log has it under the number that the
/// error's text names. No lock is held while one is called.
pub trait Feature: Send + Sync + 'static {
    /// Its name in logs and error messages.
    fn name(&self) -> &'static str;

    /// The requests that [`handle_iq`](Self::handle_iq) gets; no two features may ask for the same.
    fn requests(&self) -> &[IqRequest] {
        &[]
    }

    /// Answers one of its [`requests`](Self::requests). Its `from` can be trusted; it has exactly
    /// one payload.
    fn handle_iq(&self, request: &Stanza, context: RequestContext<'_>) -> Eventually<IqAnswer> {
        let _ = (request, context);
        Eventually::Now(IqAnswer::Error(jabiru_stanza::Condition::ServiceUnavailable.into()))
    }

    /// The identities it gives this target in service discovery.
    fn identities(&self, target: Target) -> Vec<Identity> {
        let _ = target;
        Vec::new()
    }

    /// The features it gives this target in service discovery: namespaces, as a rule.
    fn disco_features(&self, target: Target) -> Vec<&'static str> {
        let _ = target;
        Vec::new()
    }

    /// What it adds to the stream features after authentication (RFC 6120 §4.3.2).
    fn stream_features(&self) -> Vec<Element> {
        Vec::new()
    }

    /// A resource has become available (RFC 6121 §4.2); `presence` is its initial presence.
    fn resource_available(&self, resource: &FullJid, presence: &Stanza) -> Eventually<()> {
        let _ = (resource, presence);
        Eventually::Now(())
    }

    /// A resource that was available is so no more, or its stream has ended (RFC 6121 §4.5).
    fn resource_unavailable(&self, resource: &FullJid) -> Eventually<()> {
        let _ = resource;
        Eventually::Now(())
    }
}

/// The features of a server.
#[derive(Clone, Default)]
pub struct Features {
    all: Vec<Arc<dyn Feature>>,
    /// Who answers, by the payload's namespace; few entries each.
    requests: HashMap<&'static str, Vec<(IqRequest, usize)>>,
}

/// Two features want to answer the same request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("both {present} and {refused} answer {request:?}")]
pub struct FeatureConflict {
    /// The feature that is registered.
    pub present: &'static str,
    /// The feature that was not registered because of it.
    pub refused: &'static str,
    /// What both want to answer.
    pub request: IqRequest,
}

impl Features {
    /// None yet.
    #[must_use]
    pub fn new() -> Features {
        Features::default()
    }

    /// Adds a feature.
    ///
    /// # Errors
    /// If it answers a request that another one answers already, or one twice; then it is not added.
    pub fn register(&mut self, feature: impl Feature) -> Result<(), FeatureConflict> {
        for (n, request) in feature.requests().iter().enumerate() {
            let present = match self.entry(request) {
                Some((_, present)) => self.all[*present].name(),
                None if feature.requests()[..n].iter().any(|other| other.is(request)) => feature.name(),
                None => continue,
            };
            return Err(FeatureConflict { present, refused: feature.name(), request: *request });
        }
        for request in feature.requests() {
            self.requests.entry(request.namespace).or_default().push((*request, self.all.len()));
        }
        self.all.push(Arc::new(feature));
        Ok(())
    }

    /// Who answers this IQ request to this target, and as which sort of request.
    #[must_use]
    pub fn for_request(&self, request: &Stanza, target: Target) -> Option<(&dyn Feature, IqRequest)> {
        let set = match request.kind() {
            jabiru_stanza::StanzaKind::Iq(IqType::Get) => false,
            jabiru_stanza::StanzaKind::Iq(IqType::Set) => true,
            _ => return None,
        };
        let payload = request.payload()?;
        let (sort, found) = self
            .requests
            .get(payload.namespace())?
            .iter()
            .find(|(wanted, _)| wanted.target == target && wanted.set == set && wanted.element == payload.name())?;
        Some((&*self.all[*found], *sort))
    }

    /// Does a feature answer this target anything at all in this namespace?
    #[must_use]
    pub fn know(&self, namespace: &str, target: Target) -> bool {
        self.requests.get(namespace).is_some_and(|requests| requests.iter().any(|(known, _)| known.target == target))
    }

    /// All features, in the order in which they were registered.
    pub fn iter(&self) -> impl Iterator<Item = &dyn Feature> {
        self.all.iter().map(|feature| &**feature)
    }

    /// What all of them add to the stream features after authentication.
    #[must_use]
    pub fn stream_features(&self) -> Vec<Element> {
        self.iter().flat_map(Feature::stream_features).collect()
    }

    fn entry(&self, request: &IqRequest) -> Option<&(IqRequest, usize)> {
        self.requests.get(request.namespace)?.iter().find(|(present, _)| present.is(request))
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(Feature::name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Named(&'static str, Vec<IqRequest>);

    impl Feature for Named {
        fn name(&self) -> &'static str {
            self.0
        }
        fn requests(&self) -> &[IqRequest] {
            &self.1
        }
        fn stream_features(&self) -> Vec<Element> {
            vec![Element::new(self.0, "urn:f")]
        }
    }

    /// Two features for one request are refused, and the second is not half registered.
    #[test]
    fn conflicts_are_refused() {
        let get = |target| IqRequest::get(target, "q", "urn:q");
        for (request, refused) in [
            (get(Target::Server), true),
            (get(Target::OwnAccount), false),
            (IqRequest::set(Target::Server, "q", "urn:q"), false),
            (IqRequest::get(Target::Server, "p", "urn:q"), false),
            (IqRequest::get(Target::Server, "q", "urn:p"), false),
        ] {
            let mut features = Features::new();
            features.register(Named("one", vec![get(Target::Server)])).unwrap();
            let free = IqRequest::get(Target::Server, "free", "urn:q");
            let result = features.register(Named("two", vec![free, request]));
            let conflict = FeatureConflict { present: "one", refused: "two", request };
            assert_eq!(result, if refused { Err(conflict) } else { Ok(()) }, "{request:?}");
            assert_eq!(features.register(Named("three", vec![free])).is_ok(), refused, "{request:?}");
            let names: Vec<&str> = features.iter().map(Feature::name).collect();
            assert_eq!(names, ["one", if refused { "three" } else { "two" }]);
            assert_eq!(features.stream_features().len(), 2);
        }
    }

    #[test]
    fn one_feature_may_not_ask_twice() {
        let twice = vec![IqRequest::get(Target::Server, "q", "urn:q"); 2];
        assert!(Features::new().register(Named("one", twice)).is_err());
    }
}
