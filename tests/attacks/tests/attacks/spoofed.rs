//! Ways to send as another server, once one is proven (incidents 19, 20, 29, 36).

use jabiru_attacks::peer::{BIDI, DIALBACK, attribute, element, features, header};
use jabiru_attacks::wire::auth;

use crate::federation::{EVIL, Federation, HONEST, message, shown_key};

/// Incident 29: a stanza is of a domain that was proven on its very stream, and for one that was asked for there
/// (RFC 6120 §8.1.1.2, §8.1.2.2); otherwise the stream ends, and nothing goes anywhere.
#[test]
fn senders_that_were_not_proven() {
    let mut federation = Federation::hosting("domains = [\"localhost\", \"other.example\"]\n", "", &[], "");
    let own = "romeo@evil.example/orchard";
    for (from, to, expected) in [
        ("romeo@honest.example/orchard", "juliet@localhost", "invalid-from"),
        ("honest.example", "juliet@localhost", "invalid-from"),
        ("romeo@sub.evil.example", "juliet@localhost", "invalid-from"),
        ("romeo@example", "juliet@localhost", "invalid-from"),
        ("romeo@evil.example.honest.example", "juliet@localhost", "invalid-from"),
        ("romeo@veryevil.example", "juliet@localhost", "invalid-from"),
        ("peter@localhost/street", "juliet@localhost", "invalid-from"),
        ("localhost", "juliet@localhost", "invalid-from"),
        ("juliet@other.example", "juliet@localhost", "invalid-from"),
        ("honest.example/evil.example", "juliet@localhost", "invalid-from"),
        ("evil.example@honest.example", "juliet@localhost", "invalid-from"),
        ("", "juliet@localhost", "improper-addressing"),
        ("@evil.example", "juliet@localhost", "improper-addressing"),
        ("romeo@evil.example\u{0}", "juliet@localhost", "not-well-formed"),
        ("romeo@evil.example@honest.example", "juliet@localhost", "improper-addressing"),
        (own, "", "improper-addressing"),
        (own, "juliet@", "improper-addressing"),
        // Not ours, or not asked for: we relay for nobody.
        (own, "romeo@honest.example", "host-unknown"),
        (own, "romeo@evil.example", "host-unknown"),
        (own, "juliet@sub.localhost", "host-unknown"),
        (own, "juliet@other.example", "host-unknown"),
    ] {
        for kind in ["message", "presence", "iq"] {
            let mut wire = federation.proven(EVIL);
            let stanza = match kind {
                "iq" => format!("<iq type='set' id='1' from='{from}' to='{to}'><query xmlns='jabber:iq:roster'/></iq>"),
                _ => format!("<{kind} from='{from}' to='{to}'/>"),
            };
            wire.send(stanza);
            assert_eq!(wire.ended(), expected, "{kind} from {from:?} to {to:?}");
        }
        federation.scene.nobody_noticed();
    }
    // Without the attributes at all, and with both in another namespace.
    for stanza in [
        "<message to='juliet@localhost'/>",
        "<message from='romeo@evil.example'/>",
        "<message xmlns:a='urn:a' a:from='romeo@evil.example' a:to='juliet@localhost'/>",
    ] {
        let mut wire = federation.proven(EVIL);
        wire.send(stanza);
        assert_eq!(wire.ended(), "improper-addressing", "{stanza}");
    }
    // Of a client's namespace, within a prefix, in a stream within the stream.
    for (stanza, expected) in [
        (format!("<message xmlns='jabber:client' from='{own}' to='juliet@localhost'/>"), "invalid-namespace"),
        (format!("<s:message xmlns:s='jabber:server' from='{own}' to='juliet@localhost'/>"), "bad-namespace-prefix"),
        (header(HONEST, "localhost", "").replace("<?xml version='1.0'?>", ""), "bad-format"),
    ] {
        let mut wire = federation.proven(EVIL);
        wire.send(&stanza);
        assert_eq!(wire.ended(), expected, "{stanza}");
        federation.scene.nobody_noticed();
    }
    let mut wire = federation.proven(EVIL);
    federation.arrives(&mut wire, EVIL);
    federation.scene.end();
}

