//! A TLS client that asks for renegotiation, which the TLS library can't be made to do.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::cipher::{MessageEncrypter, OutboundChunks, OutboundPlainMessage};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::ServerName;
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, ConnectionTrafficSecrets, ContentType, ProtocolVersion, RootCertStore,
    SupportedCipherSuite,
};

use crate::client::Trust;

use super::raw;

/// The suites whose keys can be used by hand: the nonce of a record follows from its number alone.
const SUITES: [CipherSuite; 2] = [
    CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
];

/// A TLS 1.2 session whose handshake is complete.
pub(super) struct Session<'a> {
    socket: &'a TcpStream,
    encrypter: Box<dyn MessageEncrypter>,
    sequence: u64,
}

impl<'a> Session<'a> {
    /// Goes through a handshake of TLS 1.2 on `socket`.
    ///
    /// # Errors
    /// If the server does not speak TLS 1.2 with one of [`SUITES`].
    pub(super) fn start(
        mut socket: &'a TcpStream,
        domain: &str,
        trust: &Trust,
        limit: Duration,
    ) -> Result<Self, String> {
        let say = |error: &dyn std::fmt::Display| error.to_string();
        let mut provider: CryptoProvider = aws_lc_rs::default_provider();
        provider.cipher_suites.retain(|suite| SUITES.contains(&suite.suite()));
        let roots = match trust {
            Trust::Roots(roots) => Arc::clone(roots),
            Trust::Anything => Arc::new(RootCertStore::empty()),
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS12])
            .map_err(|error| say(&error))?;
        let mut config = match trust {
            Trust::Roots(_) => builder.with_root_certificates(roots).with_no_client_auth(),
            Trust::Anything => return Err("its certificate can't be checked".to_owned()),
        };
        config.enable_secret_extraction = true;
        let name = ServerName::try_from(domain.to_owned()).map_err(|error| say(&error))?;
        let mut tls = ClientConnection::new(Arc::new(config), name).map_err(|error| say(&error))?;
        socket.set_read_timeout(Some(limit)).map_err(|error| say(&error))?;
        while tls.is_handshaking() {
            tls.complete_io(&mut socket).map_err(|error| say(&error))?;
        }
        let suite = match tls.negotiated_cipher_suite() {
            Some(SupportedCipherSuite::Tls12(suite)) => suite,
            Some(SupportedCipherSuite::Tls13(_)) | None => return Err("no TLS 1.2".to_owned()),
        };
        let (sequence, secrets) = tls.dangerous_extract_secrets().map_err(|error| say(&error))?.tx;
        let ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } = secrets else {
            return Err("no suite whose keys can be used by hand".to_owned());
        };
        let encrypter = suite.aead_alg.encrypter(key, iv.as_ref(), &[]);
        Ok(Session { socket, encrypter, sequence })
    }

    /// Sends one record.
    pub(super) fn sends(&mut self, content: ContentType, payload: &[u8]) {
        let message = OutboundPlainMessage {
            typ: content,
            version: ProtocolVersion::TLSv1_2,
            payload: OutboundChunks::Single(payload),
        };
        let record = self.encrypter.encrypt(message, self.sequence).expect("a record that is short enough");
        self.sequence += 1;
        raw::send(self.socket, &record.encode());
    }
}

/// A client hello as it would begin a renegotiation.
pub(super) fn client_hello() -> Vec<u8> {
    let mut body = b"\x03\x03".to_vec();
    body.extend_from_slice(&[0x42; 32]);
    // No session, two cipher suites, no compression, and no extensions.
    body.extend_from_slice(b"\x00\x00\x04\xcc\xa9\xcc\xa8\x01\x00");
    let length = u8::try_from(body.len()).expect("it is short");
    [&[1, 0, 0, length], body.as_slice()].concat()
}
