//! Domains as lists name them: one, or all below one.

use std::fmt;

use jabiru_stanza::{DomainPart, DomainRef};

/// `example.org` for that domain alone, `*.example.org` for all below it, however far, without itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DomainPattern {
    /// The domain, prepared.
    pub domain: DomainPart,
    /// Whether those below it are meant.
    pub below: bool,
}

impl DomainPattern {
    /// Reads one; `None` if it is none.
    pub(super) fn parse(text: &str) -> Option<DomainPattern> {
        let (name, below) = text.strip_prefix("*.").map_or((text, false), |name| (name, true));
        // A star elsewhere is one that was meant otherwise: no domain has any.
        (!name.contains('*')).then_some(())?;
        Some(DomainPattern { domain: name.parse().ok()?, below })
    }

    /// Whether this domain is meant.
    #[must_use]
    pub fn matches(&self, domain: &DomainRef) -> bool {
        if !self.below {
            return *self.domain == *domain;
        }
        let above = domain.as_str().strip_suffix(self.domain.as_str());
        above.and_then(|below| below.strip_suffix('.')).is_some_and(|labels| !labels.is_empty())
    }
}

impl fmt::Display for DomainPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.below { "*." } else { "" };
        write!(f, "{star}{}", self.domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant() {
        for (pattern, domain, expected) in [
            ("example.org", "example.org", true),
            ("Example.ORG", "example.org", true),
            ("example.org", "im.example.org", false),
            ("*.example.org", "im.example.org", true),
            ("*.example.org", "a.b.example.org", true),
            ("*.example.org", "example.org", false),
            ("*.example.org", "badexample.org", false),
            ("*.bücher.example", "im.bücher.example", true),
            ("*.org", "example.org", true),
        ] {
            let domain = DomainPart::new(domain).unwrap();
            assert_eq!(DomainPattern::parse(pattern).unwrap().matches(&domain), expected, "{pattern} {domain:?}");
        }
        for wrong in ["", "*", "*.", "a b", "a@b", "**.example.org", "im.*.example.org"] {
            assert_eq!(DomainPattern::parse(wrong), None, "{wrong}");
        }
    }
}
