//! What the receiving machine tells its caller, and what it hears about resources.

use jabiru_stanza::{BareJid, FullJid, ResourcePart, SaslCondition, StreamError};

use crate::{Mechanism, PasswordCheck, ScramHash};

/// What the caller of [`ClientStream`](crate::ClientStream) has to do or to know next.
///
/// Events come in order. Before acting on one, the output there is ([`take_output`]) has to be on its way.
///
/// [`take_output`]: crate::ClientStream::take_output
#[derive(Debug)]
pub enum Event {
    /// Once the output so far has been sent, the next octet in either direction belongs to TLS. The caller drops
    /// its reader with every octet read behind `<starttls/>` (RFC 6120 §5.4.3.3), does the handshake as the
    /// server and reports with [`handle_tls`](crate::ClientStream::handle_tls); if TLS fails it just closes the
    /// connection (§5.4.3.2).
    StartTls,
    /// The caller replaces its reader by a new one: the other side starts a new stream on the same connection
    /// (§6.3.2). Octets that came behind the last event belong to the new stream.
    RestartStream,
    /// Answer with [`handle_credentials`](crate::ClientStream::handle_credentials).
    LookUpCredentials {
        /// Whose; prepared, of the stream's domain.
        account: BareJid,
        /// The keys for which hash. For EXTERNAL only whether the account is there, and its status, matter.
        hash: ScramHash,
    },
    /// Run it where it does not hold up other streams, then
    /// [`handle_password_check`](crate::ClientStream::handle_password_check).
    CheckPassword(PasswordCheck),
    /// The other side proved to be this account.
    Authenticated {
        /// Who it is. With [`Mechanism::Anonymous`] it was made up, exists nowhere else and lasts as long as the stream.
        account: BareJid,
        /// How it proved that.
        mechanism: Mechanism,
    },
    /// An attempt failed, and the other side was told; for logs and throttling.
    AuthenticationFailed {
        /// Who it claimed to be, as far as it got to say so. The account need not exist.
        account: Option<BareJid>,
        /// What the other side was told.
        condition: SaslCondition,
        /// The mechanism asked for, if it is one that this crate knows.
        mechanism: Option<Mechanism>,
    },
    /// Bind a resource, then [`handle_bind`](crate::ClientStream::handle_bind).
    BindResource {
        /// Whose.
        account: BareJid,
        /// The resource asked for. `None`: the caller generates a random one (§7.6).
        requested: Option<ResourcePart>,
    },
    /// Negotiation is complete. Output is still to be taken; then the caller drops the machine and handles
    /// stanzas itself.
    Established {
        /// The bound resource.
        jid: FullJid,
        /// The default language of stanzas from the other side (§4.7.4), if its header stated a sound one.
        lang: Option<String>,
    },
    /// The end: all that is still to be sent, stream error and closing tag included, is in the output.
    /// Nothing is processed any more.
    Closed {
        /// Why we closed; `None` if the other side closed the stream or the caller wanted no error.
        error: Option<StreamError>,
    },
}

/// Why the caller did not bind a resource (RFC 6120 §7.6.2, §7.7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// The resource is in use, and the policy is to refuse then (§7.7.2.2).
    #[error("resource is in use")]
    Conflict,
    /// The account has as many resources as it may have (§7.6.2.1).
    #[error("too many resources of the account")]
    ResourceConstraint,
    /// The account may not bind a resource on this stream (§7.6.2.2).
    #[error("binding is not allowed")]
    NotAllowed,
    /// A backend that the stream depends on is away: the stream ends with `remote-connection-failed` (§4.9.3.15).
    #[error("a backend is not available")]
    Unavailable,
    /// Trouble of our own.
    #[error("internal error")]
    Internal,
}
