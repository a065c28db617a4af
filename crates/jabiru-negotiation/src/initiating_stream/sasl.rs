//! SASL as the initiating entity (RFC 6120 §6): which mechanism, and what goes to and fro.
//!
//! What SCRAM computes is in `scram/client.rs`.

use jabiru_stanza::{BareJid, NodeRef, RawElement, SaslFailure, StreamFeatures, ns};
use stringprep::saslprep;
use zeroize::Zeroizing;

use super::context::Context;
use super::{Authentication, AwaitHeader, InitiatingError, InitiatingEvent, State, violation};
use crate::sasl_request;
use crate::scram::{ClientBinding, ClientError, ClientExchange};
use crate::{ChannelBindingType, Mechanism};

/// `<auth/>` sent.
pub(super) struct AwaitSasl {
    mechanism: Mechanism,
    exchange: Exchange,
}

/// What may come next of the server.
enum Exchange {
    /// Nothing but the outcome.
    Sent,
    /// The outcome, or an empty challenge by one that wants its answer in a message of its own (RFC 4505 §2).
    Anonymous,
    /// Challenges of SCRAM.
    Scram(ScramExchange),
}

struct ScramExchange {
    client: ClientExchange,
    /// Did the server prove that it knows the account?
    verified: bool,
}

impl AwaitSasl {
    /// Chooses among the mechanisms on offer and sends `<auth/>` with the initial response.
    pub(super) fn begin(features: &StreamFeatures, context: &mut Context) -> Result<AwaitSasl, InitiatingError> {
        let (mechanism, exchange, initial) = match &context.login.authentication {
            Authentication::Password(password) => by_password(features, &context.login.jid, password, context)?,
            // Whoever offers EXTERNAL in plaintext can't have seen a certificate.
            Authentication::Certificate { authzid }
                if offers(features, Mechanism::External) && context.security.tls().is_some() =>
            {
                let initial = if *authzid { context.login.jid.as_str().as_bytes().to_vec() } else { Vec::new() };
                (Mechanism::External, Exchange::Sent, Some(initial.into()))
            }
            // XEP-0175 §3: without trace information.
            Authentication::Anonymous if offers(features, Mechanism::Anonymous) => {
                (Mechanism::Anonymous, Exchange::Anonymous, None)
            }
            Authentication::Certificate { .. } | Authentication::Anonymous => return Err(InitiatingError::NoMechanism),
        };
        context.element(&sasl_request::auth(mechanism.name(), initial.as_ref().map(|initial| initial.as_slice())));
        Ok(AwaitSasl { mechanism, exchange })
    }

    pub(super) fn handle(mut self, element: &RawElement, context: &mut Context) -> Result<State, InitiatingError> {
        if let Some(failure) = SaslFailure::parse(element) {
            return Err(InitiatingError::Sasl(failure));
        }
        if element.is("challenge", ns::SASL) {
            let data = decode(element)?;
            let response = match &mut self.exchange {
                Exchange::Scram(exchange) => exchange.respond(&data)?,
                Exchange::Anonymous if data.is_empty() => {
                    self.exchange = Exchange::Sent;
                    Vec::new()
                }
                Exchange::Anonymous | Exchange::Sent => return Err(violation("unexpected challenge")),
            };
            context.element(&sasl_request::response(&response));
            return Ok(State::AwaitSasl(self));
        }
        if element.is("success", ns::SASL) {
            let data = decode(element)?;
            match &mut self.exchange {
                Exchange::Scram(exchange) if !exchange.verified => {
                    exchange.client.verify(&data)?;
                }
                // RFC 4422 §4: these mechanisms have no additional data.
                Exchange::Scram(_) | Exchange::Anonymous | Exchange::Sent if !data.is_empty() => {
                    return Err(violation("unexpected data with success"));
                }
                Exchange::Scram(_) | Exchange::Anonymous | Exchange::Sent => {}
            }
            context.event(InitiatingEvent::Authenticated { mechanism: self.mechanism });
            context.event(InitiatingEvent::RestartStream);
            context.open();
            return Ok(State::AwaitHeader(AwaitHeader { authenticated: true }));
        }
        Err(violation("unexpected element during SASL"))
    }
}

impl ScramExchange {
    fn respond(&mut self, challenge: &[u8]) -> Result<Vec<u8>, InitiatingError> {
        // Some servers send server-final-message as a challenge of its own and an empty <success/> after it.
        if challenge.starts_with(b"v=") && !self.verified {
            self.client.verify(challenge)?;
            self.verified = true;
            return Ok(Vec::new());
        }
        Ok(self.client.respond(challenge)?.into_bytes())
    }
}

