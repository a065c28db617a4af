//! SASL (RFC 6120 §6): what is common to all mechanisms.
//!
//! A handshake ends in success, or in a [`Refusal`] after which another may be tried. What single mechanisms do is in
//! `scram.rs`, `plain.rs`, `external.rs` and `anonymous.rs` beside this.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jabiru_stanza::{BareJid, RawElement, SaslCondition, SaslFailure, StreamCondition, StreamError, ns};
use jabiru_xml::Element;
use zeroize::Zeroizing;

use super::context::{Context, out_of_turn};
use super::header::AwaitHeader;
use super::{State, anonymous, external, plain, scram, starttls};
use crate::sasl_request::{self, Initial, Request};
use crate::scram::ScramCredentials;
use crate::{AccountStatus, CredentialsAnswer, Event, Mechanism, Security};

/// Mechanisms were offered; no handshake is going on.
pub(super) struct AwaitAuth;

impl AwaitAuth {
    pub(super) fn handle(self, element: &RawElement, context: &mut Context) -> Result<State, StreamError> {
        if crate::starttls::is_command(element) {
            return Ok(if context.offers_starttls() {
                starttls::proceed(element, context)
            } else {
                starttls::refuse(context)
            });
        }
        let step = match read(element) {
            Ok(Request::Auth { mechanism, initial }) => begin(&mechanism, initial, context),
            Ok(Request::Response(_)) => Err(Refusal::sasl(SaslCondition::MalformedRequest)),
            Ok(Request::Abort) => Err(Refusal::sasl(SaslCondition::Aborted)),
            Err(refusal) => Err(refusal),
        };
        settle(step, context)
    }
}

/// `<auth/>` came without an initial response, and an empty challenge went out (§6.4.3).
pub(super) struct AwaitInitialResponse {
    mechanism: Mechanism,
}

impl AwaitInitialResponse {
    pub(super) fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    pub(super) fn handle(self, element: &RawElement, context: &mut Context) -> Result<State, StreamError> {
        let AwaitInitialResponse { mechanism } = self;
        ongoing(element, context, None, mechanism, |data, context| first_message(mechanism, &data, context))
    }
}

/// What a step of a handshake leads to.
pub(super) type Step = Result<State, Refusal>;

/// Why a handshake came to nothing.
pub(super) enum Refusal {
    /// The whole stream ends.
    Stream(StreamError),
    /// `<failure/>`; the stream goes on.
    Sasl {
        condition: SaslCondition,
        /// For people, and only where it gives nothing away about accounts.
        text: Option<&'static str>,
        account: Option<BareJid>,
        mechanism: Option<Mechanism>,
    },
}

impl Refusal {
    pub(super) fn sasl(condition: SaslCondition) -> Refusal {
        Refusal::Sasl { condition, text: None, account: None, mechanism: None }
    }

    /// Says more.
    pub(super) fn because(self, reason: &'static str) -> Refusal {
        match self {
            Refusal::Stream(error) => Refusal::Stream(error),
            Refusal::Sasl { condition, text: _, account, mechanism } => {
                Refusal::Sasl { condition, text: Some(reason), account, mechanism }
            }
        }
    }

    /// Adds what is known of the attempt.
    pub(super) fn of(self, known_account: Option<&BareJid>, known_mechanism: Mechanism) -> Refusal {
        match self {
            Refusal::Stream(error) => Refusal::Stream(error),
            Refusal::Sasl { condition, text, account, mechanism } => Refusal::Sasl {
                condition,
                text,
                account: account.or_else(|| known_account.cloned()),
                mechanism: mechanism.or(Some(known_mechanism)),
            },
        }
    }

    /// Sends `<failure/>` and counts.
    ///
    /// # Errors
    /// The stream error instead of it, or after it `policy-violation` if this was one attempt too many (§6.4.5).
    pub(super) fn tell(self, context: &mut Context) -> Result<(), StreamError> {
        match self {
            Refusal::Stream(error) => Err(error),
            Refusal::Sasl { condition, text, account, mechanism } => {
                let failure = SaslFailure { condition, text: text.map(str::to_owned) };
                context.output.element(&failure.to_element());
                context.output.event(Event::AuthenticationFailed { account, condition, mechanism });
                count_failure(context)
            }
        }
    }
}

impl From<SaslCondition> for Refusal {
    fn from(condition: SaslCondition) -> Refusal {
        Refusal::sasl(condition)
    }
}

