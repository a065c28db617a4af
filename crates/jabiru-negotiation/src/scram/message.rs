//! The messages of SCRAM as the server reads them (RFC 5802 §7).
//!
//! The order of attributes is fixed. Extensions that are not known are skipped where the grammar has a place for
//! them; a mandatory one (`m=`) and a known attribute in the place of an extension are refused.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use stringprep::saslprep;

use crate::ChannelBindingType;

/// `client-first-message`: who wants to log in.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientFirst {
    /// What it says about channel binding.
    pub channel_binding: Gs2ChannelBinding,
    /// The authorization identity, unescaped, if stated.
    pub authzid: Option<String>,
    /// The user name, unescaped and prepared by SASLprep. Not empty.
    pub username: String,
    /// The client's part of the nonce.
    pub(super) nonce: String,
    /// `gs2-header`, as sent.
    pub(super) gs2_header: String,
    /// `client-first-message-bare`, as sent: the proof covers it.
    pub(super) bare: String,
}

/// `gs2-cbind-flag`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gs2ChannelBinding {
    /// `n`: the client can't bind.
    Unsupported,
    /// `y`: the client could, but saw no offer of it.
    NotOffered,
    /// `p=`: the client does; `None` if by a type that is not known here.
    Required(Option<ChannelBindingType>),
}

/// Why a message of the client is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// It breaks the grammar.
    #[error("malformed SCRAM message: {0}")]
    Malformed(&'static str),
    /// `client-final-message` does not end in a proof.
    #[error("SCRAM message without proof")]
    NoProof,
    /// It demands an extension (`m=`); none is defined, so it must fail (§5.1).
    #[error("mandatory SCRAM extension")]
    MandatoryExtension,
    /// The authorization identity is empty or wrongly escaped.
    #[error("malformed authorization identity")]
    Authzid,
}

impl ClientFirst {
    /// Reads `client-first-message`.
    ///
    /// # Errors
    /// [`MessageError`] says what is wrong with it.
    pub fn parse(message: &[u8]) -> Result<ClientFirst, MessageError> {
        let message = text(message)?;
        let (flag, rest) = message.split_once(',').ok_or(MessageError::Malformed("no GS2 header"))?;
        let (authzid, bare) = rest.split_once(',').ok_or(MessageError::Malformed("no GS2 header"))?;
        let channel_binding = match flag {
            "n" => Gs2ChannelBinding::Unsupported,
            "y" => Gs2ChannelBinding::NotOffered,
            _ => Gs2ChannelBinding::Required(ChannelBindingType::from_name(binding_name(flag)?)),
        };
        let authzid = match authzid.strip_prefix("a=") {
            Some(name) => Some(unescape(name).ok_or(MessageError::Authzid)?),
            None if authzid.is_empty() => None,
            None => return Err(MessageError::Malformed("GS2 header")),
        };
        let mut attributes = bare.split(',');
        let username = attributes.next().unwrap_or_default();
        if username.starts_with("m=") {
            return Err(MessageError::MandatoryExtension);
        }
        let username = username.strip_prefix("n=").and_then(unescape).ok_or(MessageError::Malformed("username"))?;
        let username = saslprep(&username).map_err(|_| MessageError::Malformed("username"))?.into_owned();
        if username.is_empty() {
            return Err(MessageError::Malformed("username"));
        }
        let nonce = attributes.next().and_then(|nonce| nonce.strip_prefix("r=")).filter(|nonce| is_nonce(nonce));
        let nonce = nonce.ok_or(MessageError::Malformed("nonce"))?.to_owned();
        attributes.try_for_each(extension)?;
        Ok(ClientFirst {
            channel_binding,
            authzid,
            username,
            nonce,
            gs2_header: message[..message.len() - bare.len()].to_owned(),
            bare: bare.to_owned(),
        })
    }
}

/// What a client says about itself may be private; nonces are nobody's business.
impl fmt::Debug for ClientFirst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientFirst")
            .field("channel_binding", &self.channel_binding)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// `client-final-message`: the proof.
