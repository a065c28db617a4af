//! The server's side of one SCRAM exchange (RFC 5802 §5).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sasl::common::Identity;
use sasl::server::{Mechanism as SaslMechanism, MechanismError, Response};
use subtle::ConstantTimeEq;

use super::keys::{digest, hmac};
use super::message::{ClientFinal, ClientFirst, Gs2ChannelBinding};
use super::{MessageError, ScramCredentials};
use crate::{Mechanism, ScramHash, TlsInfo};

/// Proves that a client knows the password behind [`ScramCredentials`].
///
/// It implements [`sasl::server::Mechanism`], so whatever drives that trait can drive it:
/// [`respond`](SaslMechanism::respond) takes `client-first-message` and then `client-final-message`. Of the crate's
/// server side no more can be used: its SCRAM wants SaltedPassword, the equivalent of the password, where only
/// StoredKey and ServerKey should be kept, refuses `n,,`, and does not compare in constant time; and its
/// `Provider` has to answer at once, where we wait for a database. So the user name is read first
/// ([`ClientFirst::parse`]), the credentials are looked up, and only then is this made from them.
pub struct ServerMechanism {
    hash: ScramHash,
    binding: Binding,
    credentials: ScramCredentials,
    /// The server's part of the nonce.
    nonce: String,
    state: State,
}

/// What the server did about channel binding.
#[derive(Clone, Debug)]
pub enum Binding {
    /// SCRAM without -PLUS. Where -PLUS was offered beside it, a client that saw no such offer was deceived.
    Without {
        /// Was -PLUS offered on this stream?
        plus_offered: bool,
    },
    /// -PLUS over this TLS connection, by any of its channel-binding types.
    Plus(TlsInfo),
}

enum State {
    AwaitFirst,
    AwaitFinal { first: ClientFirst, server_first: String },
    Over,
}

impl ServerMechanism {
    /// An exchange that awaits `client-first-message`.
    ///
    /// # Errors
    /// If the system has no randomness for the nonce.
    pub fn new(
        hash: ScramHash,
        binding: Binding,
        credentials: ScramCredentials,
    ) -> Result<ServerMechanism, MechanismError> {
        let mut random = [0; NONCE_BYTES];
        getrandom::fill(&mut random).map_err(|_| MechanismError::FailedToGenerateNonce)?;
        Ok(ServerMechanism::with_nonce(hash, binding, credentials, URL_SAFE_NO_PAD.encode(random)))
    }

    fn with_nonce(hash: ScramHash, binding: Binding, credentials: ScramCredentials, nonce: String) -> ServerMechanism {
        ServerMechanism { hash, binding, credentials, nonce, state: State::AwaitFirst }
    }

    fn first(&self, message: &[u8]) -> Result<(State, Response), MechanismError> {
        let first = ClientFirst::parse(message).map_err(|_| MechanismError::CannotDecodeInitialMessage)?;
        self.binding.check(&first)?;
        let ScramCredentials { salt, iterations, .. } = &self.credentials;
        let server_first = format!("r={}{},s={},i={iterations}", first.nonce, self.nonce, STANDARD.encode(salt));
        let response = Response::Proceed(server_first.clone().into_bytes());
        Ok((State::AwaitFinal { first, server_first }, response))
    }

    fn last(&self, first: ClientFirst, server_first: &str, message: &[u8]) -> Result<Response, MechanismError> {
        let last = ClientFinal::parse(message).map_err(|error| match error {
            MessageError::NoProof => MechanismError::NoProof,
            MessageError::Malformed(_) | MessageError::MandatoryExtension | MessageError::Authzid => {
                MechanismError::CannotDecodeResponse
            }
        })?;
        if last.proof.len() != self.hash.output_len() {
            return Err(MechanismError::CannotDecodeProof);
        }
        let mut expected_binding = first.gs2_header.into_bytes();
        if let (Binding::Plus(tls), Gs2ChannelBinding::Required(Some(kind))) = (&self.binding, first.channel_binding) {
            let data = tls.channel_binding(kind).ok_or(MechanismError::ChannelBindingMechanismIncorrect)?;
            expected_binding.extend_from_slice(data);
        }
        let expected_nonce = format!("{}{}", first.nonce, self.nonce);

        // RFC 5802 §3. Everything is computed and compared, whatever is wrong: no step tells by its time.
        let keys = &self.credentials.keys;
        let auth_message = format!("{},{server_first},{}", first.bare, last.without_proof);
        let signature = hmac(self.hash, keys.stored_key(), auth_message.as_bytes());
        let mut client_key = signature;
        client_key.iter_mut().zip(&last.proof).for_each(|(octet, proof)| *octet ^= proof);
        let right = digest(self.hash, &client_key).ct_eq(keys.stored_key())
            & last.channel_binding.ct_eq(&expected_binding)
            & last.nonce.as_bytes().ct_eq(expected_nonce.as_bytes());
        let server_signature = hmac(self.hash, keys.server_key(), auth_message.as_bytes());
        if !bool::from(right) {
            return Err(MechanismError::AuthenticationFailed);
        }
        let verifier = format!("v={}", STANDARD.encode(&*server_signature));
        Ok(Response::Success(Identity::Username(first.username), verifier.into_bytes()))
    }
}