/// Incident 29: a dot at the end of a domain makes no other domain of it, in either direction (RFC 7622 §3.2): not one that
/// is not blocked, not one that is not ours, not one that something else is required of.
#[test]
fn a_dot_at_the_end_of_a_domain() {
    let mut federation = Federation::new("block = [\"honest.example\"]\n", "");
    let mut wire = federation.proven(EVIL);
    for (from, expected) in [
        ("romeo@evil.example./orchard", "romeo@evil.example/orchard"),
        ("romeo@evil.example.", "romeo@evil.example"),
        ("evil.example./a.", "evil.example/a."),
    ] {
        wire.send(format!("<message from='{from}' to='juliet@localhost./balcony' type='chat'/>"));
        let message = federation.scene.juliet.receive_message();
        assert_eq!(message.attribute("from").as_deref(), Some(expected), "{message:?}");
        assert_eq!(message.attribute("to").as_deref(), Some("juliet@localhost/balcony"), "{message:?}");
    }
    wire.send(message("romeo@honest.example.", "juliet@localhost"));
    assert_eq!(wire.ended(), "invalid-from");
    federation.juliet_writes("honest.example.", "blocked");
    assert_eq!(federation.juliet_is_told("blocked"), "policy-violation");
    federation.scene.juliet.send("<message to='juliet@localhost.' id='own' type='chat'/>");
    let own = federation.scene.juliet.receive_message();
    assert_eq!(own.attribute("type").as_deref(), Some("chat"), "it is ours: {own:?}");
    federation.juliet_writes("evil.example.", "dotted");
    let mut wire = federation.evil.accept_established(&[], &[DIALBACK]);
    assert_eq!(attribute(&element(&mut wire, "message"), "to").as_deref(), Some("romeo@evil.example"));
    drop(wire);
    assert_eq!(federation.juliet_is_told("dotted"), "remote-server-timeout");
    federation.scene.end();
}

/// Incident 29: a stream that is proven for one domain carries another only once that is proven too, and is no worse for
/// its refusal (XEP-0220 §2.6).
#[test]
fn piggybacking() {
    let mut federation = Federation::by_dialback("");
    let mut wire = federation.proven(EVIL);
    wire.send(shown_key(HONEST, "localhost", "key"));
    // Under way is not proven.
    let mut asked = federation.honest.accept_secured("asked");
    asked.send(features(&[DIALBACK]));
    let request = element(&mut asked, "db:verify");
    let id = attribute(&request, "id").expect("an id");
    federation.arrives(&mut wire, EVIL);
    asked.send(format!("<db:verify from='{HONEST}' to='localhost' id='{id}' type='invalid'/>"));
    let answer = element(&mut wire, "db:result");
    assert!(answer.contains("<forbidden ") && attribute(&answer, "from").as_deref() == Some("localhost"), "{answer}");
    federation.arrives(&mut wire, EVIL);
    // Nor is it proven for another of our domains, nor for what is not ours.
    wire.send(shown_key(EVIL, HONEST, "key"));
    assert!(element(&mut wire, "db:result").contains("<item-not-found "));
    wire.send(shown_key("localhost", "localhost", "key"));
    assert!(element(&mut wire, "db:result").contains("<forbidden "));
    wire.send(message("romeo@honest.example", "juliet@localhost"));
    assert_eq!(wire.ended(), "invalid-from");
    // A message that comes along with the key is too early.
    let mut wire = federation.proven(EVIL);
    wire.send(shown_key(HONEST, "localhost", "key") + &message("romeo@honest.example", "juliet@localhost"));
    assert_eq!(wire.ended(), "invalid-from");
    federation.scene.end();
}

/// Incident 29, over streams that we opened: in both directions only if that was agreed, and then of their domain alone.
#[test]
fn streams_that_we_opened_have_one_direction() {
    let mut federation = Federation::new("", "");
    for (bidi, from, to, expected) in [
        (false, "romeo@evil.example", "juliet@localhost", "not-authorized"),
        (true, "romeo@honest.example", "juliet@localhost", "invalid-from"),
        (true, "peter@localhost", "juliet@localhost", "invalid-from"),
        (true, "romeo@evil.example", "romeo@honest.example", "host-unknown"),
        (true, "", "juliet@localhost", "improper-addressing"),
    ] {
        federation.juliet_writes(EVIL, "hello");
        let mut wire = federation.evil.accept_established(&[if bidi { BIDI } else { "" }], &[DIALBACK]);
        element(&mut wire, "message");
        wire.send(message(from, to));
        assert_eq!(wire.ended(), expected, "{bidi} {from} {to}");
        assert_eq!(federation.juliet_is_told("hello"), "remote-server-timeout");
        federation.scene.nobody_noticed();
    }
    federation.juliet_writes(EVIL, "hello");
    let mut wire = federation.evil.accept_established(&[BIDI], &[DIALBACK]);
    element(&mut wire, "message");
    federation.arrives(&mut wire, EVIL);
    drop(wire);
    assert_eq!(federation.juliet_is_told("hello"), "remote-server-timeout");
    federation.scene.end();
}