pub(super) struct ClientFinal<'a> {
    /// `cbind-input`, decoded.
    pub(super) channel_binding: Vec<u8>,
    /// Both parts of the nonce.
    pub(super) nonce: &'a str,
    pub(super) proof: Vec<u8>,
    /// `client-final-message-without-proof`, as sent: the proof covers it.
    pub(super) without_proof: &'a str,
}

impl ClientFinal<'_> {
    pub(super) fn parse(message: &[u8]) -> Result<ClientFinal<'_>, MessageError> {
        let message = text(message)?;
        let (without_proof, proof) = message.rsplit_once(',').ok_or(MessageError::NoProof)?;
        let proof = proof.strip_prefix("p=").ok_or(MessageError::NoProof)?;
        let proof = STANDARD.decode(proof).map_err(|_| MessageError::Malformed("proof"))?;
        let mut attributes = without_proof.split(',');
        let binding = attributes.next().unwrap_or_default();
        if binding.starts_with("m=") {
            return Err(MessageError::MandatoryExtension);
        }
        let binding = binding.strip_prefix("c=").ok_or(MessageError::Malformed("no channel binding"))?;
        let channel_binding = STANDARD.decode(binding).map_err(|_| MessageError::Malformed("channel binding"))?;
        let nonce = attributes.next().and_then(|nonce| nonce.strip_prefix("r=")).filter(|nonce| is_nonce(nonce));
        let nonce = nonce.ok_or(MessageError::Malformed("nonce"))?;
        attributes.try_for_each(extension)?;
        Ok(ClientFinal { channel_binding, nonce, proof, without_proof })
    }
}

fn text(message: &[u8]) -> Result<&str, MessageError> {
    let text = std::str::from_utf8(message).map_err(|_| MessageError::Malformed("not UTF-8"))?;
    if text.contains('\0') { Err(MessageError::Malformed("NUL")) } else { Ok(text) }
}

/// `"p=" cb-name`
fn binding_name(flag: &str) -> Result<&str, MessageError> {
    let name = flag.strip_prefix("p=").ok_or(MessageError::Malformed("GS2 header"))?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    if !name.is_empty() && name.bytes().all(allowed) { Ok(name) } else { Err(MessageError::Malformed("GS2 header")) }
}

/// `saslname` without its escapes; `None` if it is empty or an `=` is no escape.
fn unescape(name: &str) -> Option<String> {
    let mut parts = name.split('=');
    let mut out = parts.next()?.to_owned();
    for part in parts {
        let (character, rest) = match part.get(..2)? {
            "2C" => (',', &part[2..]),
            "3D" => ('=', &part[2..]),
            _ => return None,
        };
        out.push(character);
        out.push_str(rest);
    }
    (!out.is_empty()).then_some(out)
}

pub(super) fn is_nonce(nonce: &str) -> bool {
    !nonce.is_empty() && nonce.bytes().all(|byte| matches!(byte, 0x21..=0x2B | 0x2D..=0x7E))
}

