//! The client's side of one SCRAM exchange (RFC 5802 §5).
//!
//! The `sasl` crate has one too. It does not bind to `tls-server-end-point`, which is what TLS 1.2 leaves (XEP-0440 §4),
//! prepares neither name nor password, and leaves it to its user to look at nonce and iterations.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use stringprep::saslprep;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::keys::{digest, hmac, salted_password};
use super::message::is_nonce;
use crate::{ChannelBindingType, ScramHash};

/// Proves to a server that we know a password, and has it prove the same.
pub(crate) struct ClientExchange {
    hash: ScramHash,
    /// Prepared by SASLprep.
    password: Zeroizing<String>,
    gs2_header: String,
    /// Empty without channel binding.
    channel_binding: Vec<u8>,
    nonce: String,
    /// `client-first-message-bare`: the proof covers it.
    bare: String,
    /// What the server will sign with, once the proof has been made.
    server_signature: Option<Zeroizing<Vec<u8>>>,
}

/// What a client says about channel binding (RFC 5802 §6).
pub(crate) enum ClientBinding {
    /// `n`: we can't bind, or the server can't.
    None,
    /// `y`: we could, but saw no offer; a server that made one then knows that it was taken away.
    NotOffered,
    /// `p=`: we do, by this type and data.
    By(ChannelBindingType, Vec<u8>),
}

/// Why there is no exchange, or why it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientError {
    /// The user name or the password can't be used (RFC 4013), or there is no randomness for a nonce.
    Credentials,
    /// The server does not go on from our nonce, wants what nobody knows, or does not know the password.
    NotVerified,
    /// What the server sent breaks the grammar or asks for too much work.
    Violation(&'static str),
}

impl ClientExchange {
    /// An exchange for this account, and `client-first-message`, which is to be sent.
    pub(crate) fn begin(
        hash: ScramHash,
        username: &str,
        password: &str,
        binding: ClientBinding,
    ) -> Result<(ClientExchange, String), ClientError> {
        let mut random = [0; NONCE_BYTES];
        getrandom::fill(&mut random).map_err(|_| ClientError::Credentials)?;
        ClientExchange::with_nonce(hash, username, password, binding, URL_SAFE_NO_PAD.encode(random))
    }

    fn with_nonce(
        hash: ScramHash,
        username: &str,
        password: &str,
        binding: ClientBinding,
        nonce: String,
    ) -> Result<(ClientExchange, String), ClientError> {
        let username = saslprep(username).map_err(|_| ClientError::Credentials)?;
        let password = Zeroizing::new(saslprep(password).map_err(|_| ClientError::Credentials)?.into_owned());
        if username.is_empty() || password.is_empty() {
            return Err(ClientError::Credentials);
        }
        let (gs2_header, channel_binding) = match binding {
            ClientBinding::None => ("n,,".to_owned(), Vec::new()),
            ClientBinding::NotOffered => ("y,,".to_owned(), Vec::new()),
            ClientBinding::By(kind, data) => (format!("p={},,", kind.name()), data),
        };
        let bare = format!("n={},r={nonce}", escape(&username));
        let first = format!("{gs2_header}{bare}");
        Ok((ClientExchange { hash, password, gs2_header, channel_binding, nonce, bare, server_signature: None }, first))
    }

    /// Answers `server-first-message` with the proof. Takes milliseconds.
    pub(crate) fn respond(&mut self, server_first: &[u8]) -> Result<String, ClientError> {
        let server_first = std::str::from_utf8(server_first).map_err(|_| ClientError::NotVerified)?;
        let mut attributes = server_first.split(',');
        let mut next = |name: &str| attributes.next().and_then(|attribute| attribute.strip_prefix(name));
        // RFC 5802 §5.1: the nonce goes on from ours; an "m" in its place is an extension that must fail.
        let nonce = next("r=").filter(|all| all.len() > self.nonce.len() && all.starts_with(&self.nonce));
        let nonce = nonce.filter(|nonce| is_nonce(nonce)).ok_or(ClientError::NotVerified)?;
        let salt = next("s=").and_then(|salt| STANDARD.decode(salt).ok()).filter(|salt| !salt.is_empty());
        let salt = salt.ok_or(ClientError::Violation("malformed SCRAM challenge"))?;
        let iterations = next("i=").and_then(|count| count.parse().ok());
        let iterations = iterations.filter(|count| (1..=MAX_ITERATIONS).contains(count));
        let iterations = iterations.ok_or(ClientError::Violation("iteration count out of bounds"))?;

        let binding = STANDARD.encode([self.gs2_header.as_bytes(), &self.channel_binding].concat());
        let without_proof = format!("c={binding},r={nonce}");
        let auth_message = format!("{},{server_first},{without_proof}", self.bare);
        // RFC 5802 §3.
        let salted = salted_password(self.hash, self.password.as_bytes(), &salt, iterations);
        let client_key = hmac(self.hash, &salted, b"Client Key");
        let mut proof = hmac(self.hash, &digest(self.hash, &client_key), auth_message.as_bytes());
        proof.iter_mut().zip(client_key.iter()).for_each(|(octet, key)| *octet ^= key);
        let server_key = hmac(self.hash, &salted, b"Server Key");
        self.server_signature = Some(hmac(self.hash, &server_key, auth_message.as_bytes()));
        Ok(format!("{without_proof},p={}", STANDARD.encode(&*proof)))
    }

