//! SASL, with the client side of the crate `sasl`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sasl::client::Mechanism;
use sasl::client::mechanisms::{Anonymous, Plain, Scram};
use sasl::common::scram::{Sha1, Sha256};
use sasl::common::{ChannelBinding, Credentials};

use super::Client;
use crate::ns;
use crate::tree::Element;

/// One attempt to log in.
#[derive(Clone, Debug)]
pub struct Login {
    /// The mechanism: PLAIN, ANONYMOUS, EXTERNAL, SCRAM-SHA-1 or -256, with or without -PLUS.
    pub mechanism: String,
    /// The simple user name: for SCRAM and PLAIN.
    pub user: String,
    /// The password: for SCRAM and PLAIN.
    pub password: String,
    /// The authorization identity: for EXTERNAL.
    pub authzid: Option<String>,
}

/// The server's answer in a SASL negotiation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `<success/>` with its decoded additional data.
    Success(Vec<u8>),
    /// `<challenge/>` with its decoded data.
    Challenge(Vec<u8>),
    /// `<failure/>` with its defined condition.
    Failure(String),
}

impl Answer {
    /// The condition of a failure.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        match self {
            Answer::Failure(condition) => Some(condition),
            Answer::Success(_) | Answer::Challenge(_) => None,
        }
    }

    /// Is it a success?
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(self, Answer::Success(_))
    }
}

impl Login {
    /// With a user name and a password.
    #[must_use]
    pub fn new(mechanism: &str, user: &str, password: &str) -> Login {
        Login { mechanism: mechanism.to_owned(), user: user.to_owned(), password: password.to_owned(), authzid: None }
    }

    /// With the certificate that TLS has shown (RFC 6120 §6.3.8; XEP-0178).
    #[must_use]
    pub fn external(authzid: Option<&str>) -> Login {
        Login { authzid: authzid.map(str::to_owned), ..Login::new("EXTERNAL", "", "") }
    }
}

impl Client {
    /// One SASL negotiation to its end. After success the next thing due is a new stream.
    ///
    /// # Panics
    /// If the server breaks the protocol, or does not prove that it knows the password where SCRAM asks for it.
    #[track_caller]
    pub fn negotiates_sasl(&mut self, login: &Login) -> Answer {
        if login.mechanism == "EXTERNAL" {
            self.sends_auth("EXTERNAL", Some(login.authzid.as_deref().unwrap_or_default().as_bytes()));
            return self.receives_sasl_answer();
        }
        let binding = if login.mechanism.ends_with("-PLUS") { self.tls_exporter() } else { ChannelBinding::None };
        let credentials = Credentials::default()
            .with_username(login.user.clone())
            .with_password(login.password.clone())
            .with_channel_binding(binding);
        let mut mechanism: Box<dyn Mechanism> = match login.mechanism.trim_end_matches("-PLUS") {
            "SCRAM-SHA-1" => Box::new(Scram::<Sha1>::from_credentials(credentials).expect("credentials")),
            "SCRAM-SHA-256" => Box::new(Scram::<Sha256>::from_credentials(credentials).expect("credentials")),
            "PLAIN" => Box::new(Plain::from_credentials(credentials).expect("credentials")),
            "ANONYMOUS" => Box::new(Anonymous::new()),
            other => panic!("the suite has no mechanism {other}"),
        };
        let initial = mechanism.initial();
        self.sends_auth(&login.mechanism, Some(&initial));
        loop {
            match self.receives_sasl_answer() {
                Answer::Success(data) => {
                    if let Err(error) = mechanism.success(&data) {
                        panic!("the success is not proved: {error:?}");
                    }
                    return Answer::Success(data);
                }
                Answer::Challenge(data) => match mechanism.response(&data) {
                    Ok(response) => self.sends_response(&response),
                    Err(error) => panic!("the challenge is not sound: {error:?}"),
                },
                failure @ Answer::Failure(_) => return failure,
            };
        }
    }

    /// `<auth/>`; an empty initial response is sent as `=` (RFC 6120 §6.4.2).
    ///
    /// # Panics
    /// If the server does not take it.
    #[track_caller]
    pub fn sends_auth(&mut self, mechanism: &str, initial: Option<&[u8]>) -> &mut Client {
        let content = match initial {
            None => String::new(),
            Some([]) => "=".to_owned(),
            Some(data) => STANDARD.encode(data),
        };
        self.sends_bytes(format!("<auth xmlns='{}' mechanism='{mechanism}'>{content}</auth>", ns::SASL))
    }

    /// `<response/>`.
    ///
    /// # Panics
    /// If the server does not take it.
    #[track_caller]
    pub fn sends_response(&mut self, data: &[u8]) -> &mut Client {
        self.sends_bytes(format!("<response xmlns='{}'>{}</response>", ns::SASL, STANDARD.encode(data)))
    }

    /// The next word of the server in a SASL negotiation, which has to follow the schema of RFC 6120 A.4.
    ///
    /// # Panics
    /// If something else comes.
    #[track_caller]
    pub fn receives_sasl_answer(&mut self) -> Answer {
        let element = self.receives_any();
        let data = |element: &Element| {
            let text = element.text();
            match text.as_str() {
                "=" => Vec::new(),
                text => STANDARD.decode(text).unwrap_or_else(|error| panic!("no base64 (§6.3.5): {error}: {text:?}")),
            }
        };
        match element.name.as_str() {
            "success" if element.namespace == ns::SASL => Answer::Success(data(&element)),
            "challenge" if element.namespace == ns::SASL => Answer::Challenge(data(&element)),
            "failure" if element.namespace == ns::SASL => Answer::Failure(super::expect::sasl_condition(&element)),
            _ => panic!("an answer of SASL was due: {element}"),
        }
    }

    /// Can SCRAM be bound to this connection (RFC 9266)?
    #[must_use]
    pub fn has_tls_exporter(&self) -> bool {
        self.tls().is_some_and(|tls| tls.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3))
    }

    #[track_caller]
    fn tls_exporter(&self) -> ChannelBinding {
        let tls = self.tls().expect("-PLUS needs TLS");
        let data = tls.export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", Some(&[]));
        ChannelBinding::TlsExporter(data.expect("the handshake is complete"))
    }
}