/// An optional extension: skipped (§5.1), if it is one.
fn extension(attribute: &str) -> Result<(), MessageError> {
    match attribute.as_bytes() {
        [b'm', b'=', ..] => Err(MessageError::MandatoryExtension),
        // Attributes with a meaning and a place of their own.
        [b'a' | b'n' | b'r' | b'c' | b's' | b'i' | b'p' | b'v' | b'e', b'=', ..] => {
            Err(MessageError::Malformed("repeated or misplaced attribute"))
        }
        [name, b'=', _, ..] if name.is_ascii_alphabetic() => Ok(()),
        _ => Err(MessageError::Malformed("extension")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed_first_messages() {
        use Gs2ChannelBinding::{NotOffered, Required, Unsupported};
        for (message, binding, authzid, username) in [
            ("n,,n=user,r=abc", Unsupported, None, "user"),
            ("y,,n=user,r=abc", NotOffered, None, "user"),
            ("p=tls-exporter,,n=user,r=abc", Required(Some(ChannelBindingType::TlsExporter)), None, "user"),
            ("p=tls-unique,,n=user,r=abc", Required(None), None, "user"),
            ("n,a=a=2Cb@x,n=user,r=abc", Unsupported, Some("a,b@x"), "user"),
            ("n,,n=a=2Cb=3Dc,r=abc", Unsupported, None, "a,b=c"),
            ("n,,n=I\u{AD}X,r=abc", Unsupported, None, "IX"),
            ("n,,n=user,r=abc,x=1,y=a=b", Unsupported, None, "user"),
        ] {
            let parsed = ClientFirst::parse(message.as_bytes()).unwrap_or_else(|error| panic!("{message}: {error}"));
            assert_eq!(parsed.channel_binding, binding, "{message}");
            assert_eq!(parsed.authzid.as_deref(), authzid, "{message}");
            assert_eq!(parsed.username, username, "{message}");
            assert_eq!(format!("{}{}", parsed.gs2_header, parsed.bare), message);
        }
    }

    #[test]
    fn malformed_first_messages() {
        for message in [
            "",
            "n",
            "n,",
            "n,,",
            ",,n=user,r=abc",
            "x,,n=user,r=abc",
            "p=,,n=user,r=abc",
            "p=a_b,,n=user,r=abc",
            "N,,n=user,r=abc",
            "n=user,r=abc",
            "n,b=x,n=user,r=abc",
            "n,,n=,r=abc",
            "n,,n=a=2cb,r=abc",
            "n,,n=a=,r=abc",
            "n,,n=a=2,r=abc",
            "n,,n=user",
            "n,,n=user,r=",
            "n,,n=user,r=a\u{e9}",
            "n,,n=user,r=a b",
            "n,,r=abc,n=user",
            "n,,n=user,r=abc,",
            "n,,n=user,r=abc,x",
            "n,,n=user,r=abc,1=2",
            "n,,n=user,r=abc,n=other",
            "n,,n=us\0er,r=abc",
            "n,,n=\u{AD},r=abc",
            "n,,n=us\u{7}er,r=abc",
        ] {
            let error = ClientFirst::parse(message.as_bytes()).expect_err(message);
            assert!(matches!(error, MessageError::Malformed(_)), "{message}: {error}");
        }
        assert!(ClientFirst::parse(b"n,,n=us\xFFer,r=abc").is_err());
        for (message, expected) in [
            ("n,a=,n=user,r=abc", MessageError::Authzid),
            ("n,a=b=,n=user,r=abc", MessageError::Authzid),
            ("n,,m=x,n=user,r=abc", MessageError::MandatoryExtension),
            ("n,,n=user,r=abc,m=x", MessageError::MandatoryExtension),
        ] {
            assert_eq!(ClientFirst::parse(message.as_bytes()), Err(expected), "{message}");
        }
    }

    #[test]
    fn final_messages() {
        for (message, well_formed) in [
            ("c=biws,r=abc,p=AAAA", true),
            ("c=biws,r=abc,x=y,p=AAAA", true),
            ("c=biws,r=abc,p=", true),
            ("", false),
            ("c=biws,r=abc", false),
            ("c=biws,r=abc,p=A", false),
            ("c=biws,r=abc,p=AAAB====", false),
            ("c=biw,r=abc,p=AAAA", false),
            ("c=biws,p=AAAA", false),
            ("r=abc,c=biws,p=AAAA", false),
            ("c=biws,r=,p=AAAA", false),
            ("c=biws,r=abc,p=AAAA,x=y", false),
            ("c=biws,r=abc,p=AAAA,p=AAAA", false),
            ("c=biws,r=abc,m=y,p=AAAA", false),
            ("m=y,c=biws,r=abc,p=AAAA", false),
        ] {
            assert_eq!(ClientFinal::parse(message.as_bytes()).is_ok(), well_formed, "{message}");
        }
    }
}
