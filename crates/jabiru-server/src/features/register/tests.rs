//! In-band registration as a client sees it: through a router, on accounts in memory.

use std::sync::atomic::{AtomicBool, Ordering};

use jabiru_negotiation::scram::{ScramCredentials, ScramKeys};
use jabiru_router::battery::Recorder;
use jabiru_router::{Features, InMemory, OnConflict, Refused, ResourceSink, Router};
use jabiru_stanza::{ContentNamespace, FullJid, RawElement, StreamError};
use jabiru_storage::{
    Account as Stored, AccountStatus, ChangePosition, Changes, Credentials, ListedAccount, MemoryAccounts, Moved,
    StorageFuture, Unavailable,
};

use super::*;

/// A stream, under TLS or not.
struct Stream {
    recorder: Recorder,
    tls: bool,
}

impl ResourceSink for Stream {
    fn deliver(&self, stanza: &Stanza) -> Result<(), Refused> {
        self.recorder.deliver(stanza)
    }
    fn close(&self, error: StreamError) {
        self.recorder.close(error);
    }
    fn is_confidential(&self) -> bool {
        self.tls
    }
}

struct Setting {
    accounts: Arc<Failing>,
    router: Router,
}

const EVERYTHING: Registration =
    Registration { password_change: true, cancellation: true, without_tls: false, timeout: Duration::from_secs(10) };
const NOTHING: Registration = Registration { password_change: false, cancellation: false, ..EVERYTHING };

impl Setting {
    async fn new(allowed: Registration) -> Setting {
        let accounts = Arc::new(Failing::default());
        let credentials = credentials::derive("the old password").unwrap();
        accounts.inner.create(&address(), credentials).await.unwrap();
        let mut features = Features::new();
        features.register(Register::new(Arc::<Failing>::clone(&accounts), allowed)).unwrap();
        let domains = ["im.example", "other.example"].map(|domain| domain.parse().unwrap()).into_iter().collect();
        Setting { accounts, router: Router::new(Arc::new(InMemory::new()), domains, features) }
    }

    /// What a stream of this account gets for an IQ.
    async fn ask(&self, from: &str, tls: bool, kind: &str, to: &str, query: &str) -> Stanza {
        let jid = FullJid::new(from).unwrap();
        let stream = Arc::new(Stream { recorder: Recorder::new(), tls });
        let sink: Arc<dyn ResourceSink> = Arc::<Stream>::clone(&stream);
        let id = self.router.register(&jid, sink, OnConflict::Replace, 1).await.unwrap().id;
        let xml = format!("<iq id='1' type='{kind}' {to}><query xmlns='jabber:iq:register'>{query}</query></iq>");
        let raw = RawElement::parse(&xml, ns::CLIENT).unwrap();
        let mut stanza = Stanza::parse(raw, ContentNamespace::Client).unwrap();
        stanza.set_from(Arc::new(jid.clone().into()));
        self.router.receive(&jid, id, stanza).await;
        let [answer] = &stream.recorder.take()[..] else { panic!("not one answer to {xml}") };
        assert_eq!(answer.id().as_deref(), Some("1"));
        answer.clone()
    }

    /// The condition of an error, `result` without.
    async fn outcome(&self, from: &str, to: &str, query: &str) -> String {
        condition(&self.ask(from, true, "set", to, query).await)
    }

    /// Is this the password of the account?
    async fn is_password(&self, password: &str) -> bool {
        let hash = jabiru_negotiation::ScramHash::Sha1;
        let Some(account) = self.accounts.inner.look_up(&address(), ScramHash::Sha1).await.unwrap() else {
            return false;
        };
        let stored = account.credential.unwrap();
        let keys = ScramKeys::from_stored(hash, stored.stored_key(), stored.server_key()).unwrap();
        let (salt, iterations) = (stored.salt().to_vec(), stored.iterations());
        ScramCredentials { keys, salt, iterations }.matches(hash, password)
    }
}

fn address() -> BareJid {
    BareJid::new("juliet@im.example").unwrap()
}

fn condition(answer: &Stanza) -> String {
    let error = StanzaError::parse(answer.raw());
    error.map_or_else(|| "result".to_owned(), |error| error.condition().name().to_owned())
}

fn change(username: &str, password: &str) -> String {
    format!("<username>{username}</username><password>{password}</password>")
}

const JULIET: &str = "juliet@im.example/balcony";
/// Of the domain, but not stored: an anonymous account.
const STRANGER: &str = "ae5b6c@im.example/x";
const NONE: &str = "";
const SERVER: &str = "to='im.example'";
const OWN: &str = "to='juliet@im.example'";
const OTHER_DOMAIN: &str = "to='other.example'";