/// Takes the element that follows a challenge.
pub(super) fn ongoing(
    element: &RawElement,
    context: &mut Context,
    account: Option<&BareJid>,
    mechanism: Mechanism,
    respond: impl FnOnce(Zeroizing<Vec<u8>>, &mut Context) -> Step,
) -> Result<State, StreamError> {
    let step = match read(element) {
        Ok(Request::Response(data)) => respond(data, context),
        Ok(Request::Abort) => Err(SaslCondition::Aborted.into()),
        // §6.4.2: the handshake so far is discarded. It counts, or else the bound on attempts would be none.
        Ok(Request::Auth { mechanism, initial }) => {
            count_failure(context)?;
            return settle(begin(&mechanism, initial, context), context);
        }
        Err(refusal) => Err(refusal),
    };
    settle(step.map_err(|refusal| refusal.of(account, mechanism)), context)
}

/// Reads a request.
///
/// # Errors
/// The end of the stream for what is no SASL; a failure for what is no request, or can't be decoded.
fn read(element: &RawElement) -> Result<Request, Refusal> {
    let request = Request::read(element).ok_or_else(|| Refusal::Stream(out_of_turn(element, "authenticate first")))?;
    request.map_err(Refusal::from)
}

/// Turns a refused handshake into what is sent, after which another may begin.
pub(super) fn settle(step: Step, context: &mut Context) -> Result<State, StreamError> {
    match step {
        Ok(state) => Ok(state),
        Err(refusal) => {
            refusal.tell(context)?;
            Ok(State::AwaitAuth(AwaitAuth))
        }
    }
}

/// Sends a challenge (§6.4.3).
pub(super) fn challenge(data: &[u8], context: &mut Context) {
    context.output.element(&sasl_request::challenge(data));
}

/// The credentials of the account, or those made up for one that is not there.
pub(super) struct Answer {
    pub(super) credentials: ScramCredentials,
    pub(super) status: AccountStatus,
    /// Is the account there?
    pub(super) known: bool,
}

/// Reads the caller's answer. `stand_in` was made beforehand, so that it takes no time now.
pub(super) fn answer(answer: CredentialsAnswer, stand_in: ScramCredentials) -> Result<Answer, Refusal> {
    match answer {
        CredentialsAnswer::Found { credentials, status } => Ok(Answer { credentials, status, known: true }),
        CredentialsAnswer::Unknown => Ok(Answer { credentials: stand_in, status: AccountStatus::Active, known: false }),
        CredentialsAnswer::Unavailable => Err(unavailable()),
        CredentialsAnswer::Throttled => Err(throttled()),
    }
}

/// Our own trouble (§6.5.11).
pub(super) fn unavailable() -> Refusal {
    Refusal::sasl(SaslCondition::TemporaryAuthFailure).because("try again later")
}

/// Too many guesses: nothing is said about this one (§6.5.11).
pub(super) fn throttled() -> Refusal {
    Refusal::sasl(SaslCondition::TemporaryAuthFailure).because("too many attempts: try again later")
}

/// The mechanism would be on offer under TLS (§6.5.4).
pub(super) fn needs_encryption() -> Refusal {
    Refusal::sasl(SaslCondition::EncryptionRequired).because("TLS has to come first")
}

/// Who it is was proved: success (§6.4.6), unless something else is in the way.
pub(super) fn succeed(
    account: BareJid,
    mechanism: Mechanism,
    status: AccountStatus,
    additional: Option<&[u8]>,
    context: &mut Context,
) -> Step {
    match status {
        AccountStatus::Active => {}
        AccountStatus::Disabled => {
            return Err(Refusal::sasl(SaslCondition::AccountDisabled).because("the account is disabled"));
        }
        AccountStatus::CredentialsExpired => {
            return Err(Refusal::sasl(SaslCondition::CredentialsExpired).because("the password has to be renewed"));
        }
    }
    if context.claimed.as_ref().is_some_and(|claimed| *claimed != account) {
        return Err(Refusal::Stream(
            StreamError::new(StreamCondition::InvalidFrom).with_text("from is not the authenticated account"),
        ));
    }
    let success = Element::new("success", ns::SASL);
    let success = match additional {
        // §6.4.6: "=" stands for data of no length.
        Some([]) => success.with_text("="),
        Some(data) => success.with_text(STANDARD.encode(data)),
        None => success,
    };
    context.output.element(&success);
    context.output.event(Event::Authenticated { account: account.clone(), mechanism });
    context.output.event(Event::RestartStream);
    context.header_sent = false;
    context.claimed = None;
    Ok(State::AwaitHeader(AwaitHeader { authenticated: Some(account) }))
}

