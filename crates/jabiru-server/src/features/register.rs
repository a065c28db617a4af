//! In-band registration (XEP-0077), the part of those who have an account: another password (§3.3) and the end of
//! the account (§3.2).
//!
//! There is no registration of new accounts here, neither before nor after authentication. What an account does, it
//! does to itself: an attempt on another one is `forbidden`, whether that exists or not. A password is taken only
//! from a stream that TLS protects. The streams of the account end by the watch on the accounts (`reset` for another
//! password, `not-authorized` for a removed account), after the answer.

use std::sync::Arc;
use std::time::Duration;

use jabiru_router::{Account, Closing, Eventually, Feature, IqAnswer, IqRequest, RequestContext, Target};
use jabiru_stanza::{BareJid, Condition, Element, ErrorType, IqType, NodePart, Stanza, StanzaError, StanzaKind, ns};
use jabiru_storage::{AccountStatus, Accounts, ScramHash, StorageError};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::credentials;

/// What accounts may do to themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Registration {
    /// Give themselves another password.
    pub(crate) password_change: bool,
    /// Remove themselves, with everything that is stored for them.
    pub(crate) cancellation: bool,
    /// Send a password over a stream without TLS, because something else protects it.
    pub(crate) without_tls: bool,
    /// How long a request may take altogether.
    pub(crate) timeout: Duration,
}

/// The feature.
#[derive(Clone)]
pub(super) struct Register(Arc<Shared>);

struct Shared {
    accounts: Arc<dyn Accounts>,
    allowed: Registration,
    /// One password is turned into keys at a time, so that however many ask, a processor is left for the streams.
    deriving: Semaphore,
}

/// What a valid request asks for.
enum Wanted {
    Fields,
    Removal,
    Password(Zeroizing<String>),
}

impl Register {
    pub(super) fn new(accounts: Arc<dyn Accounts>, allowed: Registration) -> Register {
        Register(Arc::new(Shared { accounts, allowed, deriving: Semaphore::new(1) }))
    }
}

impl Feature for Register {
    fn name(&self) -> &'static str {
        "in-band registration"
    }

    fn requests(&self) -> &[IqRequest] {
        const {
            &[
                IqRequest::get(Target::Server, "query", ns::REGISTER),
                IqRequest::get(Target::OwnAccount, "query", ns::REGISTER),
                IqRequest::set(Target::Server, "query", ns::REGISTER).before_closing(),
                IqRequest::set(Target::OwnAccount, "query", ns::REGISTER).before_closing(),
            ]
        }
    }

    fn handle_iq(&self, request: &Stanza, context: RequestContext<'_>) -> Eventually<IqAnswer> {
        let Some((from, account)) = request.from().and_then(|from| Some((from, Account::of(from)?))) else {
            // §3.2, §3.3: from nobody who could be registered here.
            return Eventually::Now(IqAnswer::Error(Condition::UnexpectedRequest.into()));
        };
        let address = account.to_bare_jid();
        let wanted = match wanted(request, &address, self.0.allowed) {
            Ok(wanted) => wanted,
            Err(error) => return Eventually::Now(IqAnswer::Error(error)),
        };
        let (shared, from) = (Arc::clone(&self.0), Arc::clone(from));
        let (resources, closing) = (context.router.backend().snapshot(account), context.closing.clone());
        Eventually::later(async move {
            let job = async {
                match wanted {
                    Wanted::Fields => shared.fields(&address).await,
                    Wanted::Removal => {
                        closing.wait_for_answer();
                        shared.remove(&address).await
                    }
                    Wanted::Password(password) => {
                        let resources = resources.await;
                        let stream = from.resource().and_then(|part| resources.find(part));
                        if !shared.allowed.without_tls && !stream.is_some_and(|stream| stream.sink.is_confidential()) {
                            let error = StanzaError::new(Condition::NotAuthorized);
                            return Err(error.with_text("a password is not taken over a stream without TLS"));
                        }
                        shared.change_password(&address, password, &closing).await
                    }
                }
            };
            match tokio::time::timeout(shared.allowed.timeout, job).await {
                Ok(Ok(payload)) => IqAnswer::Result(payload),
                Ok(Err(error)) => IqAnswer::Error(error),
                Err(_) => {
                    tracing::error!(account = %address, "in-band registration took too long");
                    IqAnswer::Error(internal(true).with_text("not done in time; it may still be"))
                }
            }
        })
    }

    fn disco_features(&self, target: Target) -> Vec<&'static str> {
        match target {
            Target::Server | Target::OwnAccount if self.0.allowed.any() => vec![ns::REGISTER],
            Target::Server | Target::OwnAccount | Target::OtherAccount => Vec::new(),
        }
    }
}

impl Registration {
    fn any(self) -> bool {
        self.password_change || self.cancellation
    }
}

impl Shared {
    /// §3.1: what is on file, which is the name alone.
    async fn fields(&self, address: &BareJid) -> Result<Option<Element>, StanzaError> {
        match self.accounts.look_up(address, ScramHash::Sha256).await {
            Ok(Some(_)) => {}
            // An anonymous one. There is nothing to register with.
            Ok(None) => return Err(Condition::ServiceUnavailable.into()),
            Err(error) => return Err(failed(address, &error, Condition::ServiceUnavailable)),
        }
        let child = |name| Element::new(name, ns::REGISTER);
        let name = address.node().map_or("", |name| name.as_str());
        let query = child("query").with_child(child("registered")).with_child(child("username").with_text(name));
        Ok(Some(query.with_child(child("password"))))
    }

