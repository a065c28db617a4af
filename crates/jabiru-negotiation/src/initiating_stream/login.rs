//! Who an initiating entity is, and by what it proves that (RFC 6120 §6.3).

use std::fmt;

use jabiru_stanza::{BareJid, DomainPart, ResourcePart};
use zeroize::Zeroizing;

/// Who logs in.
#[derive(Debug)]
pub struct Login {
    /// The account; for [`Authentication::Anonymous`] only its domain counts.
    pub jid: BareJid,
    /// By what it is proved.
    pub authentication: Authentication,
    /// The resource to ask for; `None` leaves it to the receiving entity (RFC 6120 §7.6).
    pub resource: Option<ResourcePart>,
}

impl Login {
    /// The account with its password, and a resource that the server chooses.
    #[must_use]
    pub fn with_password(jid: BareJid, password: impl Into<Zeroizing<String>>) -> Login {
        Login { jid, authentication: Authentication::Password(password.into()), resource: None }
    }

    /// An account that the server makes up (XEP-0175), and a resource that it chooses.
    #[must_use]
    pub fn anonymous(domain: DomainPart) -> Login {
        Login { jid: domain.into(), authentication: Authentication::Anonymous, resource: None }
    }

    /// The account's address, where there is one to be told.
    pub(crate) fn address(&self) -> Option<&BareJid> {
        match &self.authentication {
            Authentication::Password(_) | Authentication::Certificate { .. } => Some(&self.jid),
            Authentication::Anonymous => None,
        }
    }
}

/// How an initiating entity proves who it is. Nothing but what is named here is ever tried.
pub enum Authentication {
    /// By SCRAM, or as the policy allows it by PLAIN.
    Password(Zeroizing<String>),
    /// By EXTERNAL, with the certificate that the caller presents in TLS (XEP-0178 §2).
    Certificate {
        /// Name [`Login::jid`] as the authorization identity: mandatory if the certificate has several addresses,
        /// forbidden if it has but this one (RFC 6120 §6.3.8).
        authzid: bool,
    },
    /// By ANONYMOUS, which proves nothing.
    Anonymous,
}

/// Not the password.
impl fmt::Debug for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Authentication::Password(_) => f.write_str("Password"),
            Authentication::Certificate { authzid } => f.debug_struct("Certificate").field("authzid", authzid).finish(),
            Authentication::Anonymous => f.write_str("Anonymous"),
        }
    }
}
