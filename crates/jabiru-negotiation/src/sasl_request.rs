//! What the initiating entity sends during SASL (RFC 6120 §6.4), and how data is encoded (§6.3.5, §13.9.1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jabiru_stanza::{RawElement, SaslCondition, ns};
use jabiru_xml::Element;
use zeroize::Zeroizing;

/// An initial response, or why it can't be read. Which mechanism it is for is looked at first.
pub(crate) type Initial = Result<Zeroizing<Vec<u8>>, SaslCondition>;

/// What the initiating entity can send.
pub(crate) enum Request {
    /// `<auth/>` (§6.4.2).
    Auth { mechanism: String, initial: Option<Initial> },
    /// `<response/>` (§6.4.3).
    Response(Zeroizing<Vec<u8>>),
    /// `<abort/>` (§6.4.4).
    Abort,
}

impl Request {
    /// Reads a first-level element; `None` for what is no SASL.
    ///
    /// # Errors
    /// A failure for what is no request, or can't be decoded.
    pub(crate) fn read(element: &RawElement) -> Option<Result<Request, SaslCondition>> {
        (element.namespace() == ns::SASL).then(|| Request::of(element))
    }

    fn of(element: &RawElement) -> Result<Request, SaslCondition> {
        if element.children().next().is_some() {
            return Err(SaslCondition::MalformedRequest);
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
            _ => Err(SaslCondition::MalformedRequest),
        }
    }
}

/// `<auth/>` with this initial response (§6.4.2).
pub(crate) fn auth(mechanism: &str, initial: Option<&[u8]>) -> Element {
    let auth = Element::new("auth", ns::SASL).with_attribute("mechanism", mechanism);
    match initial {
        None => auth,
        // "=" stands for data of no length.
        Some([]) => auth.with_text("="),
        Some(initial) => auth.with_text(STANDARD.encode(initial)),
    }
}

/// `<challenge/>` with this data (§6.4.3).
pub(crate) fn challenge(data: &[u8]) -> Element {
    Element::new("challenge", ns::SASL).with_text(STANDARD.encode(data))
}

/// `<response/>` with this data (§6.4.3).
pub(crate) fn response(data: &[u8]) -> Element {
    Element::new("response", ns::SASL).with_text(STANDARD.encode(data))
}

/// What the receiving entity sends along with a challenge or success: the rules bind both ends. `None` if it is no base64.
pub(crate) fn additional_data(element: &RawElement) -> Option<Vec<u8>> {
    match &*element.text() {
        "=" => Some(Vec::new()),
        text => STANDARD.decode(text).ok(),
    }
}

/// §13.9.1: nothing but the alphabet, padding only at the end and canonical, unused bits zero.
fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, SaslCondition> {
    STANDARD.decode(text).map(Zeroizing::new).map_err(|_| SaslCondition::IncorrectEncoding)
}
