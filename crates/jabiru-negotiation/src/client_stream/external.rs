//! EXTERNAL (RFC 4422 appendix A): the certificate of the initiating entity (RFC 6120 §13.7.2.2; XEP-0178 §2).

use jabiru_stanza::{BareJid, SaslCondition, StreamError};

use super::State;
use super::context::Context;
use super::sasl::{self, Refusal, Step};
use crate::{CertificateValidity, CredentialsAnswer, Event, Mechanism, Security};

/// Why EXTERNAL is not on offer here, to one who asks for it all the same.
pub(super) fn not_offered(context: &Context) -> Refusal {
    let certificate = match &context.security {
        Security::Plaintext => return sasl::needs_encryption(),
        Security::Tls(tls) => &tls.client_certificate,
    };
    match certificate.as_ref().map(|certificate| certificate.validity) {
        None => Refusal::sasl(SaslCondition::InvalidMechanism).because("no certificate was presented"),
        Some(CertificateValidity::Expired) => {
            Refusal::sasl(SaslCondition::CredentialsExpired).because("the certificate has expired")
        }
        Some(CertificateValidity::Untrusted) => {
            Refusal::sasl(SaslCondition::NotAuthorized).because("the certificate is not trusted here")
        }
        Some(CertificateValidity::Valid) => {
            Refusal::sasl(SaslCondition::NotAuthorized).because("the certificate has no address of this domain")
        }
    }
}

/// Reads the authorization identity, which may be of no length, and asks for the account that it leads to.
pub(super) fn begin(message: &[u8], context: &mut Context) -> Step {
    let account = account(message, context)?;
    // Whether it is there and may log in; its keys are of no interest.
    let hash = context.policy.plain_hash;
    context.output.event(Event::LookUpCredentials { account: account.clone(), hash });
    Ok(State::AwaitExternalAccount(AwaitExternalAccount { account }))
}

/// Which of the certificate's addresses is meant.
///
/// One that is asked for has to be among them, and of the stream's domain (§6.3.8). If none is asked for it is the only
/// one, or the one that the stream header is from (§13.7.2.2.1); a certificate does not choose between several
/// (XEP-0178 §2, step 11).
fn account(message: &[u8], context: &Context) -> Result<BareJid, Refusal> {
    let authzid = std::str::from_utf8(message).ok().filter(|authzid| !authzid.contains('\0'));
    let authzid = authzid.ok_or(SaslCondition::MalformedRequest)?;
    if !authzid.is_empty() {
        let asked = BareJid::new(authzid).map_err(|_| SaslCondition::InvalidAuthzid)?;
        let ours = context.certified().any(|certified| *certified == asked);
        return if ours { Ok(asked) } else { Err(SaslCondition::InvalidAuthzid.into()) };
    }
    let Some(first) = context.certified().next() else { return Err(SaslCondition::NotAuthorized.into()) };
    if context.certified().all(|certified| certified == first) {
        return Ok(first.clone());
    }
    let claimed = context.claimed.as_ref().filter(|claimed| context.certified().any(|certified| certified == *claimed));
    claimed.cloned().ok_or_else(|| {
        Refusal::sasl(SaslCondition::InvalidAuthzid).because("say which address of the certificate is meant")
    })
}

/// Waiting for our own storage.
pub(super) struct AwaitExternalAccount {
    account: BareJid,
}

impl AwaitExternalAccount {
    pub(super) fn handle(self, answer: &CredentialsAnswer, context: &mut Context) -> Result<State, StreamError> {
        let account = self.account;
        let step = match answer {
            CredentialsAnswer::Found { credentials: _, status } => {
                sasl::succeed(account.clone(), Mechanism::External, *status, None, context)
            }
            CredentialsAnswer::Unknown => Err(SaslCondition::NotAuthorized.into()),
            CredentialsAnswer::Unavailable => Err(sasl::unavailable()),
            CredentialsAnswer::Throttled => Err(sasl::throttled()),
        };
        sasl::settle(step.map_err(|refusal| refusal.of(Some(&account), Mechanism::External)), context)
    }
}
