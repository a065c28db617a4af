//! The server that is judged, as a case sees it.

mod admin;
mod bundled;
mod certificates;
mod site;

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub use self::admin::{Admin, AdminCommand, AdminError};
pub use self::bundled::{Bundled, SERVER_STREAMS};
pub use self::certificates::{Authority, ClientCertificate, ServerCertificate, Usage, Validity};
pub use self::site::{Account, Accounts, Site};

use crate::case::{Need, Verb};
use crate::client::{Client, Dialogue, Features, Kind, TlsOptions};
use crate::faults::{Fault, Meddling, Memory};
use crate::servers::{PeerServer, ServerSide};

/// How long a read waits for what is due, before it is multiplied by the patience.
const LIMIT: Duration = Duration::from_secs(5);

/// The server in the hands of one case, with accounts that no other case uses at the same time.
#[derive(Clone, Debug)]
pub struct Subject {
    scope: Arc<Scope>,
}

/// What a case and its clients share.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) site: Arc<Site>,
    pub(crate) dialogue: Dialogue,
    accounts: Mutex<BTreeMap<String, Account>>,
    /// The domains of the judge's own servers, by their roles.
    servers: Mutex<BTreeMap<String, String>>,
    connections: AtomicUsize,
    patience: f64,
    end: Instant,
    fault: Option<(&'static Fault, Arc<Mutex<Memory>>)>,
}

/// Thrown by a case that can't be tried; see [`Subject::not_tried`].
#[derive(Debug)]
pub(crate) struct NotTried(pub(crate) String);

/// How far a client's stream has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Connected, nothing said.
    Connected,
    /// Stream open in clear, features received: STARTTLS is due.
    Clear,
    /// Stream open under TLS, features received: SASL is due.
    Secure,
    /// Authenticated, stream open, features received: resource binding is due.
    Authenticated,
    /// Resource bound.
    Bound,
}

impl Stage {
    /// All of them.
    pub const ALL: [Stage; 5] = [Stage::Connected, Stage::Clear, Stage::Secure, Stage::Authenticated, Stage::Bound];
    /// Those with an open stream.
    pub const OPEN: [Stage; 4] = [Stage::Clear, Stage::Secure, Stage::Authenticated, Stage::Bound];
}