/// Incident 19: the two domains of a stream stay the same over all restarts, whatever was proven in between.
#[test]
fn the_domains_of_a_stream_stay() {
    let federation = Federation::hosting("domains = [\"localhost\", \"other.example\"]\n", "", &[], "");
    for (from, to, expected) in [
        (EVIL, "other.example", "not-authorized"),
        (HONEST, "localhost", "invalid-from"),
        ("sub.evil.example", "localhost", "invalid-from"),
        ("localhost", "localhost", "invalid-from"),
        ("other.example", "localhost", "invalid-from"),
        ("romeo@evil.example", "localhost", "invalid-from"),
        (EVIL, "nowhere.example", "host-unknown"),
        (EVIL, "", "host-unknown"),
        (EVIL, "juliet@localhost", "host-unknown"),
    ] {
        // After TLS.
        let shown = federation.shown(EVIL);
        let mut wire = federation.secured(EVIL, Some(&shown)).expect("the handshake succeeds");
        wire.send(header(from, to, ""));
        // Who a server is has not been proven before TLS, so that it may still say; the certificate has the last word.
        let unproven = [HONEST, "sub.evil.example"].contains(&from);
        assert_eq!(wire.ended(), if unproven { "not-authorized" } else { expected }, "{from} {to} after TLS");
        // After EXTERNAL.
        let mut wire = federation.secured(EVIL, Some(&shown)).expect("the handshake succeeds");
        wire.open(&header(EVIL, "localhost", ""));
        wire.send(auth("EXTERNAL", EVIL.as_bytes()));
        assert_eq!(wire.sasl_answer(), "success");
        wire.begin_anew();
        wire.send(header(from, to, ""));
        assert_eq!(wire.ended(), expected, "{from} {to} after EXTERNAL");
    }
    // A header that names nobody is of the one that was proven.
    let shown = federation.shown(EVIL);
    let mut federation = federation;
    let mut wire = federation.secured(EVIL, Some(&shown)).expect("the handshake succeeds");
    wire.open(&header(EVIL, "localhost", ""));
    wire.send(auth("EXTERNAL", b""));
    assert_eq!(wire.sasl_answer(), "success");
    wire.open(&header(EVIL, "localhost", "").replace("from='evil.example'", ""));
    federation.arrives(&mut wire, EVIL);
    // Whoever says to be us is nobody.
    for from in ["localhost", "other.example", "LOCALHOST", "localhost."] {
        let mut wire = jabiru_attacks::Wire::connect(federation.scene.server.s2s_starttls());
        wire.send(header(from, "localhost", ""));
        assert_eq!(wire.ended(), "invalid-from", "{from}");
    }
    federation.scene.end();
}

