//! SASL failures (RFC 6120 §6.4.5 and §6.5).

use jabiru_xml::{Element, RawElement};

use crate::ns;

/// Why an authentication attempt failed, as the initiating entity gets to see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaslFailure {
    /// The defined condition.
    pub condition: SaslCondition,
    /// A text for people; never says more than the condition about accounts.
    pub text: Option<String>,
}

impl SaslFailure {
    /// A failure with this condition and no text.
    #[must_use]
    pub fn new(condition: SaslCondition) -> SaslFailure {
        SaslFailure { condition, text: None }
    }

    /// Adds a text in English.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> SaslFailure {
        self.text = Some(text.into());
        self
    }

    /// `<failure/>` as a tree.
    #[must_use]
    pub fn to_element(&self) -> Element {
        let failure = Element::new("failure", ns::SASL).with_child(Element::new(self.condition.name(), ns::SASL));
        match &self.text {
            Some(text) => failure.with_child(Element::new("text", ns::SASL).with_lang("en").with_text(text.as_str())),
            None => failure,
        }
    }

    /// Reads `<failure/>`; `None` if the element is something else. A condition that is not
    /// defined counts as `not-authorized`, the most general of them.
    #[must_use]
    pub fn parse(raw: &RawElement) -> Option<SaslFailure> {
        if !raw.is("failure", ns::SASL) {
            return None;
        }
        let mut failure = SaslFailure::new(SaslCondition::NotAuthorized);
        for child in raw.children().filter(|child| child.namespace() == ns::SASL) {
            if child.name() == "text" {
                failure.text = Some(child.text().into_owned());
            } else if let Some(condition) = SaslCondition::from_name(child.name()) {
                failure.condition = condition;
            }
        }
        Some(failure)
    }
}

macro_rules! conditions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// The defined conditions of SASL failures (RFC 6120 §6.5).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum SaslCondition {
            $($(#[$doc])* $variant,)*
        }

        impl SaslCondition {
            /// Every condition.
            pub const ALL: &'static [SaslCondition] = &[$(SaslCondition::$variant,)*];

            /// The element's name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(SaslCondition::$variant => $name,)*
                }
            }

            /// The condition of this element name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<SaslCondition> {
                match name {
                    $($name => Some(SaslCondition::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

conditions! {
    /// The initiating entity sent `<abort/>` (§6.5.1).
    Aborted = "aborted",
    /// The account exists and may not log in (§6.5.2).
    AccountDisabled = "account-disabled",
    /// The password must be renewed first (§6.5.3).
    CredentialsExpired = "credentials-expired",
    /// This mechanism needs TLS first (§6.5.4).
    EncryptionRequired = "encryption-required",
    /// Not base64 (§6.5.5).
    IncorrectEncoding = "incorrect-encoding",
    /// An authorization identity that is malformed or not allowed (§6.5.6).
    InvalidAuthzid = "invalid-authzid",
    /// A mechanism that was not offered (§6.5.7).
    InvalidMechanism = "invalid-mechanism",
    /// Data that the mechanism can't read (§6.5.8).
    MalformedRequest = "malformed-request",
    /// The mechanism is weaker than the policy allows for this account (§6.5.9).
    MechanismTooWeak = "mechanism-too-weak",
    /// Wrong credentials, or any other reason not to be named (§6.5.10).
    NotAuthorized = "not-authorized",
    /// Our own trouble: try again later (§6.5.11).
    TemporaryAuthFailure = "temporary-auth-failure",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_round_trips() {
        assert_eq!(SaslCondition::ALL.len(), 11);
        for &condition in SaslCondition::ALL {
            let failure = SaslFailure::new(condition).with_text("why");
            let raw = failure.to_element().to_raw(ns::CLIENT);
            assert_eq!(SaslFailure::parse(&raw), Some(failure));
        }
    }
}
