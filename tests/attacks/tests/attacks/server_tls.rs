//! Ways around TLS between servers, in both directions (incidents 12 to 14).

use std::net::SocketAddr;
use std::time::Duration;

use jabiru_attacks::Wire;
use jabiru_attacks::peer::{self, BIDI, DIALBACK, EXTERNAL, Listening, PROCEED, STARTTLS, element, features, header};
use jabiru_attacks::wire::auth;

use crate::certificates::authority;
use crate::federation::{EVIL, Federation, HONEST, SECRET, message, of_domain, serving, shown_key};

/// Incident 12: what another server sends in clear behind `<starttls/>` is no part of the protected stream
/// (RFC 6120 §5.4.3.3).
#[test]
fn plaintext_behind_starttls_of_servers() {
    let mut federation = Federation::by_dialback("");
    let shown = federation.shown(EVIL);
    let own = header(HONEST, "localhost", "");
    for injected in [
        own.clone(),
        format!("{own}{}", shown_key(HONEST, "localhost", "key")),
        format!("{own}{}", auth("EXTERNAL", b"honest.example")),
        shown_key(HONEST, "localhost", "key"),
        message("romeo@honest.example", "juliet@localhost"),
        "<message to='".to_owned(),
        STARTTLS.to_owned(),
        "</stream:stream>".to_owned(),
    ] {
        let mut wire = federation.clear(EVIL);
        wire.send(format!("{STARTTLS}{injected}"));
        assert!(wire.hear(">").starts_with("<proceed "), "{}", wire.text());
        let mut wire = wire.start_tls(federation.connecting(Some(&shown))).expect("the handshake succeeds");
        wire.open(&header(EVIL, "localhost", ""));
        wire.send(auth("EXTERNAL", b""));
        assert_eq!(wire.sasl_answer(), "success", "{injected}");
        wire.open(&header(EVIL, "localhost", ""));
        federation.arrives(&mut wire, EVIL);
        wire.send(message("romeo@honest.example", "juliet@localhost"));
        assert_eq!(wire.ended(), "invalid-from", "{injected}");
    }
    assert!(federation.honest.accept_within(Duration::ZERO).is_none(), "nobody was asked about a key");
    federation.scene.end();
}

/// Incident 12 towards us: what comes in clear behind `<proceed/>`, in the same segment, is forgotten with the TLS
/// handshake.
#[test]
fn plaintext_behind_proceed() {
    let mut federation = Federation::by_dialback("");
    let honest_header = header(EVIL, "localhost", "id='injected'");
    for injected in [
        honest_header.clone(),
        format!("{honest_header}{}", features(&[DIALBACK])),
        format!("{honest_header}{}", features(&[EXTERNAL])),
        features(&[DIALBACK]),
        "<db:result from='evil.example' to='localhost' type='valid'/>".to_owned(),
        "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>".to_owned(),
        message("romeo@evil.example", "juliet@localhost"),
        "<message to='".to_owned(),
    ] {
        federation.juliet_writes(EVIL, "protected");
        let mut wire = federation.evil.accept_stream();
        wire.send(peer::STARTTLS_FEATURES);
        wire.hear(STARTTLS);
        wire.send(format!("{PROCEED}{injected}"));
        let mut wire = federation.evil.serve(wire).expect("the handshake succeeds");
        federation.evil.answer_header(&mut wire, "protected");
        // Nothing but the header yet: no key, no <auth/>, by features that came in clear.
        assert!(wire.is_silent_for(Duration::from_millis(30)), "{injected}: {}", wire.text());
        wire.send(features(&[DIALBACK]));
        let key = element(&mut wire, "db:result");
        assert!(!key.contains("type="), "{key}");
        wire.send("<db:result from='evil.example' to='localhost' type='valid'/>");
        assert!(element(&mut wire, "message").contains(SECRET));
        // In good order, and confirmed, so that nothing is left.
        let ping = element(&mut wire, "iq");
        let id = peer::attribute(&ping, "id").expect("an id");
        let mut confirming = federation.proven(EVIL);
        confirming.send(format!("<iq type='result' id='{id}' from='{EVIL}' to='localhost'/>"));
        federation.arrives(&mut confirming, EVIL);
        wire.send("</stream:stream>");
        assert_eq!(wire.ended(), "closed", "{injected}");
        federation.scene.nobody_noticed();
    }
    // More than fits in what is read at once is no TLS.
    federation.juliet_writes(EVIL, "protected");
    let mut wire = federation.evil.accept_stream();
    wire.send(peer::STARTTLS_FEATURES);
    wire.hear(STARTTLS);
    wire.send(format!("{PROCEED}{honest_header}{}{}", features(&[DIALBACK]), " ".repeat(60_000)));
    assert_eq!(wire.ended(), "cut");
    assert!(!wire.text().contains("db:result") && !wire.text().contains(SECRET), "{}", wire.text());
    assert_eq!(federation.juliet_is_told("protected"), "remote-server-timeout");
    federation.scene.end();
}