    async fn remove(&self, address: &BareJid) -> Result<Option<Element>, StanzaError> {
        match self.accounts.remove(address).await {
            Ok(()) => {
                tracing::info!(account = %address, "account removed by its owner");
                Ok(None)
            }
            Err(error) => Err(failed(address, &error, Condition::RegistrationRequired)),
        }
    }

    async fn change_password(
        &self,
        address: &BareJid,
        password: Zeroizing<String>,
        closing: &Closing,
    ) -> Result<Option<Element>, StanzaError> {
        let before = self.salt_while_active(address).await?;
        let Ok(_permit) = self.deriving.acquire().await else { return Err(internal(true)) };
        // Not on the threads that serve streams: it takes tens of milliseconds.
        let credentials = match tokio::task::spawn_blocking(move || credentials::derive(&password)).await {
            Ok(Ok(credentials)) => credentials,
            Ok(Err(error)) => {
                tracing::error!(account = %address, error = format!("{error:#}"), "no keys from a password");
                return Err(internal(false));
            }
            Err(error) => {
                tracing::error!(account = %address, %error, "no keys from a password");
                return Err(internal(false));
            }
        };
        // The stream that asks has lost its ground if the account was changed while this waited, as by an operator who
        // takes it from a thief; its end has been ordered, or soon will be.
        if self.salt_while_active(address).await? != before {
            return Err(changed_meanwhile());
        }
        closing.wait_for_answer();
        match self.accounts.replace_credentials(address, credentials).await {
            Ok(()) => {
                tracing::info!(account = %address, "password changed by its owner");
                Ok(None)
            }
            // An anonymous one has no password, and gets none.
            Err(error) => Err(failed(address, &error, Condition::NotAllowed)),
        }
    }

    /// The salt of the credentials, which no others have, of an account that may log in.
    async fn salt_while_active(&self, address: &BareJid) -> Result<Option<Vec<u8>>, StanzaError> {
        match self.accounts.look_up(address, ScramHash::Sha256).await {
            Ok(Some(found)) if found.status == AccountStatus::Active => {
                Ok(found.credential.map(|credential| credential.salt().to_vec()))
            }
            Ok(Some(_)) => Err(changed_meanwhile()),
            // An anonymous one has no password, and gets none.
            Ok(None) => Err(Condition::NotAllowed.into()),
            Err(error) => Err(failed(address, &error, Condition::NotAllowed)),
        }
    }
}

fn changed_meanwhile() -> StanzaError {
    StanzaError::new(Condition::NotAuthorized).with_text("the account was changed meanwhile: log in again")
}

/// Takes a request apart, by the tables of §3.2 and §3.3; what it lacks is told.
fn wanted(request: &Stanza, address: &BareJid, allowed: Registration) -> Result<Wanted, StanzaError> {
    let refuse = |condition: Condition, why: &str| Err(StanzaError::new(condition).with_text(why));
    let Some(query) = request.payload() else { return Err(Condition::BadRequest.into()) };
    let elsewhere = request.to().is_some_and(|to| to.domain() != address.domain());
    if request.kind() == StanzaKind::Iq(IqType::Get) {
        // §3.1: nobody can register here.
        let known = allowed.any() && !elsewhere;
        return if known { Ok(Wanted::Fields) } else { Err(Condition::ServiceUnavailable.into()) };
    }
    if query.child("remove", ns::REGISTER).is_some() {
        return match query.children().count() {
            1 if elsewhere => refuse(Condition::RegistrationRequired, "the account is not one of this domain"),
            1 if !allowed.cancellation => refuse(Condition::NotAllowed, "accounts are not cancelled in-band here"),
            1 => Ok(Wanted::Removal),
            _ => refuse(Condition::BadRequest, "remove stands alone"),
        };
    }
    if elsewhere {
        return refuse(Condition::UnexpectedRequest, "the account is not one of this domain");
    }
    if !allowed.password_change {
        return refuse(Condition::NotAllowed, "passwords are not changed in-band here");
    }
    let only = |name: &str| {
        let mut fields = query.children().filter(|field| field.is(name, ns::REGISTER));
        fields.next().filter(|_| fields.next().is_none())
    };
    let (Some(username), Some(password)) = (only("username"), only("password")) else {
        return refuse(Condition::BadRequest, "a password is changed by a username and a password");
    };
    // Prepared, as the account's own name was.
    if NodePart::new(&username.text()).ok().as_deref() != address.node() {
        return refuse(Condition::Forbidden, "an account can change no password but its own");
    }
    match credentials::acceptable(&password.text(), address) {
        Ok(()) => Ok(Wanted::Password(Zeroizing::new(password.text().into_owned()))),
        Err(why) => refuse(Condition::NotAcceptable, &why),
    }
}

/// What the storage's error means to the account; `unknown` if it is none that is stored.
fn failed(address: &BareJid, error: &StorageError, unknown: Condition) -> StanzaError {
    match error {
        StorageError::NotFound { .. } => unknown.into(),
        error => {
            tracing::error!(account = %address, %error, "in-band registration failed");
            internal(error.is_temporary())
        }
    }
}

fn internal(temporary: bool) -> StanzaError {
    let error = StanzaError::new(Condition::InternalServerError);
    if temporary { error.with_type(ErrorType::Wait) } else { error }
}

#[cfg(test)]
mod tests;
