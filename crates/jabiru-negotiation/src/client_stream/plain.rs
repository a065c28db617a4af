//! PLAIN (RFC 4616): the password itself, checked against the stored keys.

use jabiru_stanza::{BareJid, SaslCondition, StreamError};
use zeroize::Zeroizing;

use super::State;
use super::context::Context;
use super::sasl::{self, Answer, Step};
use crate::scram::ScramCredentials;
use crate::{AccountStatus, CredentialsAnswer, Event, Mechanism, PasswordCheck, ScramHash};

/// Reads `[authzid] NUL authcid NUL passwd` and asks for the credentials of whom it names.
pub(super) fn begin(message: &[u8], context: &mut Context) -> Step {
    let (authzid, username, password) = parse(message).ok_or(SaslCondition::MalformedRequest)?;
    let account = sasl::account(username, context)?;
    sasl::check_authzid(authzid, &account)?;

    let policy = &context.policy;
    let hash = policy.plain_hash;
    let stand_in = ScramCredentials::stand_in(&policy.fake_salt_key, hash, &account, policy.iterations.of(hash));
    context.output.event(Event::LookUpCredentials { account: account.clone(), hash });
    let password = Zeroizing::new(password.to_owned());
    Ok(State::AwaitPlainCredentials(AwaitPlainCredentials { account, hash, password, stand_in }))
}

/// Waiting for our own storage.
pub(super) struct AwaitPlainCredentials {
    account: BareJid,
    hash: ScramHash,
    password: Zeroizing<String>,
    stand_in: ScramCredentials,
}

impl AwaitPlainCredentials {
    /// Lets the password be checked, against made-up keys if the account is not there.
    pub(super) fn handle(self, answer: CredentialsAnswer, context: &mut Context) -> Result<State, StreamError> {
        let AwaitPlainCredentials { account, hash, password, stand_in } = self;
        match sasl::answer(answer, stand_in) {
            Ok(Answer { credentials, status, known }) => {
                context.output.event(Event::CheckPassword(PasswordCheck { hash, password, credentials, known }));
                Ok(State::AwaitPasswordCheck(AwaitPasswordCheck { account, status }))
            }
            Err(refusal) => sasl::settle(Err(refusal.of(Some(&account), Mechanism::Plain)), context),
        }
    }
}

/// Waiting for our own CPU.
pub(super) struct AwaitPasswordCheck {
    account: BareJid,
    status: AccountStatus,
}

impl AwaitPasswordCheck {
    pub(super) fn handle(self, correct: bool, context: &mut Context) -> Result<State, StreamError> {
        let AwaitPasswordCheck { account, status } = self;
        let step = if correct {
            sasl::succeed(account.clone(), Mechanism::Plain, status, None, context)
        } else {
            Err(SaslCondition::NotAuthorized.into())
        };
        sasl::settle(step.map_err(|refusal| refusal.of(Some(&account), Mechanism::Plain)), context)
    }
}

/// `None` if it is not what RFC 4616 §2 says. An empty authorization identity is none.
fn parse(message: &[u8]) -> Option<(Option<&str>, &str, &str)> {
    let mut parts = std::str::from_utf8(message).ok()?.split('\0');
    let (authzid, username, password) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || username.is_empty() || password.is_empty() {
        return None;
    }
    Some((Some(authzid).filter(|authzid| !authzid.is_empty()), username, password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages() {
        for (message, expected) in [
            (&b"\0juliet\0secret"[..], Some((None, "juliet", "secret"))),
            (b"juliet@im\0juliet\0secret", Some((Some("juliet@im"), "juliet", "secret"))),
            (b"", None),
            (b"juliet", None),
            (b"juliet\0secret", None),
            (b"\0\0secret", None),
            (b"\0juliet\0", None),
            (b"\0juliet\0secret\0", None),
            (b"\0juliet\0sec\0ret", None),
            (b"\0jul\xFFiet\0secret", None),
        ] {
            assert_eq!(parse(message), expected, "{}", message.escape_ascii());
        }
    }
}
