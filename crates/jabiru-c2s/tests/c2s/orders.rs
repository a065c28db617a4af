//! The end of streams by order: kick, drain, domains that go.

use std::time::Duration;

use jabiru_c2s::Transport;
use jabiru_stanza::{Jid, StreamCondition, StreamError};

use crate::client::{Client, header, stream_error};
use crate::server::{Server, domain, tls};

/// A bare JID stands for all streams of the account, a full one for itself.
#[test]
fn kick_ends_who_is_named_and_nobody_else() {
    let server = Server::start();
    let mut clients = ["romeo@im.example/orchard", "romeo@im.example/phone", "juliet@im.example/balcony"]
        .map(|jid| server.log_in(jid));
    let kick = |who: &str| {
        let error = StreamError::new(StreamCondition::Reset).with_text("by order");
        server.runtime.block_on(server.c2s.kick(&Jid::new(who).unwrap(), error))
    };
    for (who, count) in [
        ("nobody@im.example", 0),
        ("im.example", 0),
        ("romeo@im.example/elsewhere", 0),
        ("romeo@im.example/phone", 1),
        ("romeo@im.example", 1),
        ("romeo@im.example", 0),
    ] {
        assert_eq!(kick(who), count, "{who}");
        server.await_streams(match who {
            "romeo@im.example/phone" => 2,
            "romeo@im.example" => 1,
            _ => 3,
        });
    }
    for client in &mut clients[..2] {
        let (condition, text) =
            ("reset", "/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>by order</text>");
        let rest = client.rest();
        assert_eq!(stream_error(&rest), (condition, text));
    }
    clients[2].sync("still-here");
}

/// RFC 6120 §4.9.3.19: who is there and who still comes is sent elsewhere; the response header comes first (§4.9.1.2),
/// and not before the client's.
#[test]
fn draining_sends_everybody_elsewhere() {
    for (target, condition, content) in [
        (Some("[2001:db8::1]:9222"), "see-other-host", ">[2001:db8::1]:9222</see-other-host>"),
        (None, "system-shutdown", "/>"),
    ] {
        let server = Server::start();
        let mut there = server.log_in("romeo@im.example/orchard");
        let mut negotiating = Client::connect(server.address);
        negotiating.open("im.example");
        let mut silent = Client::connect(server.address);
        server.await_streams(3);
        server.c2s.drain(target.map(str::to_owned));
        for (client, has_header) in [(&mut there, true), (&mut negotiating, true), (&mut silent, false)] {
            let rest = client.rest();
            assert_eq!(rest.starts_with("<?xml version='1.0'?><stream:stream "), !has_header, "{rest}");
            assert_eq!(stream_error(&rest), (condition, content));
        }
        for (to, from) in [("other.example", "other.example"), ("unknown.example", "im.example")] {
            let mut late = Client::connect(server.address);
            late.send(&header(to));
            let rest = late.rest();
            assert!(rest.starts_with("<?xml version='1.0'?><stream:stream ") && rest.contains(" id='"), "{rest}");
            assert!(rest.contains(&format!(" from='{from}'")), "{rest}");
            assert!(!rest.contains("features"), "{rest}");
            assert_eq!(stream_error(&rest), (condition, content));
        }
    }
}

/// With direct TLS the handshake comes first, or else nothing could be said.
#[test]
fn draining_a_listener_with_direct_tls() {
    let (settings, certificate) = tls();
    let server = Server::with(|setup| setup.transport = Transport::DirectTls(settings));
    server.c2s.drain(Some("other.example".to_owned()));
    let mut client = Client::connect(server.address).start_tls(certificate, None);
    client.send(&header("im.example"));
    assert_eq!(stream_error(&client.rest()), ("see-other-host", ">other.example</see-other-host>"));
}

const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

