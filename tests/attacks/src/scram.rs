//! SCRAM by hand, with whatever an attacker would put into it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sasl::common::Password;
use sasl::common::scram::{ScramProvider, Sha1, Sha256};

use crate::wire::{Wire, auth};

/// One attempt.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// `SCRAM-SHA-1` or `SCRAM-SHA-256`, or its -PLUS.
    pub mechanism: &'a str,
    /// `gs2-header`, such as `n,,`.
    pub gs2: &'a str,
    /// The channel-binding data that goes with it.
    pub binding: &'a [u8],
    /// The user name, escaped already.
    pub user: &'a str,
    /// The password.
    pub password: &'a str,
}

/// What the server asked for in `server-first-message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The nonce of both.
    pub nonce: String,
    /// The salt, decoded.
    pub salt: Vec<u8>,
    /// The iteration count.
    pub iterations: u32,
}

impl Attempt<'_> {
    /// Sends `client-first-message`.
    ///
    /// # Errors
    /// The condition of the failure.
    ///
    /// # Panics
    /// If the server breaks the protocol.
    pub fn first(&self, wire: &mut Wire) -> Result<Challenge, String> {
        wire.send(auth(self.mechanism, format!("{}{}", self.gs2, self.bare()).as_bytes()));
        let answer = wire.sasl_answer();
        let message = answer.strip_prefix("challenge ").ok_or_else(|| answer.clone())?;
        let mut attributes = message.split(',');
        let mut next = |name: &str| {
            attributes.next().and_then(|attribute| attribute.strip_prefix(name)).expect("in order").to_owned()
        };
        let (nonce, salt, iterations) = (next("r="), next("s="), next("i="));
        assert!(nonce.starts_with(NONCE) && nonce.len() >= NONCE.len() + 22, "at least 128 bits of its own: {nonce}");
        Ok(Challenge {
            nonce,
            salt: STANDARD.decode(salt).expect("base64"),
            iterations: iterations.parse().expect("a number"),
        })
    }

    /// Goes through with it: `success`, or the condition of the failure.
    pub fn run(&self, wire: &mut Wire) -> String {
        match self.first(wire) {
            Err(condition) => condition,
            Ok(challenge) => self.prove(wire, &challenge),
        }
    }

    /// Sends `client-final-message`.
    ///
    /// # Panics
    /// If the server does not prove that it knows the password too.
    pub fn prove(&self, wire: &mut Wire, challenge: &Challenge) -> String {
        let (message, signature) = match self.mechanism.trim_end_matches("-PLUS") {
            "SCRAM-SHA-1" => self.last::<Sha1>(challenge),
            "SCRAM-SHA-256" => self.last::<Sha256>(challenge),
            other => panic!("not here: {other}"),
        };
        let response = STANDARD.encode(message);
        wire.send(format!("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{response}</response>"));
        let answer = wire.sasl_answer();
        match answer.strip_prefix("success ") {
            Some(proof) => {
                assert_eq!(proof, format!("v={}", STANDARD.encode(signature)));
                "success".to_owned()
            }
            None => answer,
        }
    }

    fn bare(&self) -> String {
        format!("n={},r={NONCE}", self.user)
    }

    /// `client-final-message`, and the server's signature that is due.
    fn last<H: ScramProvider>(&self, challenge: &Challenge) -> (String, Vec<u8>) {
        let Challenge { nonce, salt, iterations } = challenge;
        let password = Password::Plain(self.password.to_owned());
        let salted = H::derive(&password, salt, *iterations).expect("iterations");
        let hmac = |data: &[u8], key: &[u8]| H::hmac(data, key).expect("any length");
        let input = STANDARD.encode([self.gs2.as_bytes(), self.binding].concat());
        let without_proof = format!("c={input},r={nonce}");
        let server_first = format!("r={nonce},s={},i={iterations}", STANDARD.encode(salt));
        let message = format!("{},{server_first},{without_proof}", self.bare());
        let client_key = hmac(b"Client Key", &salted);
        let client_signature = hmac(message.as_bytes(), &H::hash(&client_key));
        let proof: Vec<u8> = client_key.iter().zip(client_signature).map(|(key, signature)| key ^ signature).collect();
        let signature = hmac(message.as_bytes(), &hmac(b"Server Key", &salted));
        (format!("{without_proof},p={}", STANDARD.encode(proof)), signature)
    }
}

/// The client's part: always the same, as a lazy client would have it.
const NONCE: &str = "fyko+d2lbbFgONRv9qkxdawL";
