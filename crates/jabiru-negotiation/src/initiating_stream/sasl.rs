//! SASL as the initiating entity (RFC 6120 §6): the `sasl` crate's client, and what it leaves to its user.
//!
//! That crate does the SCRAM computation and verifies the server's signature. Preparing and escaping what the user
//! typed, the check that the server kept our nonce, bounds on the work that a server may ask for and the refusal
//! of mandatory extensions are done here (RFC 5802 §5.1 and §9).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jabiru_stanza::{BareJid, NodeRef, RawElement, SaslFailure, StreamFeatures, ns};
use jabiru_xml::Element;
use sasl::client::Mechanism as SaslMechanism;
use sasl::client::mechanisms::{Plain, Scram};
use sasl::common::scram::{Sha1, Sha256};
use sasl::common::{ChannelBinding, Credentials, Identity, Secret};
use stringprep::saslprep;
use zeroize::Zeroizing;

use super::context::Context;
use super::{Authentication, AwaitHeader, InitiatingError, InitiatingEvent, State, violation};
use crate::scram::Sha512;
use crate::{ChannelBindingType, Mechanism, ScramHash, Security};

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
    client: Box<dyn SaslMechanism + Send>,
    /// Our part of the nonce.
    nonce: String,
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
        let auth = Element::new("auth", ns::SASL).with_attribute("mechanism", mechanism.name());
        let auth = match initial {
            None => auth,
            // §6.4.2: "=" stands for data of no length.
            Some(initial) if initial.is_empty() => auth.with_text("="),
            Some(initial) => auth.with_text(STANDARD.encode(&*initial)),
        };
        context.element(&auth);
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
            context.element(&Element::new("response", ns::SASL).with_text(STANDARD.encode(response)));
            return Ok(State::AwaitSasl(self));
        }
        if element.is("success", ns::SASL) {
            let data = decode(element)?;
            match &mut self.exchange {
                Exchange::Scram(exchange) if !exchange.verified => {
                    exchange.client.success(&data).map_err(|_| InitiatingError::NotVerified)?;
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
            self.client.success(challenge).map_err(|_| InitiatingError::NotVerified)?;
            self.verified = true;
            return Ok(Vec::new());
        }
        let nonce = &self.nonce;
        // RFC 5802 §5.1: the nonce must go on from ours, an "m" must not be there.
        let fresh = attribute(challenge, "r").is_some_and(|all| all.len() > nonce.len() && all.starts_with(&**nonce));
        if !fresh || challenge.starts_with(b"m=") {
            return Err(InitiatingError::NotVerified);
        }
        let iterations = attribute(challenge, "i").and_then(|count| count.parse::<u32>().ok());
        if !iterations.is_some_and(|count| (1..=MAX_ITERATIONS).contains(&count)) {
            return Err(violation("iteration count out of bounds"));
        }
        self.client.response(challenge).map_err(|_| violation("malformed SCRAM challenge"))
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
    let localpart = jid.node().map(NodeRef::as_str).ok_or(InitiatingError::Credentials)?;
    let username = saslprep(localpart).map_err(|_| InitiatingError::Credentials)?;
    let password = Zeroizing::new(prepare(password)?);
    let scram = matches!(mechanism, Mechanism::Scram(_) | Mechanism::ScramPlus(_));
    let credentials = Credentials {
        identity: Identity::Username(if scram { escape(&username) } else { username.into_owned() }),
        secret: Secret::password_plain(password.as_str()),
        channel_binding: binding,
    };
    let mut client = client(mechanism, credentials)?;
    let initial = Zeroizing::new(client.initial());
    let exchange = match attribute(&initial, "r").filter(|_| scram) {
        Some(nonce) => Exchange::Scram(ScramExchange { nonce: nonce.to_owned(), client, verified: false }),
        None => Exchange::Sent,
    };
    Ok((mechanism, exchange, Some(initial)))
}

fn offers(features: &StreamFeatures, mechanism: Mechanism) -> bool {
    features.mechanisms().iter().any(|name| name.trim() == mechanism.name())
}

/// The best mechanism on offer for a password, and what to say of channel binding with it (RFC 5802 §6; XEP-0440 §3).
fn choose(features: &StreamFeatures, context: &Context) -> Option<(Mechanism, ChannelBinding)> {
    let offered = |mechanism: Mechanism| offers(features, mechanism);
    let exporter = context.security.tls().and_then(|tls| tls.exporter.clone());
    let plus_offered = Mechanism::DEFAULT.into_iter().any(|mechanism| mechanism.binds_channel() && offered(mechanism));
    let mechanism = Mechanism::DEFAULT.into_iter().find(|&mechanism| {
        offered(mechanism)
            && match mechanism {
                Mechanism::ScramPlus(_) => exporter.is_some() && accepts_exporter(features),
                Mechanism::Scram(_) => true,
                Mechanism::External | Mechanism::Anonymous => false,
                Mechanism::Plain => context.policy.plain && matches!(context.security, Security::Tls(_)),
            }
    })?;
    let binding = match (mechanism, exporter) {
        (Mechanism::ScramPlus(_), Some(data)) => ChannelBinding::TlsExporter(data),
        // "y": we could, but saw no offer; a server that made one then knows that it was taken away.
        (_, Some(_)) if !plus_offered => ChannelBinding::Unsupported,
        (_, Some(_) | None) => ChannelBinding::None,
    };
    Some((mechanism, binding))
}

/// Can tls-exporter be used, as far as the server says (XEP-0440 §2)? Where it says nothing it is the one to try with
/// TLS 1.3 (RFC 9266 §3).
fn accepts_exporter(features: &StreamFeatures) -> bool {
    features.feature("sasl-channel-binding", ns::SASL_CHANNEL_BINDING).is_none_or(|feature| {
        let exporter = ChannelBindingType::TlsExporter.name();
        feature.children().any(|child| child.attribute("type") == Some(exporter))
    })
}

fn client(mechanism: Mechanism, credentials: Credentials) -> Result<Box<dyn SaslMechanism + Send>, InitiatingError> {
    fn boxed<M: SaslMechanism + Send + 'static>(
        credentials: Credentials,
    ) -> Result<Box<dyn SaslMechanism + Send>, InitiatingError> {
        let client = M::from_credentials(credentials).map_err(|_| InitiatingError::Credentials)?;
        Ok(Box::new(client))
    }
    match mechanism {
        Mechanism::Scram(hash) | Mechanism::ScramPlus(hash) => match hash {
            ScramHash::Sha1 => boxed::<Scram<Sha1>>(credentials),
            ScramHash::Sha256 => boxed::<Scram<Sha256>>(credentials),
            ScramHash::Sha512 => boxed::<Scram<Sha512>>(credentials),
        },
        Mechanism::Plain => boxed::<Plain>(credentials),
        Mechanism::External | Mechanism::Anonymous => Err(InitiatingError::NoMechanism),
    }
}

