//! SCRAM by hand (RFC 5802), to say what a sound client would not.

use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sasl::common::Password;
use sasl::common::scram::{ScramProvider, Sha1, Sha256};

use crate::client::{Answer, Client};

/// One exchange.
#[derive(Clone, Debug)]
pub(in crate::rfc6120) struct Scram {
    mechanism: String,
    /// The GS2 header, which begins the first message: `n,,`.
    gs2: String,
    /// What the exchange is bound to.
    binding: Vec<u8>,
    user: String,
    nonce: String,
}

/// `server-first-message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::rfc6120) struct ServerFirst {
    /// All of it.
    pub(in crate::rfc6120) text: String,
    /// The nonces of both.
    pub(in crate::rfc6120) nonce: String,
    /// The salt, decoded.
    pub(in crate::rfc6120) salt: Vec<u8>,
    /// How often it is hashed.
    pub(in crate::rfc6120) iterations: u32,
}

impl Scram {
    /// An exchange of SCRAM-SHA-1 or SCRAM-SHA-256, with or without -PLUS, that is bound to nothing.
    pub(in crate::rfc6120) fn new(mechanism: &str, user: &str) -> Scram {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Scram {
            mechanism: mechanism.to_owned(),
            gs2: "n,,".to_owned(),
            binding: Vec::new(),
            user: user.replace('=', "=3D").replace(',', "=2C"),
            nonce: format!("fyko+d2lbbFgONRv9qkxdawL{number}"),
        }
    }

    /// With this GS2 header, such as `y,,` or `n,a=romeo@im.example,`.
    pub(in crate::rfc6120) fn with_gs2(self, gs2: &str) -> Scram {
        Scram { gs2: gs2.to_owned(), ..self }
    }

    /// Acting as `authzid`.
    pub(in crate::rfc6120) fn acting_as(self, authzid: &str) -> Scram {
        let authzid = authzid.replace('=', "=3D").replace(',', "=2C");
        self.with_gs2(&format!("n,a={authzid},"))
    }

    /// Bound to a channel.
    pub(in crate::rfc6120) fn bound_to(self, kind: &str, data: Vec<u8>) -> Scram {
        Scram { gs2: format!("p={kind},,"), binding: data, ..self }
    }

    /// `client-first-message`.
    pub(in crate::rfc6120) fn first(&self) -> Vec<u8> {
        format!("{}{}", self.gs2, self.bare()).into_bytes()
    }

    /// `client-final-message`.
    pub(in crate::rfc6120) fn last(&self, challenge: &ServerFirst, password: &str) -> Vec<u8> {
        let without_proof = self.without_proof(challenge);
        let (keys, message) = (self.keys(challenge, password), self.message(challenge));
        let signature = self.hmac(&self.hash(&keys.client), &message);
        let proof: Vec<u8> = keys.client.iter().zip(signature).map(|(key, signature)| key ^ signature).collect();
        format!("{without_proof},p={}", STANDARD.encode(proof)).into_bytes()
    }

    /// `client-final-message` with a proof that proves nothing.
    pub(in crate::rfc6120) fn false_last(&self, challenge: &ServerFirst) -> Vec<u8> {
        let proof = STANDARD.encode(self.hash(b"nothing"));
        format!("{},p={proof}", self.without_proof(challenge)).into_bytes()
    }

    /// What the server says to prove that it knows the password.
    pub(in crate::rfc6120) fn verifier(&self, challenge: &ServerFirst, password: &str) -> Vec<u8> {
        let keys = self.keys(challenge, password);
        let signature = self.hmac(&keys.server, &self.message(challenge));
        format!("v={}", STANDARD.encode(signature)).into_bytes()
    }

    /// The whole exchange; the server's last word. After success the next thing due is a new stream.
    ///
    /// # Panics
    /// If the server does not prove that it knows the password.
    #[track_caller]
    pub(in crate::rfc6120) fn negotiates(&self, client: &mut Client, password: &str) -> Answer {
        client.sends_auth(&self.mechanism, Some(&self.first()));
        let challenge = match client.receives_sasl_answer() {
            Answer::Challenge(data) => self.reads(&data),
            answer => return answer,
        };
        client.sends_response(&self.last(&challenge, password));
        let verifier = self.verifier(&challenge, password);
        let mut answer = client.receives_sasl_answer();
        let mut said = Vec::new();
        // §6.3.10: the additional data may come before success, in a challenge of its own.
        if let Answer::Challenge(data) = answer {
            said = data;
            client.sends_response(&[]);
            answer = client.receives_sasl_answer();
        }
        if let Answer::Success(data) = &answer {
            let said = if said.is_empty() { data } else { &said };
            assert_eq!(
                String::from_utf8_lossy(said),
                String::from_utf8_lossy(&verifier),
                "the success is not proved (RFC 5802 §5)"
            );
        }
        answer
    }

    /// Reads `server-first-message`, which continues the client's nonce.
    #[track_caller]
    pub(in crate::rfc6120) fn reads(&self, data: &[u8]) -> ServerFirst {
        let text = String::from_utf8(data.to_vec()).expect("the challenge is UTF-8");
        let mut parts = text.split(',');
        let mut part = |name: &str| {
            let value = parts.next().and_then(|part| part.strip_prefix(name));
            value.unwrap_or_else(|| panic!("r=, s= and i= were due (RFC 5802 §7): {text}")).to_owned()
        };
        let (nonce, salt, iterations) = (part("r="), part("s="), part("i="));
        assert!(nonce.starts_with(&self.nonce) && nonce.len() > self.nonce.len(), "the nonce is not continued: {text}");
        let salt = STANDARD.decode(&salt).unwrap_or_else(|error| panic!("the salt is no base64: {error}: {text}"));
        let iterations = iterations.parse().unwrap_or_else(|error| panic!("no number of iterations: {error}: {text}"));
        ServerFirst { nonce, salt, iterations, text }
    }

    fn bare(&self) -> String {
        format!("n={},r={}", self.user, self.nonce)
    }

    fn without_proof(&self, challenge: &ServerFirst) -> String {
        let binding = [self.gs2.as_bytes(), &self.binding].concat();
        format!("c={},r={}", STANDARD.encode(binding), challenge.nonce)
    }

    fn message(&self, challenge: &ServerFirst) -> Vec<u8> {
        format!("{},{},{}", self.bare(), challenge.text, self.without_proof(challenge)).into_bytes()
    }

    fn keys(&self, challenge: &ServerFirst, password: &str) -> Keys {
        let password = Password::Plain(password.to_owned());
        let salted = if self.is_sha256() {
            Sha256::derive(&password, &challenge.salt, challenge.iterations)
        } else {
            Sha1::derive(&password, &challenge.salt, challenge.iterations)
        };
        let salted = salted.expect("a password in clear can be hashed");
        Keys { client: self.hmac(&salted, b"Client Key"), server: self.hmac(&salted, b"Server Key") }
    }

    fn is_sha256(&self) -> bool {
        self.mechanism.starts_with("SCRAM-SHA-256")
    }

    fn hash(&self, data: &[u8]) -> Vec<u8> {
        if self.is_sha256() { Sha256::hash(data) } else { Sha1::hash(data) }
    }

    fn hmac(&self, key: &[u8], data: &[u8]) -> Vec<u8> {
        let mac = if self.is_sha256() { Sha256::hmac(data, key) } else { Sha1::hmac(data, key) };
        mac.expect("HMAC takes keys of any length")
    }
}

/// ClientKey and ServerKey of RFC 5802 §3.
struct Keys {
    client: Vec<u8>,
    server: Vec<u8>,
}
