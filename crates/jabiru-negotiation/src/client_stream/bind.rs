//! Resource binding (RFC 6120 §7).

use std::borrow::Cow;

use jabiru_stanza::{
    BareJid, Condition, ContentNamespace, ErrorType, FullJid, IqType, Jid, RawElement, ResourcePart, Stanza,
    StanzaError, StanzaFault, StanzaKind, StreamCondition, StreamError, ns,
};
use jabiru_xml::Element;

use super::State;
use super::context::{Context, out_of_turn};
use crate::{BindError, Event};

/// Authenticated and offered to bind: nothing else is allowed yet (§7.1).
pub(super) struct AwaitBind {
    pub(super) account: BareJid,
}

impl AwaitBind {
    pub(super) fn handle(self, element: &RawElement, context: &mut Context) -> Result<State, StreamError> {
        let not_yet = || out_of_turn(element, "bind a resource first");
        let Some(bind) = element.child("bind", ns::BIND).filter(|_| element.is("iq", ns::CLIENT)) else {
            return Err(not_yet());
        };
        let (request, refusal) = match Stanza::parse(element.clone(), ContentNamespace::Client) {
            Ok(request) => (request, None),
            Err(StanzaFault::Stanza { stanza, error }) => (*stanza, Some(error)),
            Err(StanzaFault::Stream(error)) => return Err(error),
        };
        // §4.8.5: stanzas have no prefix.
        if element.root().prefix().is_some() {
            return Err(StreamError::new(StreamCondition::BadNamespacePrefix).with_text("stanzas have no prefix"));
        }
        // §7.1: nothing is for anybody but the server and the account.
        let ours = |to: &Jid| to.domain() == self.account.domain() && (to.node().is_none() || *to == self.account);
        if !request.to().is_none_or(|to| to.resource().is_none() && ours(to)) {
            return Err(not_yet());
        }
        let refusal = match (request.kind(), refusal) {
            (_, Some(error)) => error,
            (StanzaKind::Iq(IqType::Set), None) => {
                let asked = bind.child("resource", ns::BIND).map(|resource| resource.text());
                return Ok(self.ask(request, asked.as_deref().and_then(resource), context));
            }
            (StanzaKind::Iq(IqType::Get), None) => {
                StanzaError::new(Condition::BadRequest).with_text("bind is of type set")
            }
            (_, None) => return Err(not_yet()),
        };
        self.refuse(&request, &refusal, context)
    }

    fn ask(self, request: Stanza, requested: Option<ResourcePart>, context: &mut Context) -> State {
        context.output.event(Event::BindResource { account: self.account.clone(), requested });
        State::AwaitResource(AwaitResource { account: self.account, request })
    }

    /// Answers with a stanza error; the stream goes on, a bounded number of times (§7.7.3).
    fn refuse(self, request: &Stanza, error: &StanzaError, context: &mut Context) -> Result<State, StreamError> {
        let reply = error.reply_to(request).ok_or_else(|| out_of_turn(request.raw(), "bind a resource first"))?;
        reply.write(context.output.bytes(), ns::CLIENT);
        context.refused_binds += 1;
        if context.refused_binds >= context.policy.max_bind_attempts {
            return Err(StreamError::new(StreamCondition::PolicyViolation).with_text("too many attempts to bind"));
        }
        Ok(State::AwaitBind(self))
    }
}

/// The resourcepart that is as near as possible to what was asked for (§7.7.2.1): what a resourcepart can't have is
/// left out, and what is too long is cut off. `None` if nothing is left.
fn resource(asked: &str) -> Option<ResourcePart> {
    if let Ok(resource) = ResourcePart::new(asked) {
        return Some(resource.into_owned());
    }
    let mut kept = String::new();
    // No more characters than could be kept: this is somebody's input.
    for character in asked.chars().take(MAX_RESOURCE_BYTES) {
        let mut bytes = [0; 4];
        // One that is refused alone is refused in any company; one that is mapped counts as what it is mapped to.
        let Ok(prepared) = ResourcePart::new(character.encode_utf8(&mut bytes)) else { continue };
        if kept.len() + prepared.as_str().len() > MAX_RESOURCE_BYTES {
            break;
        }
        kept.push_str(prepared.as_str());
    }
    // Characters of both directions of writing may each be sound and together not be.
    ResourcePart::new(&kept).ok().map(Cow::into_owned)
}

/// Bytes that a resourcepart may have (RFC 6122 §2.1).
const MAX_RESOURCE_BYTES: usize = 1023;

/// Waiting for the caller to bind the resource.
pub(super) struct AwaitResource {
    account: BareJid,
    request: Stanza,
}

impl AwaitResource {
    pub(super) fn handle(
        self,
        result: Result<FullJid, BindError>,
        context: &mut Context,
    ) -> Result<State, StreamError> {
        let AwaitResource { account, request } = self;
        let error = match result {
            Ok(jid) => {
                if jid.to_bare() != account {
                    return Err(StreamError::new(StreamCondition::InternalServerError));
                }
                let address = Element::new("jid", ns::BIND).with_text(jid.as_str());
                let payload = Element::new("bind", ns::BIND).with_child(address);
                if let Some(answer) = request.result(Some(payload)) {
                    answer.write(context.output.bytes(), ns::CLIENT);
                }
                context.output.event(Event::Established { jid, lang: context.lang.take() });
                return Ok(State::Established);
            }
            Err(error) => error,
        };
        let error = match error {
            // §7.7.2.2 shows it as something the client can mend.
            BindError::Conflict => StanzaError::new(Condition::Conflict).with_type(ErrorType::Modify),
            // XEP-0205 §4.4
            BindError::ResourceConstraint => StanzaError::new(Condition::ResourceConstraint)
                .with_application(Element::new("resource-limit-exceeded", ns::ERRORS)),
            BindError::NotAllowed => StanzaError::new(Condition::NotAllowed),
            BindError::Unavailable => {
                return Err(StreamError::new(StreamCondition::RemoteConnectionFailed)
                    .with_text("a part of this service is not available"));
            }
            BindError::Internal => StanzaError::new(Condition::InternalServerError),
        };
        AwaitBind { account }.refuse(&request, &error, context)
    }
}