fn prepare(password: &str) -> Result<String, InitiatingError> {
    match saslprep(password) {
        Ok(prepared) if !prepared.is_empty() => Ok(prepared.into_owned()),
        Ok(_) | Err(_) => Err(InitiatingError::Credentials),
    }
}

/// `saslname` (RFC 5802 §5.1).
fn escape(username: &str) -> String {
    username.replace('=', "=3D").replace(',', "=2C")
}

/// The value of an attribute of a SCRAM message.
fn attribute<'a>(message: &'a [u8], name: &str) -> Option<&'a str> {
    let message = std::str::from_utf8(message).ok()?;
    message.split(',').find_map(|attribute| attribute.strip_prefix(name)?.strip_prefix('='))
}

/// RFC 6120 §13.9.1 binds the initiating entity too.
fn decode(element: &RawElement) -> Result<Vec<u8>, InitiatingError> {
    match &*element.text() {
        "=" => Ok(Vec::new()),
        text => STANDARD.decode(text).map_err(|_| violation("incorrect base64 during SASL")),
    }
}

/// Seconds of work on a slow device: no honest server asks for more (RFC 5802 §9 warns of a hostile count).
const MAX_ITERATIONS: u32 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped() {
        assert_eq!(escape("a,b=c=2C"), "a=2Cb=3Dc=3D2C");
    }

    #[test]
    fn attributes_are_found_by_name() {
        assert_eq!(attribute(b"n,,n=user,r=abc=,x=r=", "r"), Some("abc="));
        assert_eq!(attribute(b"r=abc,s=QQ==,i=4096", "i"), Some("4096"));
        assert_eq!(attribute(b"s=QQ==", "i"), None);
    }
}
