//! Stream headers and the features that answer them (RFC 6120 §4.2, §4.3 and §4.7).

use jabiru_stanza::{
    BareJid, ContentNamespace, Jid, RawElement, StreamCondition, StreamError, StreamFeatures, StreamHeader,
};

use super::State;
use super::bind::AwaitBind;
use super::context::Context;
use super::sasl::AwaitAuth;
use super::starttls::AwaitStartTls;
use crate::opening::{answered_version, asked_domain, check_version, is_language_tag};
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
        let to = root.attribute("to");
        let domain = asked_domain(to.as_deref(), context.domain.as_ref(), &context.security, &*context.policy.domains);
        let from = root.attribute("from").map(|from| Jid::new(&from).map(Jid::into_bare));
        let to = from.as_ref().and_then(|from| from.as_ref().ok());
        context.open(domain.as_ref().ok(), to, answered_version(&header))?;

        let header = header?;
        context.domain = Some(domain?);
        check_version(&header)?;
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
