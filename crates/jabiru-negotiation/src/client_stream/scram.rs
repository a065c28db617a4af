//! SCRAM in the frame of SASL (RFC 6120 §13.8; RFC 5802; RFC 7677).

use ::sasl::server::{Mechanism as _, MechanismError, Response};
use jabiru_stanza::{BareJid, RawElement, SaslCondition, StreamError};

use super::State;
use super::context::Context;
use super::sasl::{self, Answer, Step};
use crate::scram::{Binding, ClientFirst, MessageError, ScramCredentials, ServerMechanism};
use crate::{AccountStatus, CredentialsAnswer, Event, Mechanism, ScramHash};

/// Reads `client-first-message` and asks for the credentials of whom it names.
pub(super) fn begin(mechanism: Mechanism, hash: ScramHash, message: &[u8], context: &mut Context) -> Step {
    let first = ClientFirst::parse(message).map_err(|error| match error {
        MessageError::Malformed(_) | MessageError::MandatoryExtension | MessageError::NoProof => {
            SaslCondition::MalformedRequest
        }
        MessageError::Authzid => SaslCondition::InvalidAuthzid,
    })?;
    let binding = match (mechanism.binds_channel(), context.security.tls()) {
        (true, Some(tls)) => Binding::Plus(tls.clone()),
        (true | false, _) => Binding::Without { plus_offered: context.offers_channel_binding() },
    };
    binding.check(&first).map_err(|error| condition(&error))?;
    let account = sasl::account(&first.username, context)?;
    sasl::check_authzid(first.authzid.as_deref(), &account)?;

    let policy = &context.policy;
    let stand_in = ScramCredentials::stand_in(&policy.fake_salt_key, hash, &account, policy.iterations.of(hash));
    context.output.event(Event::LookUpCredentials { account: account.clone(), hash });
    let attempt = Attempt { mechanism, hash, account };
    Ok(State::AwaitScramCredentials(AwaitScramCredentials { attempt, binding, message: message.to_vec(), stand_in }))
}

struct Attempt {
    mechanism: Mechanism,
    hash: ScramHash,
    account: BareJid,
}

/// Waiting for our own storage.
pub(super) struct AwaitScramCredentials {
    attempt: Attempt,
    binding: Binding,
    message: Vec<u8>,
    stand_in: ScramCredentials,
}

impl AwaitScramCredentials {
    pub(super) fn mechanism(&self) -> Mechanism {
        self.attempt.mechanism
    }

    pub(super) fn handle(self, answer: CredentialsAnswer, context: &mut Context) -> Result<State, StreamError> {
        let (account, mechanism) = (self.attempt.account.clone(), self.attempt.mechanism);
        let step = self.respond(answer, context).map_err(|refusal| refusal.of(Some(&account), mechanism));
        sasl::settle(step, context)
    }

    /// Sends `server-first-message`: salt, iterations, and the nonce of both.
    fn respond(self, answer: CredentialsAnswer, context: &mut Context) -> Step {
        let AwaitScramCredentials { attempt, binding, message, stand_in } = self;
        let Answer { credentials, status, known } = sasl::answer(answer, stand_in)?;
        let server = ServerMechanism::new(attempt.hash, binding, credentials);
        let mut server = server.map_err(|error| condition(&error))?;
        match server.respond(&message).map_err(|error| condition(&error))? {
            Response::Proceed(data) => sasl::challenge(&data, context),
            Response::Success(..) => return Err(SaslCondition::NotAuthorized.into()),
        }
        Ok(State::AwaitScramProof(AwaitScramProof { attempt, server, status, known }))
    }
}

/// `server-first-message` sent.
pub(super) struct AwaitScramProof {
    attempt: Attempt,
    server: ServerMechanism,
    status: AccountStatus,
    known: bool,
}

impl AwaitScramProof {
    pub(super) fn mechanism(&self) -> Mechanism {
        self.attempt.mechanism
    }

    pub(super) fn handle(self, element: &RawElement, context: &mut Context) -> Result<State, StreamError> {
        let (account, mechanism) = (self.attempt.account.clone(), self.attempt.mechanism);
        sasl::ongoing(element, context, Some(&account), mechanism, |data, context| self.verify(&data, context))
    }

    fn verify(mut self, message: &[u8], context: &mut Context) -> Step {
        match self.server.respond(message) {
            // Nobody can prove anything against made-up keys; but should they, the account is still not there.
            Ok(Response::Success(_, verifier)) if self.known => {
                sasl::succeed(self.attempt.account, self.attempt.mechanism, self.status, Some(&verifier), context)
            }
            Ok(_) => Err(SaslCondition::NotAuthorized.into()),
            Err(error) => Err(condition(&error).into()),
        }
    }
}

/// What the other side gets to know about an error (RFC 6120 §6.5).
fn condition(error: &MechanismError) -> SaslCondition {
    match error {
        MechanismError::CannotDecodeInitialMessage
        | MechanismError::CannotDecodeResponse
        | MechanismError::NoProof
        | MechanismError::CannotDecodeProof => SaslCondition::MalformedRequest,
        MechanismError::FailedToGenerateNonce => SaslCondition::TemporaryAuthFailure,
        // A wrong proof, nonce or channel binding, and whatever else our mechanism does not give.
        _ => SaslCondition::NotAuthorized,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ::sasl::client::Mechanism as _;
    use ::sasl::client::mechanisms::Scram;
    use ::sasl::common::ChannelBinding;
    use ::sasl::common::scram::Sha1;
    use jabiru_stanza::DomainPart;

    use super::*;
    use crate::{Policy, Security};

    /// Should anybody ever guess what the keys of an account that is not there stand for, it is still not there.
    #[test]
    fn nobody_proves_to_be_an_account_that_is_not_there() {
        for known in [true, false] {
            let domains: Vec<DomainPart> = vec!["im.example".parse().unwrap()];
            let mut context = Context::new(Arc::new(Policy::new(Arc::new(domains), [0; 32])), Security::Plaintext);
            let credentials = ScramCredentials::create(ScramHash::Sha1, "pencil", 2).unwrap();
            let mut client = Scram::<Sha1>::new("juliet", "pencil", ChannelBinding::None).unwrap();
            let binding = Binding::Without { plus_offered: false };
            let mut server = ServerMechanism::new(ScramHash::Sha1, binding, credentials).unwrap();
            let Ok(Response::Proceed(challenge)) = server.respond(&client.initial()) else { panic!("refused") };
            let account = BareJid::new("juliet@im.example").unwrap();
            let attempt = Attempt { mechanism: Mechanism::Scram(ScramHash::Sha1), hash: ScramHash::Sha1, account };
            let state = AwaitScramProof { attempt, server, status: AccountStatus::Active, known };
            let step = state.verify(&client.response(&challenge).unwrap(), &mut context);
            assert_eq!(matches!(step, Ok(State::AwaitHeader(_))), known);
        }
    }
}