/// Incident 14: a server that offers no TLS, or refuses it, hears nothing of what was to be sent (RFC 6120 §13.8), whatever
/// else it offers; the sender is told.
#[test]
fn tls_that_is_taken_away() {
    for require in ["", "require = \"dialback\"\n"] {
        // Domains that are all at the attacker's place: after a failure nobody tries the same one for a while.
        let listener = Listening::new("any.example", serving(&of_domain("any.example", &authority("Nobody's"))));
        let names: Vec<String> = (0..20).map(|number| format!("d{number}.any.example")).collect();
        let elsewhere: Vec<(&str, SocketAddr)> = names.iter().map(|name| (&**name, listener.address())).collect();
        let mut federation =
            Federation::hosting("", require, &elsewhere, "[s2s.limits]\nnegotiation_timeout_seconds = 2\n");
        let mut names = names.iter();
        for (what, offered) in [
            ("nothing", "<stream:features/>".to_owned()),
            ("dialback", features(&[DIALBACK])),
            ("EXTERNAL", features(&[EXTERNAL])),
            ("all but TLS", features(&[EXTERNAL, DIALBACK, BIDI, peer::SM])),
            ("TLS by another name", features(&["<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls2'/>", DIALBACK])),
            (
                "compression",
                features(&[
                    "<compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression>",
                    DIALBACK,
                ]),
            ),
            ("success at once", peer::SUCCESS.to_owned()),
            ("proceed at once", PROCEED.to_owned()),
            ("valid at once", "<db:result from='evil.example' to='localhost' type='valid'/>".to_owned()),
            ("a refusal", String::new()),
            ("TLS, and then dialback", String::new()),
        ] {
            let name = names.next().expect("there are enough");
            federation.juliet_writes(name, what);
            let mut wire = listener.accept();
            wire.hear(&format!("to='{name}'"));
            wire.hear(">");
            wire.send(header(name, "localhost", "id='clear'"));
            match what {
                "a refusal" | "TLS, and then dialback" => {
                    wire.send(peer::STARTTLS_FEATURES);
                    wire.hear(STARTTLS);
                    wire.send(match what {
                        "a refusal" => "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>".to_owned(),
                        _ => format!(
                            "{}{}",
                            features(&[DIALBACK]),
                            "<db:result from='evil.example' to='localhost' type='valid'/>"
                        ),
                    });
                }
                _ => drop(wire.send(&offered)),
            }
            let ended = wire.ended();
            let heard = wire.text();
            assert!(
                !heard.contains(SECRET) && !heard.contains("db:result") && !heard.contains("<auth"),
                "{what}: {heard}"
            );
            assert!(
                ["closed", "bad-format", "unsupported-stanza-type", "not-authorized"].contains(&&*ended),
                "{what}: {ended}"
            );
            assert_eq!(federation.juliet_is_told(what), "remote-server-timeout", "{what}");
        }
        federation.scene.end();
    }
}

