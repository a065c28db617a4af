//! What the initiating entity sends during SASL (RFC 6120 §6.4), and how its data is encoded (§6.3.5, §13.9.1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jabiru_stanza::{RawElement, SaslCondition, ns};
use zeroize::Zeroizing;

use super::context::out_of_turn;
use super::sasl::Refusal;

/// An initial response, or why it can't be read. Which mechanism it is for is looked at first.
pub(super) type Initial = Result<Zeroizing<Vec<u8>>, SaslCondition>;

/// What the initiating entity can send.
pub(super) enum Request {
    /// `<auth/>` (§6.4.2).
    Auth { mechanism: String, initial: Option<Initial> },
    /// `<response/>` (§6.4.3).
    Response(Zeroizing<Vec<u8>>),
    /// `<abort/>` (§6.4.4).
    Abort,
}

impl Request {
    /// Reads a first-level element.
    ///
    /// # Errors
    /// The end of the stream for what is no SASL; a failure for what is no request, or can't be decoded.
    pub(super) fn read(element: &RawElement) -> Result<Request, Refusal> {
        if element.namespace() != ns::SASL {
            return Err(Refusal::Stream(out_of_turn(element, "authenticate first")));
        }
        if element.children().next().is_some() {
            return Err(SaslCondition::MalformedRequest.into());
        }
        let text = element.text();
        match element.name() {
            "auth" => {
                let mechanism = element.attribute("mechanism").ok_or(SaslCondition::InvalidMechanism)?.into_owned();
                let initial = match &*text {
                    "" => None,
                    // §6.4.2: an initial response of no length.
                    "=" => Some(Ok(Zeroizing::new(Vec::new()))),
                    text => Some(decode(text)),
                };
                Ok(Request::Auth { mechanism, initial })
            }
            "response" => Ok(Request::Response(decode(&text)?)),
            "abort" => Ok(Request::Abort),
            _ => Err(SaslCondition::MalformedRequest.into()),
        }
    }
}

/// §13.9.1: nothing but the alphabet, padding only at the end and canonical, unused bits zero.
fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, SaslCondition> {
    STANDARD.decode(text).map(Zeroizing::new).map_err(|_| SaslCondition::IncorrectEncoding)
}
