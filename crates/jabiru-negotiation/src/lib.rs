//! Stream negotiation without I/O: STARTTLS (RFC 6120 §5), SASL (§6) and resource binding (§7).

mod client_stream;
mod credentials;
mod event;
mod initiating_stream;
mod mechanism;
mod password;
mod policy;
pub mod scram;
mod security;

pub use client_stream::ClientStream;
pub use credentials::{AccountStatus, CredentialsAnswer, PasswordOutcome};
pub use event::{BindError, Event};
pub use initiating_stream::{InitiatingError, InitiatingEvent, InitiatingPolicy, InitiatingStream, Login};
pub use mechanism::{Mechanism, ScramHash};
pub use password::PasswordCheck;
pub use policy::{Domains, Iterations, Policy};
pub use security::{ChannelBindingType, Security, TlsInfo};
