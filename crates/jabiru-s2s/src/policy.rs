//! With whom we federate, and what they have to prove first (RFC 6120 §13.7.2, §13.8; RFC 7590; RFC 7673; RFC 7711).

use std::collections::HashMap;

use jabiru_net::certificate::Roots;
use jabiru_stanza::{DomainPart, DomainRef};

/// What another server has to prove before stanzas go to it or are taken from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Require {
    /// That it is the domain, by its certificate: issued by an authority that is trusted here, or as DNSSEC (DANE) or a
    /// file on the domain's web server (POSH) say.
    Certificate,
    /// At least that whoever the DNS says is responsible for the domain knows of the stream (XEP-0220). A certificate
    /// is better, and asked for first.
    Dialback,
    /// That it is the domain, by a certificate as DNSSEC says (DANE, RFC 7673), and nothing else.
    Dane,
}

/// The rules of federation. They can be replaced while streams are up.
#[derive(Clone, Debug)]
pub struct Policy {
    /// What every domain has to prove that has no rule of its own.
    pub rules: Rules,
    /// Rules of single domains.
    pub exceptions: HashMap<DomainPart, Rules>,
    /// If there are any, no other domains are talked to.
    pub allow: Vec<DomainPattern>,
    /// Domains that are not talked to, though they are allowed.
    pub block: Vec<DomainPattern>,
    /// The authorities whose certificates are believed.
    pub roots: Roots,
    /// Whether TLSA records that DNSSEC validates are a proof (RFC 7673).
    pub dane: bool,
    /// Whether POSH is a proof (RFC 7711).
    pub posh: bool,
    /// Whether streams carry stanzas in both directions where the other side wants that (XEP-0288).
    pub bidirectional: bool,
    /// Whether stanzas are acknowledged and streams resumed (XEP-0198).
    pub stream_management: bool,
}

/// What holds for one domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What it has to prove.
    pub require: Require,
    /// Nothing is said to it without TLS, in either direction.
    pub require_tls: bool,
}

/// A certificate, and TLS.
impl Default for Rules {
    fn default() -> Rules {
        Rules { require: Require::Certificate, require_tls: true }
    }
}

/// One domain, or all those below one: `example.org`, `*.example.org`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DomainPattern {
    /// This one.
    Domain(DomainPart),
    /// All below this one, at any depth, but not itself.
    Below(DomainPart),
}

/// What is no domain, nor `*.` before one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither a domain nor *. before a domain")]
pub struct InvalidPattern(String);

impl Policy {
    /// The defaults: a certificate and TLS of everybody, believed if one of `roots` has issued it, or DANE or POSH say so.
    #[must_use]
    pub fn new(roots: Roots) -> Policy {
        Policy {
            rules: Rules::default(),
            exceptions: HashMap::new(),
            allow: Vec::new(),
            block: Vec::new(),
            roots,
            dane: true,
            posh: true,
            bidirectional: true,
            stream_management: true,
        }
    }

    /// What holds for a domain; `None` if it is not talked to at all.
    #[must_use]
    pub fn rules(&self, domain: &DomainRef) -> Option<Rules> {
        let named = |patterns: &[DomainPattern]| patterns.iter().any(|pattern| pattern.covers(domain));
        if named(&self.block) || !(self.allow.is_empty() || named(&self.allow)) {
            return None;
        }
        Some(self.exceptions.get(domain.as_str()).copied().unwrap_or(self.rules))
    }
}

impl DomainPattern {
    /// Is this domain meant?
    #[must_use]
    pub fn covers(&self, domain: &DomainRef) -> bool {
        match self {
            DomainPattern::Domain(one) => one.as_str() == domain.as_str(),
            DomainPattern::Below(parent) => domain
                .as_str()
                .strip_suffix(parent.as_str())
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|labels| !labels.is_empty()),
        }
    }
}

impl std::str::FromStr for DomainPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<DomainPattern, InvalidPattern> {
        let domain = |name: &str| name.parse::<DomainPart>().map_err(|_| InvalidPattern(text.to_owned()));
        match text.strip_prefix("*.") {
            _ if text.matches('*').count() > usize::from(text.starts_with("*.")) => {
                Err(InvalidPattern(text.to_owned()))
            }
            Some(parent) => domain(parent).map(DomainPattern::Below),
            None => domain(text).map(DomainPattern::Domain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(name: &str) -> DomainPart {
        name.parse().unwrap()
    }

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("example.org", "example.org", true),
            ("example.org", "a.example.org", false),
            ("Example.ORG", "example.org", true),
            ("*.example.org", "a.example.org", true),
            ("*.example.org", "a.b.example.org", true),
            ("*.example.org", "example.org", false),
            ("*.example.org", "badexample.org", false),
            ("*.example.org", ".example.org", false),
        ] {
            let pattern: DomainPattern = pattern.parse().unwrap();
            let Ok(name) = name.parse::<DomainPart>() else { continue };
            assert_eq!(pattern.covers(&name), expected, "{pattern:?} {name}");
        }
        for bad in ["", "*", "*.*", "*.*.org", "a.*.org", "*example.org", "a b@"] {
            assert!(bad.parse::<DomainPattern>().is_err(), "{bad}");
        }
    }

    #[test]
    fn lists_and_exceptions() {
        let mut policy = Policy::new(Roots::default());
        let dialback = Rules { require: Require::Dialback, require_tls: true };
        policy.exceptions.insert(domain("old.example"), dialback);
        assert_eq!(policy.rules(&domain("old.example")), Some(dialback));
        assert_eq!(policy.rules(&domain("any.example")), Some(Rules::default()));
        policy.block.push("*.example".parse().unwrap());
        assert_eq!(policy.rules(&domain("old.example")), None, "an exception does not unblock");
        policy.block.clear();
        policy.allow.push("old.example".parse().unwrap());
        assert_eq!(policy.rules(&domain("any.example")), None);
        assert_eq!(policy.rules(&domain("old.example")), Some(dialback));
        policy.block.push("old.example".parse().unwrap());
        assert_eq!(policy.rules(&domain("old.example")), None, "what is blocked is blocked");
    }
}