impl Subject {
    pub(crate) fn new(
        site: Arc<Site>,
        patience: f64,
        bound: Duration,
        fault: Option<(&'static Fault, Arc<Mutex<Memory>>)>,
    ) -> Subject {
        Subject {
            scope: Arc::new(Scope {
                site,
                dialogue: Dialogue::default(),
                accounts: Mutex::default(),
                servers: Mutex::default(),
                connections: AtomicUsize::new(0),
                patience,
                end: Instant::now() + bound,
                fault,
            }),
        }
    }

    /// Connects in clear, and says nothing.
    ///
    /// # Panics
    /// If nobody listens.
    #[must_use]
    #[track_caller]
    pub fn connect(&self) -> Client {
        let address = self.scope.site.starttls.clone();
        match Client::connect(Arc::clone(&self.scope), &address) {
            Ok(client) => client,
            Err(error) => panic!("can't connect to {address}: {error}"),
        }
    }

    /// Connects with TLS from the first octet (needs [`Need::DirectTls`]), and says nothing within it.
    ///
    /// # Panics
    /// If that fails.
    #[must_use]
    #[track_caller]
    pub fn connect_direct_tls(&self, options: &TlsOptions) -> Client {
        let mut client = self.connect_to_direct_tls();
        client.shakes_hands(options);
        client
    }

    /// Connects to where TLS is due from the first octet, and leaves it to the case.
    ///
    /// # Panics
    /// If nobody listens.
    #[must_use]
    #[track_caller]
    pub fn connect_to_direct_tls(&self) -> Client {
        let Some(address) = self.scope.site.direct_tls.clone() else {
            self.not_tried("no address for direct TLS is known");
        };
        match Client::connect(Arc::clone(&self.scope), &address) {
            Ok(client) => client,
            Err(error) => panic!("can't connect to {address}: {error}"),
        }
    }

    /// A stream under TLS that waits for SASL, and its features. STARTTLS is used where there is some.
    ///
    /// # Panics
    /// If that fails.
    #[must_use]
    #[track_caller]
    pub fn secure(&self) -> (Client, Features) {
        self.secure_with(&TlsOptions::default())
    }

    /// The same with TLS as the case wants it.
    ///
    /// # Panics
    /// If that fails.
    #[must_use]
    #[track_caller]
    pub fn secure_with(&self, options: &TlsOptions) -> (Client, Features) {
        let mut client = self.connect();
        let features = client.opens();
        assert!(features.starttls().is_some(), "STARTTLS is not offered: {}", features.0);
        client.sends("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        client.receives("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        client.shakes_hands(options);
        let features = client.opens();
        (client, features)
    }

    /// An authenticated stream of this role that waits for resource binding, and its features.
    ///
    /// # Panics
    /// If that fails.
    #[must_use]
    #[track_caller]
    pub fn authenticated(&self, role: &str) -> (Client, Features) {
        let (mut client, features) = self.secure();
        client.authenticates(role, &features);
        let features = client.opens();
        (client, features)
    }

    /// A stream with a bound resource: `romeo/orchard`, or `romeo` for a resource that the server makes.
    ///
    /// # Panics
    /// If that fails.
    #[must_use]
    #[track_caller]
    pub fn bound(&self, who: &str) -> Client {
        let (role, resource) = who.split_once('/').map_or((who, None), |(role, resource)| (role, Some(resource)));
        let (mut client, features) = self.authenticated(role);
        assert!(features.bind(), "resource binding is not offered: {}", features.0);
        client.requests_resource(resource);
        client
    }

    /// Streams with bound resources that have sent presence: `["romeo/orchard", "juliet/balcony"]`.
    ///
    /// # Panics
    /// If that fails.
    #[must_use]
    #[track_caller]
    pub fn login<const N: usize>(&self, who: [&str; N]) -> [Client; N] {
        let mut clients = who.map(|who| {
            let mut client = self.bound(who);
            client.becomes_available();
            client
        });
        // What they have heard of each other's presence is over.
        for client in &mut clients {
            client.collects();
        }
        clients
    }

    /// A client at this stage; `role` is who logs in, if anybody does.
    ///
    /// # Panics
    /// If that fails.
    #[must_use]
    #[track_caller]
    pub fn at(&self, stage: Stage, role: &str) -> Client {
        match stage {
            Stage::Connected => self.connect(),
            Stage::Clear => {
                let mut client = self.connect();
                client.opens();
                client
            }
            Stage::Secure => self.secure().0,
            Stage::Authenticated => self.authenticated(role).0,
            Stage::Bound => self.bound(role),
        }
    }

    /// The account of this role, made if need be; the case has it for itself.
    ///
    /// # Panics
    /// If there is none and none can be made.
    #[must_use]
    #[track_caller]
    pub fn account(&self, role: &str) -> Account {
        self.scope.account(role)
    }

    /// Another server, played by the judge, of a domain that no other case has; `$verona` stands for that domain from now
    /// on, if `verona` is its role. Needs one of [`Need::Servers`] and its like.
    ///
    /// # Panics
    /// If nobody can listen.
    #[must_use]
    #[track_caller]
    pub fn server(&self, role: &str) -> PeerServer {
        let number = self.scope.next_id();
        self.server_of(role, &format!("{role}-{number}.example"))
    }

    /// The same of a domain that the case chooses.
    ///
    /// # Panics
    /// If nobody can listen.
    #[must_use]
    #[track_caller]
    pub fn server_of(&self, role: &str, domain: &str) -> PeerServer {
        let mut servers = self.scope.servers.lock().unwrap_or_else(PoisonError::into_inner);
        servers.insert(role.to_owned(), domain.to_owned());
        match PeerServer::new(Arc::clone(&self.scope), self.server_side().clone(), role, domain.to_owned()) {
            Ok(server) => server,
            Err(error) => panic!("nobody can listen for {domain}: {error}"),
        }
    }

    /// Where the server takes streams of other servers. Without that the case is not tried.
    #[must_use]
    pub fn server_side(&self) -> &ServerSide {
        match &self.scope.site.servers {
            Some(side) => side,
            None => self.not_tried("where the server takes streams of other servers is not known"),
        }
    }

    /// `text` with addresses in the place of names:
    ///
    /// - `$juliet`: the bare JID of that role's account, which is made if need be; any name will do, if it is not that of a
    ///   [`server`](Self::server);
    /// - `$domain`: the domain; `$other`: the second one (needs [`Need::SecondDomain`]);
    /// - `$nobody`: an address of the domain that has no account;
    /// - `$remote`: a domain that nobody hosts.
    ///
    /// # Panics
    /// If an account is needed and can't be had.
    #[must_use]
    #[track_caller]
    pub fn expand(&self, text: &str) -> String {
        self.scope.expand(text)
    }

    /// The domain that is judged.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.scope.site.domain
    }

    /// The server.
    #[must_use]
    pub fn site(&self) -> &Site {
        &self.scope.site
    }

    /// Has the administrator do something; `$juliet` stands for an address as in [`expand`](Self::expand).
    ///
    /// # Panics
    /// If it fails. If the server has no such command, the case is not tried.
    #[track_caller]
    pub fn admin(&self, verb: Verb, arguments: &[&str]) {
        self.admin_with(verb, arguments, None);
    }

    /// The same with a line on standard input.
    ///
    /// # Panics
    /// As [`admin`](Self::admin).
    #[track_caller]
    pub fn admin_with(&self, verb: Verb, arguments: &[&str], input: Option<&str>) {
        let arguments: Vec<String> = arguments.iter().map(|argument| self.expand(argument)).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let line = format!("administrator: {} {}", verb.name(), arguments.join(" "));
        self.scope.dialogue.add("", Kind::Note, &line);
        if verb.spoils() {
            let mut accounts = self.scope.accounts.lock().unwrap_or_else(PoisonError::into_inner);
            for account in accounts.values_mut().filter(|account| arguments.contains(&account.jid.as_str())) {
                account.spoiled = true;
            }
        }
        match self.scope.site.admin.run(verb, &arguments, input) {
            Ok(()) => {}
            Err(AdminError::Unsupported) => self.not_tried(&format!("the server has no command {}", verb.name())),
            Err(AdminError::Failed(why)) => panic!("{line}: {why}"),
        }
    }

    /// Keeps the account of this role from cases that come later: after what this case is about to do to it, it may
    /// have another password, or be no more.
    pub fn spoils(&self, role: &str) {
        let _ = self.account(role);
        let mut accounts = self.scope.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = accounts.get_mut(role) {
            account.spoiled = true;
        }
    }

    /// Ends the case without a result.
    pub fn not_tried(&self, reason: &str) -> ! {
        resume_unwind(Box::new(NotTried(reason.to_owned())))
    }

    /// Does the server have this?
    #[must_use]
    pub fn has(&self, need: Need) -> bool {
        self.scope.site.has(need)
    }

    /// This many seconds, more if the suite was told to be patient.
    #[must_use]
    pub fn seconds(&self, seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds * self.scope.patience)
    }