/// Incident 13, between servers: without TLS nothing is proven and nothing taken, and over TLS nothing without proof.
#[test]
fn nothing_of_servers_goes_without_tls() {
    let mut federation = Federation::by_dialback("");
    let policy = "<policy-violation ";
    for (xml, expected) in [
        (message("romeo@evil.example", "juliet@localhost"), "not-authorized"),
        ("<presence from='romeo@evil.example' to='juliet@localhost'/>".to_owned(), "not-authorized"),
        (
            "<iq type='get' id='p' from='evil.example' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>".to_owned(),
            "not-authorized",
        ),
        ("<bidi xmlns='urn:xmpp:bidi'/>".to_owned(), "not-authorized"),
        ("<enable xmlns='urn:xmpp:sm:3' resume='true'/>".to_owned(), "not-authorized"),
        (
            "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>".to_owned(),
            "not-authorized",
        ),
        (peer::SUCCESS.to_owned(), "not-authorized"),
        (features(&[DIALBACK]), "not-authorized"),
        ("<handshake xmlns='jabber:component:accept'>x</handshake>".to_owned(), "not-authorized"),
        (
            "<message xmlns='jabber:client' from='romeo@evil.example' to='juliet@localhost'/>".to_owned(),
            "invalid-namespace",
        ),
    ] {
        let (clear, proofless) = (federation.clear(EVIL), federation.uncertified(EVIL).0);
        for (mut wire, clear) in [(clear, true), (proofless, false)] {
            wire.send(&xml);
            // Beside proof, <bidi/> may be asked for, and SASL has failures of its own.
            if !clear && (xml.contains("urn:xmpp:bidi") || xml == peer::SUCCESS) {
                wire.send(message("romeo@evil.example", "juliet@localhost"));
            }
            assert_eq!(wire.ended(), expected, "{xml} {clear}");
        }
    }
    // What has answers of its own.
    let mut wire = federation.clear(EVIL);
    wire.send(shown_key(EVIL, "localhost", "key"));
    assert!(element(&mut wire, "db:result").contains(policy), "{}", wire.text());
    wire.send(format!("<db:verify from='{EVIL}' to='localhost' id='1'>key</db:verify>"));
    assert!(element(&mut wire, "db:verify").contains(policy), "{}", wire.text());
    wire.send(auth("EXTERNAL", b"evil.example"));
    assert_eq!(wire.sasl_answer(), "encryption-required");
    wire.send(message("romeo@evil.example", "juliet@localhost"));
    assert_eq!(wire.ended(), "not-authorized");
    assert!(federation.evil.accept_within(Duration::ZERO).is_none(), "nobody was asked about a key");
    // And what comes before the header.
    let mut wire = Wire::connect(federation.scene.server.s2s_starttls());
    wire.send(auth("EXTERNAL", b"evil.example"));
    assert_eq!(wire.ended(), "bad-format");
    federation.scene.nobody_noticed();
    federation.scene.end();
}

/// Incident 13: where one domain may go without TLS, all others may not.
#[test]
fn tls_is_required_of_all_others() {
    let mut federation = Federation::by_dialback("[[s2s.domain]]\nname = \"evil.example\"\nrequire_tls = false\n");
    let verify = |federation: &Federation, domain: &str| {
        let listening = if domain == EVIL { &federation.evil } else { &federation.honest };
        let mut asked = listening.accept_secured("asked");
        asked.send(features(&[DIALBACK]));
        let request = element(&mut asked, "db:verify");
        let id = peer::attribute(&request, "id").expect("an id");
        asked.send(format!("<db:verify from='{domain}' to='localhost' id='{id}' type='valid'/>"));
    };
    let mut wire = federation.clear(EVIL);
    wire.send(shown_key(EVIL, "localhost", "key"));
    verify(&federation, EVIL);
    assert!(element(&mut wire, "db:result").contains("type='valid'"));
    federation.arrives(&mut wire, EVIL);
    for mut wire in [federation.clear(HONEST), wire] {
        wire.send(shown_key(HONEST, "localhost", "key"));
        let answer = element(&mut wire, "db:result");
        assert!(answer.contains("<policy-violation "), "{answer}");
    }
    assert!(federation.honest.accept_within(Duration::ZERO).is_none(), "nobody was asked about a key");
    let (mut wire, _) = federation.uncertified(HONEST);
    wire.send(shown_key(HONEST, "localhost", "key"));
    verify(&federation, HONEST);
    assert!(element(&mut wire, "db:result").contains("type='valid'"));
    federation.arrives(&mut wire, HONEST);
    federation.scene.end();
}
