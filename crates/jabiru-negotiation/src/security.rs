//! What is known about the TLS connection below a stream (RFC 6120 §5; RFC 5929; RFC 9266).

use std::fmt;
use std::time::SystemTime;

use jabiru_stanza::BareJid;

/// What protects a stream.
#[derive(Clone, Debug)]
pub enum Security {
    /// Nothing: STARTTLS may follow.
    Plaintext,
    /// TLS, negotiated before the first octet of the stream (XEP-0368) or by STARTTLS.
    Tls(TlsInfo),
}

impl Security {
    /// The TLS connection, if there is one.
    #[must_use]
    pub fn tls(&self) -> Option<&TlsInfo> {
        match self {
            Security::Plaintext => None,
            Security::Tls(info) => Some(info),
        }
    }
}

/// The TLS connection below a stream, as far as negotiation needs it.
#[derive(Clone, Default)]
pub struct TlsInfo {
    /// Keying material of the label `EXPORTER-Channel-Binding` (RFC 9266 §2), 32 octets. Only where it is
    /// safe: TLS 1.3, or TLS 1.2 with the extended master secret (RFC 9266 §4.2).
    pub exporter: Option<Vec<u8>>,
    /// Hash of the receiving entity's certificate (RFC 5929 §4.1), with the hash of its signature
    /// algorithm, or SHA-256 where that is MD5 or SHA-1. `None` where the certificate has no such hash.
    pub server_end_point: Option<Vec<u8>>,
    /// The name the initiating entity asked for (Server Name Indication, RFC 6066 §3).
    pub server_name: Option<String>,
    /// The certificate chain of the other side, DER, its own first; empty if it presented none.
    pub peer_certificates: Vec<Vec<u8>>,
    /// The version, such as `TLSv1.3`, for logs and reports.
    pub version: Option<&'static str>,
    /// The cipher suite, such as `TLS13_AES_256_GCM_SHA384`, for reports.
    pub cipher_suite: Option<&'static str>,
    /// The protocol that was agreed on by ALPN (RFC 7301), such as `xmpp-server`; `None` if none was.
    pub application_protocol: Option<String>,
    /// Who the other side is by its own certificate; `None` if it presented none.
    pub client_certificate: Option<ClientCertificate>,
}

/// The certificate of an initiating entity, as far as SASL EXTERNAL needs it (RFC 6120 §13.7.1.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Its XmppAddr identifiers (id-on-xmppAddr, §13.7.1.4), prepared. Those that are no bare JID are left out.
    pub addresses: Vec<BareJid>,
    /// Whether it can be believed.
    pub validity: CertificateValidity,
    /// When it expires, if that can be said.
    pub not_after: Option<SystemTime>,
}

/// Whether a certificate can be believed (RFC 6120 §13.7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateValidity {
    /// It chains to an authority that is trusted here, and its time is now.
    Valid,
    /// It would be valid, had it not expired.
    Expired,
    /// Anything else: an unknown authority, a wrong signature, a time that has not come yet, another purpose.
    Untrusted,
}

impl TlsInfo {
    /// The channel-binding types that can be used, best first (XEP-0440 §4).
    #[must_use]
    pub fn channel_bindings(&self) -> Vec<ChannelBindingType> {
        ChannelBindingType::ALL.into_iter().filter(|kind| self.channel_binding(*kind).is_some()).collect()
    }

    /// The channel-binding data of one type.
    #[must_use]
    pub fn channel_binding(&self, kind: ChannelBindingType) -> Option<&[u8]> {
        match kind {
            ChannelBindingType::TlsExporter => self.exporter.as_deref(),
            ChannelBindingType::TlsServerEndPoint => self.server_end_point.as_deref(),
        }
    }
}

/// Keying material is a secret.
impl fmt::Debug for TlsInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsInfo")
            .field("channel_bindings", &self.channel_bindings())
            .field("version", &self.version)
            .field("server_name", &self.server_name)
            .field("peer_certificates", &self.peer_certificates.len())
            .field("client_certificate", &self.client_certificate)
            .finish_non_exhaustive()
    }
}

/// How SCRAM can be bound to TLS (RFC 5056 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChannelBindingType {
    /// RFC 9266: unique to the connection.
    TlsExporter,
    /// RFC 5929 §4: tied to the certificate; still there behind a TLS offloader. Mandatory (XEP-0440 §4).
    TlsServerEndPoint,
}

impl ChannelBindingType {
    /// Every type, best first.
    pub const ALL: [ChannelBindingType; 2] = [ChannelBindingType::TlsExporter, ChannelBindingType::TlsServerEndPoint];

    /// The registered name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ChannelBindingType::TlsExporter => "tls-exporter",
            ChannelBindingType::TlsServerEndPoint => "tls-server-end-point",
        }
    }

    /// The type of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<ChannelBindingType> {
        ChannelBindingType::ALL.into_iter().find(|kind| kind.name() == name)
    }
}