/// RFC 6120 §4.9.3.19: what could be forged in clear is said under TLS; what was sent in clear behind `<starttls/>` is
/// nothing (§5.4.3.3). Who may do without TLS and does so is told in clear.
#[test]
fn draining_a_listener_with_starttls() {
    let expected = ("see-other-host", ">other.example</see-other-host>");
    for require_tls in [true, false] {
        let (settings, certificate) = tls();
        let server = Server::with(|setup| {
            setup.transport = Transport::StartTls(settings);
            setup.policy.starttls_available = true;
            setup.policy.require_tls = require_tls;
        });
        server.c2s.drain(Some("other.example".to_owned()));
        let mut client = Client::connect(server.address);
        let features = client.open("im.example");
        assert!(features.contains("<starttls") && !features.contains("error"), "{features}");
        client.send(&format!("{STARTTLS}{}", header("unknown.example")));
        client.until("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        let mut client = client.start_tls(certificate, None);
        client.send(&header("im.example"));
        let rest = client.rest();
        assert!(rest.contains(" from='im.example'") && !rest.contains("features"), "{rest}");
        assert_eq!(stream_error(&rest), expected);

        let mut client = Client::connect(server.address);
        client.open("im.example");
        let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHIAcA==</auth>";
        if require_tls {
            // As ever.
            client.send(auth);
            assert_eq!(client.outcome().as_deref(), Some("encryption-required"));
            client.send("<presence/>");
            assert_eq!(stream_error(&client.rest()).0, "not-authorized");
            // One that says nothing is not told where to go.
            assert_eq!(stream_error(&Client::connect(server.address).rest()).0, "connection-timeout");
        } else {
            client.send(auth);
            assert_eq!(stream_error(&client.rest()), expected);
        }
        server.await_streams(0);
    }
}

/// Nothing is gained by TLS for other errors, or where it is not offered.
#[test]
fn without_a_target_nobody_is_led_through_starttls() {
    for (available, target, expected) in
        [(true, None, "system-shutdown"), (false, Some("other.example"), "see-other-host")]
    {
        let server = Server::with(|setup| {
            setup.transport = Transport::StartTls(tls().0);
            setup.policy.starttls_available = available;
        });
        server.c2s.drain(target.map(str::to_owned));
        let mut client = Client::connect(server.address);
        client.send(&header("im.example"));
        let rest = client.rest();
        assert!(!rest.contains("features"), "{rest}");
        assert_eq!(stream_error(&rest).0, expected);
    }
}

/// The order that came last counts for who still comes; one that says nothing holds nobody up.
#[test]
fn shutting_down_after_draining() {
    let server = Server::start();
    server.c2s.drain(Some("other.example".to_owned()));
    let mut silent = Client::connect(server.address);
    server.await_streams(1);
    assert_eq!(
        server.runtime.block_on(server.c2s.shut_down(Duration::from_millis(100))),
        1,
        "it waits for the client's end"
    );
    assert_eq!(stream_error(&silent.rest()).0, "see-other-host");
    let mut late = Client::connect(server.address);
    late.send(&header("im.example"));
    assert_eq!(stream_error(&late.rest()).0, "system-shutdown");
}

/// RFC 6120 §4.9.3.5: streams of a domain that is served no more end, whatever state they are in.
#[test]
fn domains_that_go_take_their_streams_along() {
    let server = Server::start();
    let mut gone = server.log_in("romeo@other.example/orchard");
    let mut negotiating = Client::connect(server.address);
    negotiating.open("other.example");
    let mut stays = server.log_in("juliet@im.example/balcony");
    let removed = server.domains.replace([domain("im.example")]);
    assert_eq!(server.c2s.end_domains(&removed), 2);
    for client in [&mut gone, &mut negotiating] {
        assert_eq!(stream_error(&client.rest()).0, "host-gone");
    }
    stays.sync("still-here");
    let mut late = Client::connect(server.address);
    late.send(&header("other.example"));
    assert_eq!(stream_error(&late.rest()).0, "host-unknown");
}

/// A stream that was authenticated before its domain went can't bind after it.
#[test]
fn no_stream_slips_through_while_its_domain_goes() {
    let server = Server::start();
    server.add(&["romeo@other.example"]);
    let mut client = Client::connect(server.address);
    client.open("other.example");
    assert_eq!(client.authenticate("romeo", "secret"), None);
    let removed = server.domains.replace([domain("im.example")]);
    server.c2s.end_domains(&removed);
    // The order comes, or the header is refused: either way there is no stream.
    let rest = client.rest();
    assert_eq!(stream_error(&rest).0, "host-gone");
}