impl From<ClientError> for InitiatingError {
    fn from(error: ClientError) -> InitiatingError {
        match error {
            ClientError::Credentials => InitiatingError::Credentials,
            ClientError::NotVerified => InitiatingError::NotVerified,
            ClientError::Violation(text) => violation(text),
        }
    }
}

/// A mechanism, what may follow, and the initial response.
type Beginning = (Mechanism, Exchange, Option<Zeroizing<Vec<u8>>>);

/// The beginning of SCRAM, or of PLAIN, which is also its end.
fn by_password(
    features: &StreamFeatures,
    jid: &BareJid,
    password: &str,
    context: &Context,
) -> Result<Beginning, InitiatingError> {
    let (mechanism, binding) = choose(features, context).ok_or(InitiatingError::NoMechanism)?;
    let username = jid.node().map(NodeRef::as_str).ok_or(InitiatingError::Credentials)?;
    let hash = match mechanism {
        Mechanism::Scram(hash) | Mechanism::ScramPlus(hash) => hash,
        Mechanism::Plain | Mechanism::External | Mechanism::Anonymous => {
            let message = Zeroizing::new(format!("\0{}\0{}", *prepare(username)?, *prepare(password)?).into_bytes());
            return Ok((mechanism, Exchange::Sent, Some(message)));
        }
    };
    let (client, first) = ClientExchange::begin(hash, username, password, binding)?;
    let exchange = Exchange::Scram(ScramExchange { client, verified: false });
    Ok((mechanism, exchange, Some(first.into_bytes().into())))
}

fn offers(features: &StreamFeatures, mechanism: Mechanism) -> bool {
    features.mechanisms().iter().any(|name| name.trim() == mechanism.name())
}

/// The best mechanism on offer for a password, and what to say of channel binding with it (RFC 5802 §6; XEP-0440 §3).
fn choose(features: &StreamFeatures, context: &Context) -> Option<(Mechanism, ClientBinding)> {
    let tls = context.security.tls();
    let bindable = tls.is_some_and(|tls| !tls.channel_bindings().is_empty());
    let binding = tls.and_then(|tls| {
        let kind = tls.channel_bindings().into_iter().find(|kind| accepts(features, *kind))?;
        Some(ClientBinding::By(kind, tls.channel_binding(kind)?.to_vec()))
    });
    let mechanism = Mechanism::DEFAULT.into_iter().find(|&mechanism| {
        offers(features, mechanism)
            && match mechanism {
                Mechanism::ScramPlus(_) => binding.is_some(),
                Mechanism::Plain => context.policy.plain && tls.is_some(),
                Mechanism::Scram(_) => true,
                Mechanism::External | Mechanism::Anonymous => false,
            }
    })?;
    let plus_offered =
        Mechanism::DEFAULT.into_iter().any(|mechanism| mechanism.binds_channel() && offers(features, mechanism));
    let binding = match binding {
        Some(binding) if mechanism.binds_channel() => binding,
        _ if bindable && !plus_offered => ClientBinding::NotOffered,
        _ => ClientBinding::None,
    };
    Some((mechanism, binding))
}

/// Can this type be used, as far as the server says (XEP-0440 §2)? Where it says nothing, tls-exporter is the one to try
/// (RFC 9266 §3), and whoever has none tries the one that servers have to have (XEP-0440 §4).
fn accepts(features: &StreamFeatures, kind: ChannelBindingType) -> bool {
    features
        .feature("sasl-channel-binding", ns::SASL_CHANNEL_BINDING)
        .is_none_or(|feature| feature.children().any(|child| child.attribute("type") == Some(kind.name())))
}

/// By SASLprep, into something (RFC 4616 §2; RFC 4013).
fn prepare(text: &str) -> Result<Zeroizing<String>, InitiatingError> {
    match saslprep(text) {
        Ok(prepared) if !prepared.is_empty() => Ok(prepared.into_owned().into()),
        Ok(_) | Err(_) => Err(InitiatingError::Credentials),
    }
}

/// RFC 6120 §13.9.1 binds the initiating entity too.
fn decode(element: &RawElement) -> Result<Vec<u8>, InitiatingError> {
    sasl_request::additional_data(element).ok_or_else(|| violation("incorrect base64 during SASL"))
}