/// The account that a user name means (§6.3.7).
///
/// A user name is the localpart of an account of the stream's domain. People type their whole address where a client
/// asks for a user name, and no localpart has an `@`: so the bare JID is taken too, if it is of this domain. A name
/// that can't be a localpart is nobody's, which needs no lookup and gives nothing away.
pub(super) fn account(username: &str, context: &Context) -> Result<BareJid, SaslCondition> {
    let domain = context.domain.as_ref().ok_or(SaslCondition::TemporaryAuthFailure)?;
    if username.contains('@') {
        let account = BareJid::new(username).map_err(|_| SaslCondition::NotAuthorized)?;
        let ours = account.node().is_some() && account.domain().as_str() == domain.as_str();
        return if ours { Ok(account) } else { Err(SaslCondition::NotAuthorized) };
    }
    domain.with_node_str(username).map_err(|_| SaslCondition::NotAuthorized)
}

/// An account acts for itself only (§6.3.8): the authorization identity is its bare JID, however written, or absent.
pub(super) fn check_authzid(authzid: Option<&str>, account: &BareJid) -> Result<(), SaslCondition> {
    match authzid.map(BareJid::new) {
        None => Ok(()),
        Some(Ok(authzid)) if authzid == *account => Ok(()),
        Some(Ok(_) | Err(_)) => Err(SaslCondition::InvalidAuthzid),
    }
}

/// Starts a handshake.
fn begin(name: &str, initial: Option<Initial>, context: &mut Context) -> Step {
    let mechanism = choose(name, context)?;
    let of = |refusal: Refusal| refusal.of(None, mechanism);
    match initial.transpose().map_err(|condition| of(condition.into()))? {
        Some(data) => first_message(mechanism, &data, context).map_err(of),
        // XEP-0175 §4 shows it done in one step: there is nothing that a challenge could bring.
        None if mechanism == Mechanism::Anonymous => anonymous::begin(&[], context).map_err(of),
        None => {
            challenge(&[], context);
            Ok(State::AwaitInitialResponse(AwaitInitialResponse { mechanism }))
        }
    }
}

/// The mechanism of this name, if it is on offer.
///
/// # Errors
/// `encryption-required` for one that TLS would bring (§6.5.4), `mechanism-too-weak` for one that the policy leaves out
/// in favour of stronger ones (§6.5.9), `invalid-mechanism` for what is not known or not supported (§6.5.7); for EXTERNAL
/// what is wrong with the certificate.
pub(super) fn choose(name: &str, context: &Context) -> Result<Mechanism, Refusal> {
    let mechanism = Mechanism::from_name(name).ok_or(SaslCondition::InvalidMechanism)?;
    if context.offered().any(|offered| offered == mechanism) {
        return Ok(mechanism);
    }
    let refusal = if context.policy.mechanisms.contains(&mechanism) {
        match (mechanism, &context.security) {
            (Mechanism::External, _) => external::not_offered(context),
            (_, Security::Plaintext) => needs_encryption(),
            (_, Security::Tls(_)) => SaslCondition::InvalidMechanism.into(),
        }
    } else if is_too_weak(mechanism, &context.policy.mechanisms) {
        Refusal::sasl(SaslCondition::MechanismTooWeak).because("a stronger mechanism is wanted")
    } else {
        SaslCondition::InvalidMechanism.into()
    };
    Err(refusal.of(None, mechanism))
}

/// Weaker than everything that the policy permits? Where it permits something as weak, the strength is not the reason.
fn is_too_weak(mechanism: Mechanism, enabled: &[Mechanism]) -> bool {
    let mut enabled = enabled.iter().filter(|enabled| **enabled != Mechanism::Anonymous).peekable();
    enabled.peek().is_some() && enabled.all(|enabled| mechanism.is_weaker_than(*enabled))
}

fn first_message(mechanism: Mechanism, data: &[u8], context: &mut Context) -> Step {
    match mechanism {
        Mechanism::Scram(hash) | Mechanism::ScramPlus(hash) => scram::begin(mechanism, hash, data, context),
        Mechanism::Plain => plain::begin(data, context),
        Mechanism::External => external::begin(data, context),
        Mechanism::Anonymous => anonymous::begin(data, context),
    }
}

fn count_failure(context: &mut Context) -> Result<(), StreamError> {
    context.failed_attempts += 1;
    if context.failed_attempts >= context.policy.max_authentication_attempts {
        return Err(StreamError::new(StreamCondition::PolicyViolation).with_text("too many attempts to authenticate"));
    }
    Ok(())
}
