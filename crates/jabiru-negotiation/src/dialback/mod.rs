//! Server Dialback (XEP-0220): the words of it, and the keys (XEP-0185).
//!
//! What is said when is in `server_stream`. Whoever asks an authoritative server whether a key is good does that on
//! another stream than the one that the key came on.

mod element;
mod key;
mod pair;

pub(crate) use element::DialbackElement;
pub use key::{DialbackSecret, key, verify};
pub use pair::{DomainPair, KeyAnswer, KeyToVerify};

/// What we, as the authoritative server of the sender domain, say to a key (XEP-0220 §2.2.2).
pub(crate) fn judge(secret: &DialbackSecret, request: &KeyToVerify) -> KeyAnswer {
    let DomainPair { sender, target } = &request.pair;
    match verify(secret, target.as_str(), sender.as_str(), &request.stream_id, &request.key) {
        true => KeyAnswer::Valid,
        false => KeyAnswer::Invalid,
    }
}