/// An error ends the exchange: whatever follows is answered with `SaslSessionAlreadyOver`.
impl SaslMechanism for ServerMechanism {
    fn name(&self) -> &str {
        match self.binding {
            Binding::Without { .. } => Mechanism::Scram(self.hash).name(),
            Binding::Plus(_) => Mechanism::ScramPlus(self.hash).name(),
        }
    }

    fn respond(&mut self, payload: &[u8]) -> Result<Response, MechanismError> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::AwaitFirst => {
                let (state, response) = self.first(payload)?;
                self.state = state;
                Ok(response)
            }
            State::AwaitFinal { first, server_first } => self.last(first, &server_first, payload),
            State::Over => Err(MechanismError::SaslSessionAlreadyOver),
        }
    }
}

impl Binding {
    /// Does what the client says of channel binding go with what it was offered (RFC 5802 §6)?
    ///
    /// # Errors
    /// `CannotDecodeInitialMessage` for a flag that can't go with the mechanism, `ChannelBindingIsSupported` if an
    /// offer got lost on the way, `ChannelBindingMechanismIncorrect` for a type that can't be used here.
    pub fn check(&self, first: &ClientFirst) -> Result<(), MechanismError> {
        match (self, first.channel_binding) {
            (Binding::Without { .. }, Gs2ChannelBinding::Unsupported) => Ok(()),
            (Binding::Without { plus_offered: false }, Gs2ChannelBinding::NotOffered) => Ok(()),
            // Somebody took -PLUS out of the offer.
            (Binding::Without { plus_offered: true }, Gs2ChannelBinding::NotOffered) => {
                Err(MechanismError::ChannelBindingIsSupported)
            }
            (Binding::Plus(tls), Gs2ChannelBinding::Required(kind)) => match kind {
                Some(kind) if tls.channel_binding(kind).is_some() => Ok(()),
                Some(_) | None => Err(MechanismError::ChannelBindingMechanismIncorrect),
            },
            (Binding::Without { .. }, Gs2ChannelBinding::Required(_))
            | (Binding::Plus(_), Gs2ChannelBinding::Unsupported | Gs2ChannelBinding::NotOffered) => {
                Err(MechanismError::CannotDecodeInitialMessage)
            }
        }
    }
}

/// Nothing of keys, nonces and proofs.
impl fmt::Debug for ServerMechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerMechanism").field("name", &self.name()).finish_non_exhaustive()
    }
}