/// XEP-0077 §3.3, its table of errors row by row; and RFC 4013.
#[tokio::test]
async fn changing_the_password() {
    let setting = Setting::new(EVERYTHING).await;
    for (from, to, query, expected) in [
        (JULIET, NONE, change("juliet", ""), "not-acceptable"),
        (JULIET, NONE, change("juliet", "seven77"), "not-acceptable"),
        (JULIET, NONE, change("juliet", "1\u{ad}\u{ad}\u{ad}\u{ad}\u{ad}\u{ad}\u{ad}"), "not-acceptable"),
        (JULIET, NONE, change("juliet", "bell\u{7f}bell"), "not-acceptable"),
        (JULIET, NONE, change("juliet", "\u{627}11111111"), "not-acceptable"),
        (JULIET, NONE, change("juliet", "Juliet@im.example"), "not-acceptable"),
        (JULIET, NONE, change("juliet", &"x".repeat(credentials::MAX_PASSWORD_BYTES + 1)), "not-acceptable"),
        (JULIET, NONE, "<password>another one</password>".to_owned(), "bad-request"),
        (JULIET, NONE, "<username>juliet</username>".to_owned(), "bad-request"),
        (JULIET, NONE, change("juliet", "another one") + "<password>yet another</password>", "bad-request"),
        (JULIET, NONE, "<x xmlns='jabber:x:data' type='submit'/>".to_owned(), "bad-request"),
        (JULIET, NONE, String::new(), "bad-request"),
        (JULIET, SERVER, change("romeo", "another one"), "forbidden"),
        (JULIET, SERVER, change("nobody", "another one"), "forbidden"),
        (JULIET, SERVER, change("a@b@c", "another one"), "forbidden"),
        (JULIET, OTHER_DOMAIN, change("juliet", "another one"), "unexpected-request"),
        (JULIET, "to='romeo@im.example'", change("romeo", "another one"), "service-unavailable"),
        (STRANGER, NONE, change("ae5b6c", "another one"), "not-allowed"),
    ] {
        assert_eq!(setting.outcome(from, to, &query).await, expected, "{from} {to} {query}");
        assert!(setting.is_password("the old password").await, "{from} {to} {query}");
    }
    for (to, username, password) in [
        (NONE, "juliet", "the first one"),
        (SERVER, "Juliet", "&lt;the> second one"),
        (OWN, "juliet", "\u{e9}tude en 3"),
    ] {
        assert_eq!(setting.outcome(JULIET, to, &change(username, password)).await, "result", "{to} {username}");
        assert!(setting.is_password(&password.replace("&lt;", "<")).await, "{to}");
    }
}

/// A stream that is still there has lost its ground if its account was changed: what an operator does to an account that
/// was stolen is not undone by the thief.
#[tokio::test]
async fn accounts_that_were_changed_meanwhile() {
    let setting = Setting::new(EVERYTHING).await;
    for status in [AccountStatus::CredentialsExpired, AccountStatus::Disabled] {
        setting.accounts.inner.set_status(&address(), status).await.unwrap();
        assert_eq!(setting.outcome(JULIET, NONE, &change("juliet", "another one")).await, "not-authorized");
        let found = setting.accounts.inner.look_up(&address(), ScramHash::Sha1).await.unwrap().unwrap();
        assert_eq!(found.status, status);
        assert!(setting.is_password("the old password").await);
    }
}

/// XEP-0077 §3.2, its table of errors row by row.
#[tokio::test]
async fn cancelling_the_account() {
    let setting = Setting::new(EVERYTHING).await;
    for (from, to, query, expected) in [
        (JULIET, NONE, "<remove/><username>juliet</username>", "bad-request"),
        (JULIET, NONE, "<remove/><remove/>", "bad-request"),
        (JULIET, NONE, "<remove xmlns='urn:x'/>", "bad-request"),
        (JULIET, OTHER_DOMAIN, "<remove/>", "registration-required"),
        (JULIET, "to='romeo@im.example'", "<remove/>", "service-unavailable"),
        (STRANGER, NONE, "<remove/>", "registration-required"),
    ] {
        assert_eq!(setting.outcome(from, to, query).await, expected, "{from} {to} {query}");
        assert!(setting.is_password("the old password").await, "{from} {to} {query}");
    }
    assert_eq!(setting.outcome(JULIET, SERVER, "<remove/>").await, "result");
    assert!(setting.accounts.inner.look_up(&address(), ScramHash::Sha1).await.unwrap().is_none());
}

/// §3.2, §3.3 and §10: if nothing is allowed, nothing is announced.
#[tokio::test]
async fn what_is_allowed() {
    let only_password = Registration { cancellation: false, ..EVERYTHING };
    for (allowed, password, removal) in [
        (NOTHING, "not-allowed", "not-allowed"),
        (only_password, "result", "not-allowed"),
        (Registration { cancellation: true, ..NOTHING }, "not-allowed", "result"),
    ] {
        let setting = Setting::new(allowed).await;
        let announced = setting.router.features().iter().flat_map(|feature| feature.disco_features(Target::Server));
        assert_eq!(announced.count(), usize::from(allowed != NOTHING), "{allowed:?}");
        let get = condition(&setting.ask(JULIET, true, "get", SERVER, "").await);
        assert_eq!(get, if allowed == NOTHING { "service-unavailable" } else { "result" }, "{allowed:?}");
        assert_eq!(setting.outcome(JULIET, SERVER, &change("juliet", "another one")).await, password, "{allowed:?}");
        assert_eq!(setting.outcome(JULIET, SERVER, "<remove/>").await, removal, "{allowed:?}");
    }
}