    /// Checks the signature in `server-final-message`, which comes once and after the proof.
    pub(crate) fn verify(&mut self, server_final: &[u8]) -> Result<(), ClientError> {
        let expected = self.server_signature.take().ok_or(ClientError::NotVerified)?;
        let verifier = std::str::from_utf8(server_final).ok().and_then(|message| message.split(',').next());
        let signature = verifier.and_then(|verifier| STANDARD.decode(verifier.strip_prefix("v=")?).ok());
        match signature {
            Some(signature) if bool::from(signature.ct_eq(&expected)) => Ok(()),
            Some(_) | None => Err(ClientError::NotVerified),
        }
    }
}

/// `saslname` (RFC 5802 §5.1).
fn escape(username: &str) -> String {
    username.replace('=', "=3D").replace(',', "=2C")
}

/// 192 random bits, as the server's.
const NONCE_BYTES: usize = 24;

/// Seconds of work on a slow device: no honest server asks for more (RFC 5802 §9 warns of a hostile count).
const MAX_ITERATIONS: u32 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(hash: ScramHash, username: &str, password: &str, nonce: &str) -> Result<String, ClientError> {
        let begun = ClientExchange::with_nonce(hash, username, password, ClientBinding::None, nonce.to_owned());
        begun.map(|(_, first)| first)
    }

    /// RFC 5802 §5 and RFC 7677 §3.
    #[test]
    fn examples_of_the_standards() {
        for (hash, nonce, first, server_first, last, server_final) in [
            (
                ScramHash::Sha1,
                "fyko+d2lbbFgONRv9qkxdawL",
                "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
                "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
                "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
                "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
            ),
            (
                ScramHash::Sha256,
                "rOprNGfwEbeRWgbNEkqO",
                "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
                "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
                "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                 p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
                "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
            ),
        ] {
            let begin = || {
                let (exchange, begun) =
                    ClientExchange::with_nonce(hash, "user", "pencil", ClientBinding::None, nonce.to_owned()).unwrap();
                assert_eq!(begun, first);
                exchange
            };
            let mut exchange = begin();
            assert_eq!(exchange.verify(server_final.as_bytes()), Err(ClientError::NotVerified), "before the proof");
            assert_eq!(exchange.respond(server_first.as_bytes()).as_deref(), Ok(last));
            assert_eq!(exchange.verify(server_final.as_bytes()), Ok(()));
            assert_eq!(exchange.verify(server_final.as_bytes()), Err(ClientError::NotVerified), "a second time");
            let shorter = &server_final[..server_final.len() - 4];
            for wrong in ["", "v=", "v=!", "v=AAAA", "e=other-error", &server_final[2..], shorter] {
                let mut exchange = begin();
                exchange.respond(server_first.as_bytes()).unwrap();
                assert_eq!(exchange.verify(wrong.as_bytes()), Err(ClientError::NotVerified), "{wrong}");
            }
        }
    }

    #[test]
    fn names_and_passwords_are_prepared() {
        for (username, password, expected) in [
            ("a,b=c", "x", Ok("n,,n=a=2Cb=3Dc,r=abc")),
            ("I\u{AD}X", "x", Ok("n,,n=IX,r=abc")),
            ("", "x", Err(ClientError::Credentials)),
            ("a\u{7}", "x", Err(ClientError::Credentials)),
            ("a", "", Err(ClientError::Credentials)),
            ("a", "\u{AD}", Err(ClientError::Credentials)),
            ("a", "\u{7}", Err(ClientError::Credentials)),
        ] {
            let first = exchange(ScramHash::Sha256, username, password, "abc");
            assert_eq!(first, expected.map(str::to_owned), "{username:?} {password:?}");
        }
    }

    /// RFC 5802 §5.1: the order is fixed, and the nonce goes on from ours.
    #[test]
    fn server_first_messages() {
        use ClientError::{NotVerified, Violation};
        const MALFORMED: ClientError = Violation("malformed SCRAM challenge");
        const COUNT: ClientError = Violation("iteration count out of bounds");
        for (message, expected) in [
            (&b"r=abcd,s=QQ==,i=1"[..], None),
            (b"r=abcd,s=QQ==,i=1,x=y", None),
            (b"r=abc,s=QQ==,i=1", Some(NotVerified)),
            (b"r=xabcd,s=QQ==,i=1", Some(NotVerified)),
            (b"r=abc\x7F,s=QQ==,i=1", Some(NotVerified)),
            (b"m=x,r=abcd,s=QQ==,i=1", Some(NotVerified)),
            (b"s=QQ==,r=abcd,i=1", Some(NotVerified)),
            (b"r=abcd\xFF,s=QQ==,i=1", Some(NotVerified)),
            (b"", Some(NotVerified)),
            (b"r=abcd", Some(MALFORMED)),
            (b"r=abcd,i=1,s=QQ==", Some(MALFORMED)),
            (b"r=abcd,s=,i=1", Some(MALFORMED)),
            (b"r=abcd,s=QQ=,i=1", Some(MALFORMED)),
            (b"r=abcd,s=QQ==", Some(COUNT)),
            (b"r=abcd,s=QQ==,i=0", Some(COUNT)),
            (b"r=abcd,s=QQ==,i=1000001", Some(COUNT)),
            (b"r=abcd,s=QQ==,i=99999999999", Some(COUNT)),
            (b"r=abcd,s=QQ==,i=x", Some(COUNT)),
        ] {
            let (mut exchange, _) =
                ClientExchange::with_nonce(ScramHash::Sha1, "user", "pencil", ClientBinding::None, "abc".to_owned())
                    .unwrap();
            assert_eq!(exchange.respond(message).err(), expected, "{}", message.escape_ascii());
        }
    }
}