/// 192 random bits: a nonce never repeats and is never guessed (RFC 5802 §5.1, "r").
const NONCE_BYTES: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scram::ScramKeys;

    const WITHOUT: Binding = Binding::Without { plus_offered: false };

    fn credentials(hash: ScramHash, password: &str, salt: &str, iterations: u32) -> ScramCredentials {
        let salt = STANDARD.decode(salt).unwrap();
        ScramCredentials { keys: ScramKeys::derive(hash, password, &salt, iterations).unwrap(), salt, iterations }
    }

    struct Vector {
        hash: ScramHash,
        nonce: &'static str,
        salt: &'static str,
        first: &'static str,
        server_first: &'static str,
        last: &'static str,
        server_final: &'static str,
    }

    /// RFC 5802 §5.
    const SHA1: Vector = Vector {
        hash: ScramHash::Sha1,
        nonce: "3rfcNHYJY1ZVvWVs7j",
        salt: "QSXCR+Q6sek8bf92",
        first: "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
        server_first: "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        last: "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        server_final: "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    };

    /// RFC 7677 §3.
    const SHA256: Vector = Vector {
        hash: ScramHash::Sha256,
        nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        salt: "W22ZaJ0SNY7soEsUEjb6gQ==",
        first: "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        server_first: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        last: "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        server_final: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    };

    impl Vector {
        fn exchange(&self, password: &str) -> ServerMechanism {
            let credentials = credentials(self.hash, password, self.salt, 4096);
            ServerMechanism::with_nonce(self.hash, WITHOUT, credentials, self.nonce.to_owned())
        }
    }

    #[test]
    fn published_vectors() {
        for vector in [SHA1, SHA256] {
            let mut server = vector.exchange("pencil");
            assert_eq!(server.respond(vector.first.as_bytes()), Ok(Response::Proceed(vector.server_first.into())));
            let success = Response::Success(Identity::Username("user".to_owned()), vector.server_final.into());
            assert_eq!(server.respond(vector.last.as_bytes()), Ok(success));
            assert_eq!(server.respond(vector.last.as_bytes()), Err(MechanismError::SaslSessionAlreadyOver));
        }
    }

    /// Each row breaks one thing of the published exchange.
    #[test]
    fn what_is_wrong_fails() {
        use MechanismError::{AuthenticationFailed, CannotDecodeProof, CannotDecodeResponse, NoProof};
        const NONCE: &str = "fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j";
        const PROOF: &str = "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=";
        for (last, expected) in [
            (format!("c=biws,r={NONCE},p=v0X8v3Bz2T0CJGbJQyF0X+HI4Tw="), AuthenticationFailed),
            (format!("c=biws,r={NONCE}x,p={PROOF}"), AuthenticationFailed),
            (format!("c=biws,r=fyko+d2lbbFgONRv9qkxdawL,p={PROOF}"), AuthenticationFailed),
            // "y,," where "n,," was said first.
            (format!("c=eSws,r={NONCE},p={PROOF}"), AuthenticationFailed),
            (format!("c=biws,r={NONCE},x=y,p={PROOF}"), AuthenticationFailed),
            (format!("c=biws,r={NONCE}"), NoProof),
            (format!("c=biws,r={NONCE},p="), CannotDecodeProof),
            (format!("c=biws,r={NONCE},p=v0X8v3Bz2T0CJGbJQyF0X+HI4Q=="), CannotDecodeProof),
            (format!("c=biws,r={NONCE},p=????"), CannotDecodeResponse),
            (format!("m=x,c=biws,r={NONCE},p={PROOF}"), CannotDecodeResponse),
            (String::new(), NoProof),
        ] {
            let mut server = SHA1.exchange("pencil");
            server.respond(SHA1.first.as_bytes()).unwrap();
            assert_eq!(server.respond(last.as_bytes()), Err(expected), "{last}");
        }
        let mut server = SHA1.exchange("pencils");
        server.respond(SHA1.first.as_bytes()).unwrap();
        assert_eq!(server.respond(SHA1.last.as_bytes()), Err(AuthenticationFailed));
    }

    /// `client-final-message` with a proof that is right for what it says, whatever it says.
    fn proven(vector: &Vector, without_proof: &str) -> String {
        let salt = STANDARD.decode(vector.salt).unwrap();
        let mut salted = [0; 20];
        pbkdf2::pbkdf2::<hmac::Hmac<sha1::Sha1>>(b"pencil", &salt, 4096, &mut salted).unwrap();
        let client_key = hmac(vector.hash, &salted, b"Client Key");
        let bare = vector.first.strip_prefix("n,,").unwrap();
        let message = format!("{bare},{},{without_proof}", vector.server_first);
        let mut proof = hmac(vector.hash, &digest(vector.hash, &client_key), message.as_bytes());
        proof.iter_mut().zip(&*client_key).for_each(|(octet, key)| *octet ^= key);
        format!("{without_proof},p={}", STANDARD.encode(&*proof))
    }

    /// RFC 5802 §5.1: nonce and channel binding are checked by themselves. The proof is right in every row, so only
    /// these checks can refuse it.
    #[test]
    fn a_right_proof_is_not_enough() {
        const NONCE: &str = "fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j";
        for (without_proof, accepted) in [
            (format!("c=biws,r={NONCE}"), true),
            (format!("c=biws,r={NONCE},x=skipped"), true),
            (format!("c=biws,r={NONCE}x"), false),
            ("c=biws,r=fyko+d2lbbFgONRv9qkxdawL".to_owned(), false),
            ("c=biws,r=replayed".to_owned(), false),
            // "y,," and "p=tls-exporter,,data" where "n,," was said first.
            (format!("c=eSws,r={NONCE}"), false),
            (format!("c=cD10bHMtZXhwb3J0ZXIsLGRhdGE=,r={NONCE}"), false),
            (format!("c=,r={NONCE}"), false),
        ] {
            let mut server = SHA1.exchange("pencil");
            server.respond(SHA1.first.as_bytes()).unwrap();
            let result = server.respond(proven(&SHA1, &without_proof).as_bytes());
            assert_eq!(result.is_ok(), accepted, "{without_proof}: {result:?}");
        }
    }

    /// RFC 5802 §6: the flag against what was offered.
    #[test]
    fn channel_binding_flags() {
        use MechanismError::{CannotDecodeInitialMessage, ChannelBindingIsSupported, ChannelBindingMechanismIncorrect};
        let plus = Binding::Plus(TlsInfo { exporter: Some(vec![7; 32]), ..TlsInfo::default() });
        let offered = Binding::Without { plus_offered: true };
        for (binding, flag, expected) in [
            (&WITHOUT, "n", None),
            (&WITHOUT, "y", None),
            (&WITHOUT, "p=tls-exporter", Some(CannotDecodeInitialMessage)),
            (&offered, "n", None),
            (&offered, "y", Some(ChannelBindingIsSupported)),
            (&plus, "p=tls-exporter", None),
            (&plus, "p=tls-server-end-point", Some(ChannelBindingMechanismIncorrect)),
            (&plus, "p=tls-unique", Some(ChannelBindingMechanismIncorrect)),
            (&plus, "n", Some(CannotDecodeInitialMessage)),
            (&plus, "y", Some(CannotDecodeInitialMessage)),
        ] {
            let keys = credentials(ScramHash::Sha1, "pencil", SHA1.salt, 1);
            let mut server = ServerMechanism::new(ScramHash::Sha1, binding.clone(), keys).unwrap();
            let result = server.respond(format!("{flag},,n=user,r=abc").as_bytes());
            assert_eq!(result.err(), expected, "{binding:?} {flag}");
        }
    }

    /// The other side of another hand: the `sasl` crate's client, which has no SHA-512.
    #[test]
    fn with_the_client_of_the_sasl_crate() {
        use sasl::client::mechanisms::Scram;
        use sasl::common::ChannelBinding;
        use sasl::common::scram::{Sha1, Sha256};

        fn run(mut client: impl sasl::client::Mechanism, hash: ScramHash, binding: Binding) -> bool {
            let keys = credentials(hash, "pencil", SHA1.salt, 8);
            let mut server = ServerMechanism::new(hash, binding, keys).unwrap();
            assert_eq!(client.name(), server.name());
            let Ok(Response::Proceed(challenge)) = server.respond(&client.initial()) else { panic!("refused") };
            match server.respond(&client.response(&challenge).unwrap()) {
                Ok(Response::Success(identity, data)) => {
                    assert_eq!(identity, Identity::Username("user".to_owned()));
                    client.success(&data).unwrap();
                    true
                }
                _ => false,
            }
        }
        let tls = Binding::Plus(TlsInfo { exporter: Some(vec![7; 32]), ..TlsInfo::default() });
        let bound = || ChannelBinding::TlsExporter(vec![7; 32]);
        let mitm = || ChannelBinding::TlsExporter(vec![8; 32]);
        for (none, plus, elsewhere, wrong, hash) in [
            (
                run(Scram::<Sha1>::new("user", "pencil", ChannelBinding::None).unwrap(), ScramHash::Sha1, WITHOUT),
                run(Scram::<Sha1>::new("user", "pencil", bound()).unwrap(), ScramHash::Sha1, tls.clone()),
                run(Scram::<Sha1>::new("user", "pencil", mitm()).unwrap(), ScramHash::Sha1, tls.clone()),
                run(Scram::<Sha1>::new("user", "pen", ChannelBinding::None).unwrap(), ScramHash::Sha1, WITHOUT),
                ScramHash::Sha1,
            ),
            (
                run(Scram::<Sha256>::new("user", "pencil", ChannelBinding::None).unwrap(), ScramHash::Sha256, WITHOUT),
                run(Scram::<Sha256>::new("user", "pencil", bound()).unwrap(), ScramHash::Sha256, tls.clone()),
                run(Scram::<Sha256>::new("user", "pencil", mitm()).unwrap(), ScramHash::Sha256, tls.clone()),
                run(Scram::<Sha256>::new("user", "pen", ChannelBinding::None).unwrap(), ScramHash::Sha256, WITHOUT),
                ScramHash::Sha256,
            ),
        ] {
            assert_eq!((none, plus, elsewhere, wrong), (true, true, false, false), "{hash}");
        }
    }
}
