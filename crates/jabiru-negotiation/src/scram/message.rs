//! The messages of SCRAM as the server reads them (RFC 5802 §7).

use std::fmt;

use crate::ChannelBindingType;

/// `client-first-message`: who wants to log in.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientFirst {
    /// What it says about channel binding.
    pub channel_binding: Gs2ChannelBinding,
    /// The authorization identity, if stated.
    pub authzid: Option<String>,
    /// The user name, unescaped and prepared by SASLprep.
    pub username: String,
    pub(crate) nonce: String,
    /// `gs2-header`, as sent.
    pub(crate) gs2_header: String,
    /// `client-first-message-bare`, as sent.
    pub(crate) bare: String,
}

/// `gs2-cbind-flag` (RFC 5802 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gs2ChannelBinding {
    /// `n`: the client can't.
    Unsupported,
    /// `y`: the client could, but believes that the server can't.
    NotOffered,
    /// `p=`: the client does; `None` if by a type not known here.
    Required(Option<ChannelBindingType>),
}

/// Why a message of the client is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// It breaks the grammar of RFC 5802 §7.
    #[error("malformed SCRAM message: {0}")]
    Malformed(&'static str),
}

impl fmt::Debug for ClientFirst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientFirst").field("username", &self.username).finish_non_exhaustive()
    }
}