    pub(crate) fn dialogue(&self) -> &Dialogue {
        &self.scope.dialogue
    }

    /// Gives the accounts back.
    pub(crate) fn release(&self) {
        let accounts = std::mem::take(&mut *self.scope.accounts.lock().unwrap_or_else(PoisonError::into_inner));
        for account in accounts.into_values().filter(|account| !account.spoiled) {
            self.scope.site.give_back(account);
        }
    }
}

impl Scope {
    /// How long a read may wait, as long as the case has time.
    pub(crate) fn deadline(&self, instead: Option<Duration>) -> Instant {
        self.end.min(Instant::now() + instead.unwrap_or_else(|| self.limit()))
    }

    pub(crate) fn limit(&self) -> Duration {
        LIMIT.mul_f64(self.patience)
    }

    pub(crate) fn next_connection(&self) -> String {
        format!("#{}", self.connections.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// A number that no other case has, in this run or another.
    pub(crate) fn next_id(&self) -> String {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        format!("{:x}-{number}", std::process::id())
    }

    pub(crate) fn meddling(&self) -> Option<Meddling> {
        self.fault.as_ref().map(|(fault, memory)| Meddling::new(fault, Arc::clone(memory)))
    }

    #[track_caller]
    pub(crate) fn account(&self, role: &str) -> Account {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = accounts.get(role) {
            return account.clone();
        }
        let account = match self.site.take_account(role, accounts.len(), self.end) {
            Ok(account) => account,
            Err(AdminError::Unsupported) => {
                resume_unwind(Box::new(NotTried("it needs more accounts than were given".to_owned())))
            }
            Err(AdminError::Failed(why)) => panic!("no account for {role}: {why}"),
        };
        self.dialogue.add("", Kind::Note, &format!("{role} is {}", account.jid));
        accounts.insert(role.to_owned(), account.clone());
        account
    }

    #[track_caller]
    pub(crate) fn expand(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            let length = after.find(|character: char| !character.is_ascii_lowercase()).unwrap_or(after.len());
            let (name, behind) = after.split_at(length);
            match name {
                "" => out.push('$'),
                "domain" => out.push_str(&self.site.domain),
                "other" => match &self.site.second_domain {
                    Some(domain) => out.push_str(domain),
                    None => resume_unwind(Box::new(NotTried("it needs a second domain".to_owned()))),
                },
                "remote" => out.push_str("remote.invalid"),
                "nobody" => out.push_str(&format!("nobody-is-here@{}", self.site.domain)),
                role => {
                    let server = self.servers.lock().unwrap_or_else(PoisonError::into_inner).get(role).cloned();
                    out.push_str(&server.unwrap_or_else(|| self.account(role).jid));
                }
            }
            rest = behind;
        }
        out.push_str(rest);
        out
    }
}
