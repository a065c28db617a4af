//! Names of SASL mechanisms and of the hashes behind SCRAM (RFC 5802 §4; RFC 7677; XEP-0438).

use std::fmt;

/// The hash function of a SCRAM mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ScramHash {
    /// SCRAM-SHA-1 (RFC 5802), mandatory to implement (RFC 6120 §13.8).
    Sha1,
    /// SCRAM-SHA-256 (RFC 7677).
    Sha256,
    /// SCRAM-SHA-512 (registered with IANA, after RFC 7677).
    Sha512,
}

impl ScramHash {
    /// Every hash, weakest first.
    pub const ALL: [ScramHash; 3] = [ScramHash::Sha1, ScramHash::Sha256, ScramHash::Sha512];

    /// The name as it stands in the mechanism: `SHA-256` in `SCRAM-SHA-256`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ScramHash::Sha1 => "SHA-1",
            ScramHash::Sha256 => "SHA-256",
            ScramHash::Sha512 => "SHA-512",
        }
    }

    /// Octets of its output, and so of StoredKey, ServerKey, proof and signature.
    #[must_use]
    pub fn output_len(self) -> usize {
        match self {
            ScramHash::Sha1 => 20,
            ScramHash::Sha256 => 32,
            ScramHash::Sha512 => 64,
        }
    }
}

impl fmt::Display for ScramHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A SASL mechanism that this crate can offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mechanism {
    /// SCRAM without channel binding (RFC 5802).
    Scram(ScramHash),
    /// SCRAM bound to the TLS connection below it (RFC 5802 §6).
    ScramPlus(ScramHash),
    /// The password itself (RFC 4616).
    Plain,
    /// The certificate that was presented in TLS (RFC 4422 appendix A; RFC 6120 §6.3.4; XEP-0178).
    External,
    /// Nobody in particular: an account that lasts as long as the stream (RFC 4505; XEP-0175).
    Anonymous,
}

impl Mechanism {
    /// Every mechanism, most wanted first.
    pub const ALL: [Mechanism; 9] = [
        Mechanism::External,
        Mechanism::ScramPlus(ScramHash::Sha512),
        Mechanism::ScramPlus(ScramHash::Sha256),
        Mechanism::ScramPlus(ScramHash::Sha1),
        Mechanism::Scram(ScramHash::Sha512),
        Mechanism::Scram(ScramHash::Sha256),
        Mechanism::Scram(ScramHash::Sha1),
        Mechanism::Plain,
        Mechanism::Anonymous,
    ];

    /// What a listener offers unless told otherwise, most wanted first (RFC 6120 §6.3.3): all that ask for a
    /// password.
    pub const DEFAULT: [Mechanism; 7] = [
        Mechanism::ScramPlus(ScramHash::Sha512),
        Mechanism::ScramPlus(ScramHash::Sha256),
        Mechanism::ScramPlus(ScramHash::Sha1),
        Mechanism::Scram(ScramHash::Sha512),
        Mechanism::Scram(ScramHash::Sha256),
        Mechanism::Scram(ScramHash::Sha1),
        Mechanism::Plain,
    ];

    /// The registered name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Mechanism::Scram(ScramHash::Sha1) => "SCRAM-SHA-1",
            Mechanism::Scram(ScramHash::Sha256) => "SCRAM-SHA-256",
            Mechanism::Scram(ScramHash::Sha512) => "SCRAM-SHA-512",
            Mechanism::ScramPlus(ScramHash::Sha1) => "SCRAM-SHA-1-PLUS",
            Mechanism::ScramPlus(ScramHash::Sha256) => "SCRAM-SHA-256-PLUS",
            Mechanism::ScramPlus(ScramHash::Sha512) => "SCRAM-SHA-512-PLUS",
            Mechanism::Plain => "PLAIN",
            Mechanism::External => "EXTERNAL",
            Mechanism::Anonymous => "ANONYMOUS",
        }
    }

    /// The mechanism of this name. Names are upper case (RFC 4422 §3.1), so no other case is taken.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Mechanism> {
        Mechanism::ALL.into_iter().find(|mechanism| mechanism.name() == name)
    }

    /// Does it prove less than `other`, so that a policy which wants `other` has reason to refuse this (RFC 6120 §6.5.9)?
    ///
    /// A certificate is more than a password; a password is best proved by SCRAM bound to TLS, then by SCRAM, each with
    /// the longer hash, and worst by being sent. ANONYMOUS proves nothing and is compared with nothing.
    #[must_use]
    pub fn is_weaker_than(self, other: Mechanism) -> bool {
        fn strength(mechanism: Mechanism) -> Option<(u8, Option<ScramHash>)> {
            match mechanism {
                Mechanism::External => Some((3, None)),
                Mechanism::ScramPlus(hash) => Some((2, Some(hash))),
                Mechanism::Scram(hash) => Some((1, Some(hash))),
                Mechanism::Plain => Some((0, None)),
                Mechanism::Anonymous => None,
            }
        }
        strength(self).zip(strength(other)).is_some_and(|(this, other)| this < other)
    }

    /// Does it bind to the TLS connection?
    #[must_use]
    pub fn binds_channel(self) -> bool {
        matches!(self, Mechanism::ScramPlus(_))
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strengths_are_ordered_as_wanted() {
        for (position, mechanism) in Mechanism::ALL.into_iter().enumerate() {
            for (other_position, other) in Mechanism::ALL.into_iter().enumerate() {
                let comparable = ![mechanism, other].contains(&Mechanism::Anonymous);
                assert_eq!(
                    mechanism.is_weaker_than(other),
                    comparable && position > other_position,
                    "{mechanism} {other}"
                );
            }
        }
    }

    #[test]
    fn names_lead_back() {
        for mechanism in Mechanism::ALL {
            assert_eq!(Mechanism::from_name(mechanism.name()), Some(mechanism));
            assert_eq!(mechanism.binds_channel(), mechanism.name().ends_with("-PLUS"));
        }
        for name in ["", "scram-sha-1", "SCRAM-SHA-1-PLUS ", "DIGEST-MD5", "external"] {
            assert_eq!(Mechanism::from_name(name), None, "{name}");
        }
    }
}
