//! Stream headers and the features that answer them (RFC 6120 §4.2, §4.3 and §4.7).

use std::borrow::Cow;

use jabiru_stanza::{
    BareJid, ContentNamespace, DomainPart, Jid, RawElement, StreamCondition, StreamError, StreamFeatures, StreamHeader,
};

use super::State;
use super::bind::AwaitBind;
use super::context::{Context, VERSION};
use super::sasl::AwaitAuth;
use super::starttls::AwaitStartTls;
use crate::{ChannelBindingType, Mechanism, Security};

/// A stream begins, for the first time or anew.
pub(super) struct AwaitHeader {
    /// Who authenticated on the stream that this one replaces.
    pub(super) authenticated: Option<BareJid>,
}

impl AwaitHeader {
    /// Answers the initial stream header with ours, always, and then with features or the error.
    pub(super) fn handle(self, root: &RawElement, context: &mut Context) -> Result<State, StreamError> {
        let header = StreamHeader::parse(root, ContentNamespace::Client);
        // Read apart from the header: an error in the one must not hide the other from the answer.
        let domain = asked_domain(root.attribute("to").as_deref(), context);
        let from = root.attribute("from").map(|from| Jid::new(&from).map(Jid::into_bare));
        let version = match &header {
            // §4.7.5: the lower of both; none for none. Whoever speaks a higher one can tell by it whether to go on.
            Ok(header) => header.version.map(|version| version.min(VERSION)),
            Err(_) => Some(VERSION),
        };
        let to = from.as_ref().and_then(|from| from.as_ref().ok());
        context.open(domain.as_ref().ok(), to, version)?;

        let header = header?;
        context.domain = Some(domain?);
        if header.version.is_none_or(|version| version < VERSION) {
            return Err(StreamError::new(StreamCondition::UnsupportedVersion).with_text("version 1.0 is needed"));
        }
        // §4.7.1: before TLS, anybody may have written the address. After SASL it is that of the account all the same.
        let counts = context.security.tls().is_some() || self.authenticated.is_some();
        context.claimed = match from.filter(|_| counts).transpose() {
            Ok(from) => from,
            Err(_) => return Err(StreamError::new(StreamCondition::InvalidFrom).with_text("from is no address")),
        };
        context.lang = header.lang.filter(|lang| is_language_tag(lang));
        self.offer(context)
    }

    /// Sends the features of the stream as it is now (§4.3.2).
    fn offer(self, context: &mut Context) -> Result<State, StreamError> {
        let mut features = StreamFeatures::new();
        let next = match (&context.security, self.authenticated) {
            (_, Some(account)) => {
                // §6.4.6: the header after success may state only what was proved.
                if context.claimed.as_ref().is_some_and(|claimed| *claimed != account) {
                    return Err(StreamError::new(StreamCondition::InvalidFrom)
                        .with_text("from is not the authenticated account"));
                }
                features.offer_bind();
                for feature in &context.policy.stream_features {
                    features.push(feature.clone());
                }
                State::AwaitBind(AwaitBind { account })
            }
            (Security::Plaintext, None) if context.policy.require_tls => {
                if !context.policy.starttls_available {
                    return Err(StreamError::new(StreamCondition::PolicyViolation).with_text("TLS is required"));
                }
                features.offer_starttls(true);
                State::AwaitStartTls(AwaitStartTls)
            }
            (security, None) => {
                if context.offers_starttls() {
                    features.offer_starttls(false);
                }
                if let Some(tls) = security.tls().filter(|_| context.offers_channel_binding()) {
                    features.offer_channel_bindings(tls.channel_bindings().into_iter().map(ChannelBindingType::name));
                }
                let mut mechanisms = context.offered().map(Mechanism::name).peekable();
                if mechanisms.peek().is_some() {
                    features.offer_mechanisms(mechanisms);
                } else if !context.offers_starttls() {
                    // Features without any would say that everything is negotiated (§4.3.2).
                    return Err(StreamError::new(StreamCondition::PolicyViolation)
                        .with_text("there is no way to authenticate on this stream"));
                }
                State::AwaitAuth(AwaitAuth)
            }
        };
        features.write(context.output.bytes());
        Ok(next)
    }
}

/// The hosted domain that a header is for.
fn asked_domain(to: Option<&str>, context: &Context) -> Result<DomainPart, StreamError> {
    let server_name = context.security.tls().and_then(|tls| tls.server_name.as_deref()).and_then(domain);
    let server_name = server_name.filter(|name| context.policy.domains.hosts(name));
    let asked = match (to, &context.domain) {
        (Some(to), _) => domain(to),
        // §4.7.2: be liberal where the domain is known all the same.
        (None, Some(known)) => Some(known.clone()),
        (None, None) => server_name.clone(),
    };
    let unknown = |text| Err(StreamError::new(StreamCondition::HostUnknown).with_text(text));
    let Some(asked) = asked else {
        return unknown(if to.is_some() { "to is no domain" } else { "to is missing" });
    };
    if !context.policy.domains.hosts(&asked) {
        // §4.9.3.5: it was, when this connection began.
        if context.domain.as_ref() == Some(&asked) {
            return Err(
                StreamError::new(StreamCondition::HostGone).with_text("this domain is not served here any more")
            );
        }
        return unknown("this domain is not served here");
    }
    if context.domain.as_ref().is_some_and(|fixed| *fixed != asked) {
        return Err(StreamError::new(StreamCondition::NotAuthorized).with_text("the domain of a stream can't change"));
    }
    // The certificate shown was that of another of our domains. A name that we do not host is no domain but
    // the name of the machine, which some initiating entities ask for.
    if server_name.is_some_and(|name| name != asked) {
        return Err(StreamError::new(StreamCondition::NotAuthorized).with_text("TLS was set up for another domain"));
    }
    Ok(asked)
}

fn domain(name: &str) -> Option<DomainPart> {
    DomainPart::new(name).ok().map(Cow::into_owned)
}

/// Is it worth copying into every stanza of the stream? Letters, digits and hyphens in parts of up to eight (RFC 5646
/// §2.1), and not longer than anything sensible.
fn is_language_tag(lang: &str) -> bool {
    lang.len() <= 35
        && lang.split('-').all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_tags() {
        for (lang, expected) in [
            ("en", true),
            ("zh-Hant-TW", true),
            ("x-klingon", true),
            ("", false),
            ("en-", false),
            ("en us", false),
            ("deutschland", false),
            ("aaaaaaaa-aaaaaaaa-aaaaaaaa-aaaaaaaa-a", false),
        ] {
            assert_eq!(is_language_tag(lang), expected, "{lang}");
        }
    }
}
