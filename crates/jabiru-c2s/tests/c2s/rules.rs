//! What an established stream does with what comes (RFC 6120 §4, §7, §8).

use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use jabiru_router::{
    Account, Change, Eventually, InMemory, OnConflict, Presence, Refused, RegisterError, Registration, Resource,
    ResourceId, ResourceSink, RoutingBackend, Snapshot,
};
use jabiru_stanza::{FullJid, Jid, Stanza, StreamCondition, StreamError};

use crate::client::{Client, bind, header, stream_error};
use crate::server::Server;

/// §4.9.3: what ends the stream, and with what.
#[test]
fn what_ends_a_stream() {
    let server = Server::start();
    for (sent, condition) in [
        ("<note/>", "unsupported-stanza-type"),
        ("<note xmlns='urn:x'/>", "unsupported-stanza-type"),
        ("<message xmlns='urn:x'/>", "unsupported-stanza-type"),
        ("<message xmlns='jabber:server'/>", "invalid-namespace"),
        ("<stream:features/>", "unsupported-stanza-type"),
        ("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>", "unsupported-stanza-type"),
        ("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "unsupported-stanza-type"),
        ("<x:message xmlns:x='jabber:client'/>", "bad-namespace-prefix"),
        ("<x:message xmlns:x='jabber:client' to='@'/>", "bad-namespace-prefix"),
        ("<x:note xmlns:x='urn:x'/>", "unsupported-stanza-type"),
        ("<message></presence>", "not-well-formed"),
        ("<x:message/>", "not-well-formed"),
        ("<message><!-- --></message>", "restricted-xml"),
        ("text", "bad-format"),
        // A second header, as for a restart that nobody asked for: no XML has two declarations.
        (&header("im.example"), "restricted-xml"),
        // Without one it is no element whose end would be waited for.
        (header("im.example").strip_prefix("<?xml version='1.0'?>").unwrap(), "bad-format"),
    ] {
        let mut client = server.log_in("juliet@im.example/balcony");
        client.send(sent);
        let rest = client.rest();
        assert_eq!(stream_error(&rest).0, condition, "{sent}");
    }
}

/// §4.9.1.1: the client's own stream error is answered with the end, and with nothing else.
#[test]
fn an_error_of_the_client_ends_the_stream() {
    let server = Server::start();
    let mut client = server.log_in("juliet@im.example/balcony");
    client.send("<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error><presence/>");
    assert_eq!(client.rest(), "</stream:stream>");
}

/// §4.4, §4.5: the client's direction is closed, be it with its tag or with its half of the connection; what is for it
/// still comes, then the other half is closed too.
#[test]
fn a_direction_that_is_closed() {
    let server = Server::start();
    let requests = "<iq type='get' id='x'><sync xmlns='urn:test'/></iq>".repeat(100);
    for end in ["</stream:stream>", ""] {
        let mut client = server.log_in("juliet@im.example/balcony");
        client.send(&format!("{requests}{end}"));
        if end.is_empty() {
            client.socket.shutdown(Shutdown::Write).unwrap();
        }
        let rest = client.rest();
        assert_eq!(rest.matches("</iq>").count(), 100, "{end}");
        assert!(rest.ends_with("</stream:stream>") && !rest.contains("stream:error"), "{rest}");
        drop(client);
        server.await_streams(0);
    }
}

/// After the server has closed a stream nothing that comes is processed, and a client that does not close its half is
/// not waited for longer than the closing time-out (§4.4).
#[test]
fn nothing_is_processed_after_the_end() {
    let server = Server::with(|setup| setup.settings.closing_timeout = Duration::from_millis(300));
    let mut juliet = server.log_in("juliet@im.example/balcony");
    let mut romeo = server.log_in("romeo@im.example/orchard");
    let who = Jid::new("romeo@im.example").unwrap();
    server.runtime.block_on(server.c2s.kick(&who, StreamCondition::Reset.into()));
    romeo.until("</stream:stream>");
    romeo.send("<message to='juliet@im.example/balcony'><body>too late</body></message>");
    server.await_streams(1);
    let mut mercutio = server.log_in("mercutio@im.example/street");
    mercutio.send("<message to='juliet@im.example/balcony'><body>in time</body></message>");
    assert!(!juliet.until("in time").contains("too late"));
}

/// What is in a stanza must declare its namespaces itself: those of the header would be lost on the way (§4.8.5).
#[test]
fn namespaces_of_the_header_in_a_stanza() {
    let server = Server::start();
    let mut client = server.log_in("juliet@im.example/balcony");
    client.send("<message><x xmlns:stream='urn:mine'><stream:y/></x></message>");
    client.sync("own-declaration");
    client.send("<message><stream:x/></message>");
    assert!(client.until("</stream:stream>").contains("<invalid-namespace "));
}

/// A stream has one resource (§7.1).
#[test]
fn a_second_request_to_bind() {
    let server = Server::start();
    let mut client = server.log_in("juliet@im.example/balcony");
    client.send(&bind("another"));
    let answer = client.until("</iq>");
    for part in ["id='b'", "type='error'", "<not-allowed "] {
        assert!(answer.contains(part), "{answer}");
    }
    client.sync("still-here");
    assert_eq!(server.resources("juliet@im.example"), 1);
}

/// §8.1.2.1: whatever a client says it is, the server says who it is; §8.1.5: the stream's language is added, and only
/// where there is none.
#[test]
fn from_and_language_are_stamped() {
    let server = Server::start();
    let mut juliet = server.log_in("juliet@im.example/balcony");
    server.add(&["romeo@im.example"]);
    let mut romeo = Client::connect(server.address);
    let header = header("im.example").replace(" to=", " xml:lang='de-CH' to=");
    romeo.send(&header);
    romeo.until("</stream:features>");
    assert_eq!(romeo.authenticate("romeo", "secret"), None);
    romeo.send(&header);
    romeo.until("</stream:features>");
    romeo.send(&bind("orchard"));
    romeo.until("</iq>");
    for (from, lang, expected) in [
        ("", "", "xml:lang='de-CH'"),
        ("from='romeo@im.example/orchard'", "xml:lang='it'", "xml:lang='it'"),
        ("from='romeo@im.example'", "", "xml:lang='de-CH'"),
        ("from='romeo@im.example/elsewhere'", "", "xml:lang='de-CH'"),
        ("from='tybalt@im.example/street'", "", "xml:lang='de-CH'"),
        ("from='im.example'", "", "xml:lang='de-CH'"),
        ("from='@@@'", "", "xml:lang='de-CH'"),
    ] {
        romeo.send(&format!("<message {from} {lang} to='juliet@im.example/balcony'><body>b</body></message>"));
        let message = juliet.until("</message>");
        assert_eq!(message.matches(" from='").count(), 1, "{message}");
        assert!(message.contains(" from='romeo@im.example/orchard'"), "{message}");
        assert_eq!(message.matches("xml:lang=").count(), 1, "{message}");
        assert!(message.contains(expected), "{message}");
    }
}

/// §4.9.3.15: a routing backend that is away.
#[test]
fn a_backend_that_is_away() {
    struct Away(InMemory);
    impl RoutingBackend for Away {
        fn register(
            &self,
            _: &FullJid,
            _: Arc<dyn ResourceSink>,
            _: OnConflict,
            _: usize,
        ) -> Eventually<Result<Registration, RegisterError>> {
            Eventually::Now(Err(RegisterError::Unavailable))
        }
        fn unregister(&self, jid: &FullJid, id: ResourceId) -> Eventually<Option<Change>> {
            self.0.unregister(jid, id)
        }
        fn set_presence(
            &self,
            jid: &FullJid,
            id: ResourceId,
            presence: Option<Presence>,
        ) -> Eventually<Option<Change>> {
            self.0.set_presence(jid, id, presence)
        }
        fn snapshot(&self, account: Account<'_>) -> Eventually<Snapshot> {
            self.0.snapshot(account)
        }
        fn deliver(&self, resource: &Resource, stanza: &Stanza) -> Eventually<Result<(), Refused>> {
            self.0.deliver(resource, stanza)
        }
        fn close_account(&self, account: Account<'_>, error: &StreamError) -> Eventually<Snapshot> {
            self.0.close_account(account, error)
        }
    }
    let server = Server::with(|setup| setup.backend = Arc::new(Away(InMemory::new())));
    server.add(&["juliet@im.example"]);
    let mut client = Client::connect(server.address);
    client.open("im.example");
    assert_eq!(client.authenticate("juliet", "secret"), None);
    client.open("im.example");
    client.send(&bind("balcony"));
    assert_eq!(stream_error(&client.rest()).0, "remote-connection-failed");
}