/// §3.1: what is on file. Of an account that is not stored, nothing is.
#[tokio::test]
async fn asking_what_is_on_file() {
    let setting = Setting::new(EVERYTHING).await;
    for to in [NONE, SERVER, OWN] {
        let answer = setting.ask(JULIET, false, "get", to, "").await;
        let query = answer.raw().child("query", ns::REGISTER).unwrap().to_element().to_string();
        let expected = "<registered/><username>juliet</username><password/></query>";
        assert!(query.ends_with(expected), "{to}: {query}");
    }
    for (from, to) in [(STRANGER, SERVER), (JULIET, OTHER_DOMAIN), (JULIET, "to='romeo@im.example'")] {
        assert_eq!(condition(&setting.ask(from, true, "get", to, "").await), "service-unavailable", "{from} {to}");
    }
}

/// §3.3: a stream is safe enough under TLS, or if whoever runs the server says that it is.
#[tokio::test]
async fn password_over_a_stream_without_tls() {
    for (tls, without_tls, expected) in
        [(false, false, "not-authorized"), (true, false, "result"), (false, true, "result")]
    {
        let setting = Setting::new(Registration { without_tls, ..EVERYTHING }).await;
        let answer = setting.ask(JULIET, tls, "set", SERVER, &change("juliet", "another one")).await;
        assert_eq!(condition(&answer), expected);
        assert_eq!(setting.is_password("another one").await, expected == "result");
    }
}

/// RFC 6120 §8.3.3.6: the storage fails, is away, or does not answer. Never does the password stand in an answer.
#[tokio::test]
async fn storage_that_fails() {
    let setting = Setting::new(Registration { timeout: Duration::from_millis(500), ..EVERYTHING }).await;
    for (error, kind) in [
        (Some(StorageError::Full), ErrorType::Cancel),
        (Some(StorageError::Unavailable { reason: Unavailable::Busy }), ErrorType::Wait),
        (None, ErrorType::Wait),
    ] {
        setting.accounts.silent.store(error.is_none(), Ordering::Relaxed);
        *setting.accounts.error.lock().unwrap() = error;
        for (type_of_request, query) in [("get", ""), ("set", "<remove/>"), ("set", &change("juliet", "an0ther one"))] {
            let answer = setting.ask(JULIET, true, type_of_request, SERVER, query).await;
            let error = StanzaError::parse(answer.raw()).unwrap();
            assert_eq!((error.condition(), error.error_type()), (&Condition::InternalServerError, kind), "{query}");
            assert!(!format!("{:?}", answer.raw()).contains("an0ther"));
        }
    }
}

/// Accounts in memory, behind a storage that can fail or fall silent.
#[derive(Default)]
struct Failing {
    inner: MemoryAccounts,
    error: std::sync::Mutex<Option<StorageError>>,
    silent: AtomicBool,
}

impl Failing {
    fn or<T: Send + 'static>(&self, works: impl FnOnce(&MemoryAccounts) -> StorageFuture<T>) -> StorageFuture<T> {
        if self.silent.load(Ordering::Relaxed) {
            return Box::pin(std::future::pending());
        }
        match self.error.lock().unwrap().clone() {
            Some(error) => Box::pin(std::future::ready(Err(error))),
            None => works(&self.inner),
        }
    }
}

impl Accounts for Failing {
    fn create(&self, address: &BareJid, credentials: Credentials) -> StorageFuture<()> {
        self.or(|inner| inner.create(address, credentials))
    }
    fn look_up(&self, address: &BareJid, hash: ScramHash) -> StorageFuture<Option<Stored>> {
        self.or(|inner| inner.look_up(address, hash))
    }
    fn list(
        &self,
        domain: Option<&jabiru_stanza::DomainPart>,
        after: Option<&BareJid>,
        limit: usize,
    ) -> StorageFuture<Vec<ListedAccount>> {
        self.or(|inner| inner.list(domain, after, limit))
    }
    fn replace_credentials(&self, address: &BareJid, credentials: Credentials) -> StorageFuture<()> {
        self.or(|inner| inner.replace_credentials(address, credentials))
    }
    fn set_status(&self, address: &BareJid, status: AccountStatus) -> StorageFuture<()> {
        self.or(|inner| inner.set_status(address, status))
    }
    fn set_moved(&self, address: &BareJid, moved: Option<Moved>) -> StorageFuture<()> {
        self.or(|inner| inner.set_moved(address, moved))
    }
    fn moved(&self, after: Option<&BareJid>, limit: usize) -> StorageFuture<Vec<(BareJid, Moved)>> {
        self.or(|inner| inner.moved(after, limit))
    }
    fn remove(&self, address: &BareJid) -> StorageFuture<()> {
        self.or(|inner| inner.remove(address))
    }
    fn latest_change(&self) -> StorageFuture<ChangePosition> {
        self.or(|inner| inner.latest_change())
    }
    fn changes_since(&self, position: ChangePosition) -> StorageFuture<Changes> {
        self.or(|inner| inner.changes_since(position))
    }
}
