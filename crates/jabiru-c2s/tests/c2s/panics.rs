//! A panic in one stream's task ends that stream alone (RFC 6120 §4.9.3.8).

use std::sync::Arc;

use jabiru_negotiation::Domains;
use jabiru_router::{
    Account, Change, Eventually, InMemory, OnConflict, Presence, Refused, RegisterError, Registration, Resource,
    ResourceId, ResourceSink, RoutingBackend, Snapshot,
};
use jabiru_stanza::{DomainRef, FullJid, Stanza, StreamError};

use crate::client::{Client, bind, header, stream_error};
use crate::server::Server;

/// Panics for addresses that name where.
struct Panicking(InMemory);

fn panic_at(place: &str, address: &str) {
    assert!(!address.contains(place), "on purpose: {place}");
}

impl RoutingBackend for Panicking {
    fn register(
        &self,
        jid: &FullJid,
        sink: Arc<dyn ResourceSink>,
        on_conflict: OnConflict,
        limit: usize,
    ) -> Eventually<Result<Registration, RegisterError>> {
        panic_at("panic-at-register", jid.as_str());
        self.0.register(jid, sink, on_conflict, limit)
    }

    fn unregister(&self, jid: &FullJid, id: ResourceId) -> Eventually<Option<Change>> {
        let change = self.0.unregister(jid, id);
        panic_at("panic-at-unregister", jid.as_str());
        change
    }

    fn set_presence(&self, jid: &FullJid, id: ResourceId, presence: Option<Presence>) -> Eventually<Option<Change>> {
        self.0.set_presence(jid, id, presence)
    }

    fn snapshot(&self, account: Account<'_>) -> Eventually<Snapshot> {
        panic_at("panic-at-once", account.as_str());
        let snapshot = self.0.snapshot(account);
        let address = account.as_str().to_owned();
        if !address.contains("panic-later") {
            return snapshot;
        }
        Eventually::later(async move {
            tokio::task::yield_now().await;
            panic_at("panic-later", &address);
            snapshot.await
        })
    }

    fn deliver(&self, resource: &Resource, stanza: &Stanza) -> Eventually<Result<(), Refused>> {
        self.0.deliver(resource, stanza)
    }

    fn close_account(&self, account: Account<'_>, error: &StreamError) -> Eventually<Snapshot> {
        self.0.close_account(account, error)
    }
}

fn server() -> Server {
    Server::with(|setup| setup.backend = Arc::new(Panicking(InMemory::new())))
}

/// The number by which the log has it.
fn assert_internal(rest: &str) {
    let (condition, more) = stream_error(rest);
    assert_eq!(condition, "internal-server-error", "{rest}");
    let text = more.split_once('>').unwrap().1.split_once('>').unwrap().1;
    let id = text.strip_prefix("an error of the server, logged as ").unwrap().strip_suffix("</text>").unwrap();
    assert_eq!(id.len(), 8, "{text}");
    assert!(!rest.contains("on purpose"), "what panicked is nobody's business: {rest}");
}

#[test]
fn a_panic_while_routing_ends_the_sender_alone() {
    let server = server();
    let mut juliet = server.log_in("juliet@im.example/balcony");
    juliet.send("<presence/>");
    juliet.sync("available");
    for (account, to) in [
        ("romeo@im.example", "panic-at-once@im.example"),
        ("romeo@im.example", "panic-later@im.example"),
        // Then it is the end of the stream that panics too.
        ("panic-at-unregister@im.example", "panic-at-once@im.example"),
    ] {
        let mut romeo = server.log_in(&format!("{account}/orchard"));
        romeo.send("<message to='juliet@im.example/balcony'><body>before</body></message>");
        romeo.send(&format!("<message to='{to}'/>"));
        assert_internal(&romeo.rest());
        assert!(juliet.until("</message>").contains("before"));
        server.await_streams(1);
        assert_eq!(server.resources(account), 0, "{account}");
    }
    juliet.sync("still-here");
}

#[test]
fn a_panic_while_a_stream_ends_ends_nothing_else() {
    let server = server();
    let mut romeo = server.log_in("panic-at-unregister@im.example/orchard");
    romeo.send("</stream:stream>");
    assert_eq!(romeo.rest(), "</stream:stream>");
    server.await_streams(0);
    server.log_in("juliet@im.example/balcony").sync("others-come");
}

/// During negotiation: our header is sent once, however far it had come.
#[test]
fn a_panic_during_negotiation() {
    struct PanickingDomains;
    impl Domains for PanickingDomains {
        fn hosts(&self, domain: &DomainRef) -> bool {
            panic_at("panic", domain.as_str());
            true
        }
    }
    let server = Server::with(|setup| {
        setup.backend = Arc::new(Panicking(InMemory::new()));
        setup.policy.domains = Arc::new(PanickingDomains);
    });
    let mut client = Client::connect(server.address);
    client.send(&header("panic.example"));
    let rest = client.rest();
    assert!(rest.starts_with("<?xml version='1.0'?><stream:stream ") && rest.contains(" from=''"), "{rest}");
    assert_internal(&rest);

    server.add(&["panic-at-register@im.example"]);
    let mut client = Client::connect(server.address);
    client.open("im.example");
    assert_eq!(client.authenticate("panic-at-register", "secret"), None);
    client.open("im.example");
    client.send(&bind("orchard"));
    let rest = client.rest();
    assert!(rest.starts_with("<stream:error>"), "{rest}");
    assert_internal(&rest);
    server.await_streams(0);
}