/// Incident 20: the authorization identity of EXTERNAL is the domain of the stream, or none (XEP-0178 §3), and other
/// mechanisms are no way around it.
#[test]
fn authorization_identities_of_servers() {
    let mut federation = Federation::new("", "");
    // A certificate of both domains: it is the stream that decides.
    let shown =
        crate::certificates::Shown::new(crate::federation::names(&[EVIL, HONEST]), Some(&federation.authority), vec![]);
    for (identity, expected) in [
        (&b""[..], "success"),
        (b"evil.example", "success"),
        (b"EVIL.example", "success"),
        (b"honest.example", "invalid-authzid"),
        (b"sub.evil.example", "invalid-authzid"),
        (b"localhost", "invalid-authzid"),
        (b"romeo@evil.example", "invalid-authzid"),
        (b"juliet@localhost", "invalid-authzid"),
        (b"evil.example/honest.example", "invalid-authzid"),
        (b"evil.example honest.example", "invalid-authzid"),
        (b"*", "invalid-authzid"),
        (b"evil.example\0honest.example", "malformed-request"),
        (b"\0honest.example\0", "malformed-request"),
        (b"\xff", "malformed-request"),
    ] {
        let mut wire = federation.secured(EVIL, Some(&shown)).expect("the handshake succeeds");
        let offered = wire.open(&header(EVIL, "localhost", ""));
        // Incident 16: nothing about channel bindings, and one mechanism.
        assert_eq!(offered.matches("<mechanism>").count(), 1, "{offered}");
        assert!(offered.contains("<mechanism>EXTERNAL</mechanism>") && !offered.contains("tls-unique"), "{offered}");
        wire.send(auth("EXTERNAL", identity));
        assert_eq!(wire.sasl_answer(), expected, "{}", identity.escape_ascii());
        if expected == "success" {
            wire.open(&header(EVIL, "localhost", ""));
            federation.arrives(&mut wire, EVIL);
            wire.send(message("romeo@honest.example", "juliet@localhost"));
            assert_eq!(wire.ended(), "invalid-from");
        } else {
            wire.send(message("romeo@evil.example", "juliet@localhost"));
            assert_eq!(wire.ended(), "not-authorized");
        }
    }
    // By no other mechanism, by none without a certificate, and not as often as one likes.
    let mechanisms = ["PLAIN", "ANONYMOUS", "SCRAM-SHA-1", "DIGEST-MD5", "EXTERNAL-PLUS", "external", ""];
    for (shown, refused) in [(Some(&shown), "invalid-mechanism"), (None, "invalid-mechanism")] {
        for mechanism in mechanisms.iter().copied().chain(shown.is_none().then_some("EXTERNAL")) {
            let mut wire = federation.secured(EVIL, shown).expect("the handshake succeeds");
            wire.open(&header(EVIL, "localhost", ""));
            wire.send(auth(mechanism, b"\0juliet\0pencil-7"));
            assert_eq!(wire.sasl_answer(), refused, "{mechanism}");
            for _ in 0..2 {
                wire.send(auth(mechanism, b"\0juliet\0pencil-7"));
                assert_eq!(wire.sasl_answer(), refused, "{mechanism}");
            }
            assert_eq!(wire.ended(), "policy-violation", "{mechanism}");
        }
    }
    federation.scene.end();
}

/// Incident 36: whether another server has what was sent to it is said by that server alone. Answers of others to the
/// questions that we put, be they letter by letter the right ones, confirm nothing.
#[test]
fn answers_of_the_wrong_server() {
    let mut federation = Federation::new("", "");
    federation.juliet_writes(HONEST, "awaited");
    let mut honest = federation.honest.accept_established(&[], &[DIALBACK]);
    element(&mut honest, "message");
    let ping = element(&mut honest, "iq");
    let id = attribute(&ping, "id").expect("an id");
    assert!(id.len() >= 16, "not to be guessed: {id}");
    // The attacker is given even the id.
    let mut evil = federation.proven(EVIL);
    for (from, to) in [(EVIL, "localhost"), ("romeo@evil.example", "localhost"), (EVIL, "juliet@localhost/balcony")] {
        let error = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
        for (kind, content) in [("result", ""), ("error", error)] {
            evil.send(format!("<iq type='{kind}' id='{id}' from='{from}' to='{to}'>{content}</iq>"));
        }
    }
    // To Juliet's own address they are answers to her, whatever she makes of them.
    for kind in ["result", "error"] {
        let answer = federation.scene.juliet.receive();
        assert_eq!(answer.attribute("type").as_deref(), Some(kind), "{answer:?}");
        assert_eq!(answer.attribute("from").as_deref(), Some(EVIL), "{answer:?}");
    }
    federation.arrives(&mut evil, EVIL);
    // As a request it is one more question, and is answered.
    evil.send(format!("<iq type='get' id='{id}' from='{EVIL}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"));
    let (mut forged, _) = federation.proven_to(EVIL, "localhost");
    forged.send(format!("<iq type='result' id='{id}' from='{HONEST}' to='localhost'/>"));
    assert_eq!(forged.ended(), "invalid-from");
    // Nobody has confirmed anything: Juliet is told when the stream ends.
    honest.send("</stream:stream>");
    assert_eq!(federation.juliet_is_told("awaited"), "remote-server-timeout");
    // While the right answer does.
    federation.juliet_writes(HONEST, "confirmed");
    let mut honest = federation.honest.accept_established(&[], &[DIALBACK]);
    element(&mut honest, "message");
    let ping = element(&mut honest, "iq");
    let id = attribute(&ping, "id").expect("an id");
    let mut confirming = federation.proven(HONEST);
    confirming.send(format!("<iq type='result' id='{id}' from='{HONEST}' to='localhost'/>"));
    federation.arrives(&mut confirming, HONEST);
    honest.send("</stream:stream>");
    assert_eq!(honest.ended(), "closed");
    federation.scene.end();
}
