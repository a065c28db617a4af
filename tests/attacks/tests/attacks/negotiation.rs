//! Ways around TLS, authentication and binding (incidents 8, 12, 13, 19, 38).

use jabiru_attacks::wire::{auth, read, trusting};
use jabiru_attacks::witness::Piece;
use jabiru_attacks::{HEADER, Scene, Stage, Wire};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

/// Incident 12: what was sent in clear behind `<starttls/>` is never part of the protected stream
/// (RFC 6120 §5.4.3.3): it is thrown away if it came along, or else it is no TLS and ends the connection.
#[test]
fn plaintext_behind_starttls() {
    let mut scene = Scene::new("");
    let login = auth("PLAIN", b"\0mallory\0pencil-7");
    for injected in [
        format!("{HEADER}{login}"),
        format!("{login}{HEADER}<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"),
        format!("</stream:stream>{HEADER}{login}"),
        "<message to='juliet@localhost'><body>injected</body></message>".to_owned(),
        "<message to='".to_owned(),
        STARTTLS.to_owned(),
        "\0\u{fffe}".to_owned(),
    ] {
        let mut wire = scene.attacker(Stage::Clear);
        wire.send(format!("{STARTTLS}{injected}"));
        assert!(wire.hear(">").starts_with("<proceed "), "{}", wire.text());
        let mut wire = wire.start_tls(trusting(&scene.server.certificate())).expect("the handshake succeeds");
        assert!(wire.heard().is_empty(), "nothing has been answered: {}", wire.text());
        let features = wire.open(HEADER);
        assert!(features.contains("<mechanisms "), "the stream begins anew, nobody is authenticated: {features}");
        wire.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
        assert_eq!(wire.ended(), "not-authorized", "{injected}");
        scene.nobody_noticed();
    }
    // More than one read takes, and what comes after <proceed/>: what is left is no TLS.
    for late in [false, true] {
        let mut wire = scene.attacker(Stage::Clear);
        let injected = format!("{HEADER}{login}{}", " ".repeat(40_000));
        if late {
            wire.send(STARTTLS);
            wire.hear("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
            wire.send(injected);
        } else {
            wire.send(format!("{STARTTLS}{injected}"));
            wire.hear("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        }
        let said = wire.text();
        assert_eq!(wire.ended(), "cut");
        let more = &wire.heard()[said.len()..];
        // At most an alert: handshake or alert records of TLS, no XML.
        assert!(!more.contains(&b'<'), "{}", more.escape_ascii());
    }
    scene.end();
}

/// What belongs to a later stage, or to nothing here, and would be a way in if it worked.
fn ways_in() -> Vec<String> {
    let sasl = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";
    vec![
        format!("<response {sasl}>AG1hbGxvcnkAcGVuY2lsLTc=</response>"),
        format!("<success {sasl}/>"),
        "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>".to_owned(),
        "<iq type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>".to_owned(),
        "<iq type='set' id='a'><query xmlns='jabber:iq:auth'><username>mallory</username><password>pencil-7</password>\
         <resource>cell</resource></query></iq>"
            .to_owned(),
        "<iq type='set' id='r'><query xmlns='jabber:iq:register'><username>eve</username><password>eve</password>\
         </query></iq>"
            .to_owned(),
        "<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>".to_owned(),
        "<message from='mallory@localhost' to='juliet@localhost'><body>x</body></message>".to_owned(),
        "<presence from='mallory@localhost/cell' to='juliet@localhost'/>".to_owned(),
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AG1hbGxvcnkAcGVuY2lsLTc=\
         </initial-response></authenticate>"
            .to_owned(),
        "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>".to_owned(),
        "<enable xmlns='urn:xmpp:sm:3' resume='true'/>".to_owned(),
        "<resume xmlns='urn:xmpp:sm:3' h='0' previd='1'/>".to_owned(),
        "<db:result xmlns:db='jabber:server:dialback' from='localhost' to='localhost'>x</db:result>".to_owned(),
        "<db:verify xmlns:db='jabber:server:dialback' from='localhost' to='localhost' id='1' type='valid'/>".to_owned(),
        "<handshake xmlns='jabber:component:accept'>x</handshake>".to_owned(),
        "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>".to_owned(),
        "<stream:features/>".to_owned(),
        "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>".to_owned(),
        "<message xmlns='jabber:server' from='mallory@localhost' to='juliet@localhost'/>".to_owned(),
    ]
}

/// Who closes its stream with an error is not answered with one: the stream is just closed (RFC 6120 §4.9.1.1).
fn is_stream_error(way: &str) -> bool {
    way.starts_with("<stream:error>")
}

/// The defined condition for what comes too early: §4.9.3.12, unless it is in the namespace of another kind of
/// stream (§4.9.3.10).
fn refused_as(way: &str) -> &'static str {
    if way.starts_with("<message xmlns='jabber:server'") { "invalid-namespace" } else { "not-authorized" }
}

/// Incident 13: without TLS there is no way to authenticate, nor to do anything else but begin TLS
/// (RFC 6120 §5.3.1, §4.9.3.12).
#[test]
fn nothing_goes_without_tls() {
    let mut scene = Scene::new("");
    for way in ways_in() {
        let mut wire = scene.attacker(Stage::Clear);
        wire.send(&way);
        let expected = if is_stream_error(&way) { "closed" } else { refused_as(&way) };
        assert_eq!(wire.ended(), expected, "{way}");
        scene.nobody_noticed();
    }
    let message = b"\0mallory\0pencil-7";
    let mut wire = scene.attacker(Stage::Clear);
    // §6.5.4, or §6.5.7 where TLS would not bring it either; and after as many attempts as are allowed, the end
    // (§6.4.5).
    for (mechanism, refused) in [
        ("PLAIN", "encryption-required"),
        ("SCRAM-SHA-1", "encryption-required"),
        ("SCRAM-SHA-256-PLUS", "encryption-required"),
        ("EXTERNAL", "invalid-mechanism"),
        ("ANONYMOUS", "invalid-mechanism"),
    ] {
        wire.send(auth(mechanism, message));
        assert_eq!(wire.sasl_answer(), refused, "{mechanism}");
    }
    assert_eq!(wire.ended(), "policy-violation");
    // A second header begins no new stream, and no element whose end might be waited for.
    let mut wire = scene.attacker(Stage::Clear);
    wire.send(HEADER.replace("<?xml version='1.0'?>", ""));
    assert_eq!(wire.ended(), "bad-format");
    // What comes before the header is nothing.
    let mut wire = scene.attacker(Stage::Connected);
    wire.send(auth("PLAIN", message));
    assert_eq!(wire.ended(), "bad-format");
    // §5.4.2.2: a malformed command ends the stream.
    for command in [STARTTLS.replace("/>", "><required/></starttls>"), STARTTLS.replace("/>", ">x</starttls>")] {
        let mut wire = scene.attacker(Stage::Clear);
        wire.send(command);
        assert_eq!(wire.ended(), "closed");
        assert!(wire.text().contains("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"), "{}", wire.text());
    }
    scene.end();
}

/// Incident 13, one and two stages later: nothing is skipped (RFC 6120 §6.3.1, §7.1).
#[test]
fn no_stage_is_skipped() {
    let mut scene = Scene::new("");
    for stage in [Stage::Protected, Stage::Authenticated] {
        for way in ways_in() {
            let sasl = way.contains("xmpp-sasl'");
            let bind = way.contains("xmpp-bind'");
            if stage == Stage::Authenticated && bind {
                continue;
            }
            let mut wire = scene.attacker(stage);
            wire.send(&way);
            if stage == Stage::Protected && sasl {
                // Out of turn, but of SASL: a failed attempt, and the stream goes on.
                assert_eq!(wire.sasl_answer(), "malformed-request", "{way}");
                wire.send("</stream:stream>");
                assert_eq!(wire.ended(), "closed", "{way}");
            } else {
                let expected = if is_stream_error(&way) { "closed" } else { refused_as(&way) };
                assert_eq!(wire.ended(), expected, "{way} {stage:?}");
            }
            scene.nobody_noticed();
        }
        // TLS within TLS.
        let mut wire = scene.attacker(stage);
        wire.send(STARTTLS);
        assert_eq!(wire.ended(), "closed");
        assert!(wire.text().contains("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"), "{}", wire.text());
    }
    // RFC 6120 §6.4.6: authenticated is authenticated.
    let mut wire = scene.attacker(Stage::Authenticated);
    wire.send(auth("PLAIN", b"\0juliet\0pencil-7"));
    assert_eq!(wire.ended(), "not-authorized");
    scene.end();
}

/// Incidents 8 and 38: compression and stream management are neither offered nor taken at any stage.
#[test]
fn what_is_not_offered_is_not_taken() {
    let mut scene = Scene::new("");
    let [compress, enable, resume] = [
        "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>",
        "<enable xmlns='urn:xmpp:sm:3' resume='true'/>",
        "<resume xmlns='urn:xmpp:sm:3' h='4294967295' previd='1'/>",
    ];
    for (stage, expected) in [
        (Stage::Clear, "not-authorized"),
        (Stage::Protected, "not-authorized"),
        (Stage::Authenticated, "not-authorized"),
        (Stage::Bound, "unsupported-stanza-type"),
    ] {
        for element in [compress, enable, resume, "<r xmlns='urn:xmpp:sm:3'/>", "<a xmlns='urn:xmpp:sm:3' h='9'/>"] {
            let mut wire = scene.attacker(stage);
            wire.send(element);
            assert_eq!(wire.ended(), expected, "{element} {stage:?}");
            let stream = read(wire.heard());
            let Some(Piece::Element(features)) = stream.content.first() else { panic!("no features: {stream:?}") };
            assert_eq!(features.name, "features");
            for feature in &features.content {
                let Piece::Element(feature) = feature else { panic!("text in {features:?}") };
                let known = ["starttls", "mechanisms", "sasl-channel-binding", "bind", "session"];
                assert!(known.contains(&feature.name.as_str()), "a new feature needs its attacks here: {feature:?}");
            }
        }
    }
    scene.nobody_noticed();
    scene.end();
}

/// Incident 19: the domain that a stream is for stays the same over all restarts, and is the one that the
/// certificate was shown for.
#[test]
fn the_domain_of_a_stream_stays() {
    let mut scene = Scene::new("domains = [\"localhost\", \"other.example\"]\n[c2s]\n");
    let other = HEADER.replace("'localhost'", "'other.example'");
    let nowhere = HEADER.replace("to='localhost'", "");
    // After STARTTLS, with a certificate for localhost.
    for (first, second, what) in [
        (HEADER, other.as_str(), "another domain than before TLS"),
        (&other, HEADER, "the domain of the certificate, but not of the first header"),
        (&other, &other, "another domain than that of the certificate"),
    ] {
        let mut wire = scene.attacker(Stage::Connected);
        wire.open(first);
        wire.send(STARTTLS);
        wire.hear("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        let mut wire = wire.start_tls(trusting(&scene.server.certificate())).expect("the handshake succeeds");
        wire.send(second);
        assert_eq!(wire.ended(), "not-authorized", "{what}");
        scene.nobody_noticed();
    }
    // With direct TLS, and after SASL.
    let mut wire = Wire::direct_tls(&scene.server);
    wire.send(&other);
    assert_eq!(wire.ended(), "not-authorized");
    for (header, expected) in [
        (other.as_str(), "not-authorized"),
        (&HEADER.replace("'localhost'", "'localhost.example'"), "host-unknown"),
        (&HEADER.replace("'localhost'", "''"), "host-unknown"),
        (&HEADER.replace("'localhost'", "'mallory@localhost'"), "host-unknown"),
        (&HEADER.replace("to=", "from='juliet@localhost' to="), "invalid-from"),
        (&HEADER.replace("to=", "from='mallory@other.example' to="), "invalid-from"),
    ] {
        let mut wire = Wire::direct_tls(&scene.server);
        wire.authenticated("mallory", "pencil-7");
        wire.send(header);
        assert_eq!(wire.ended(), expected, "{header}");
        scene.nobody_noticed();
    }
    // The same domain, otherwise written, or understood.
    for header in [&HEADER.replace("'localhost'", "'LOCALHOST'"), &nowhere] {
        let mut wire = Wire::direct_tls(&scene.server);
        wire.authenticated("mallory", "pencil-7");
        let features = wire.open(header);
        assert!(features.contains("from='localhost'") && features.contains("<bind "), "{features}");
    }
    // An account is of one domain: its name and password are nobody's on a stream to another one.
    let certificate = std::fs::read(scene.server.folder().join("jabiru-data/certificates/other.example.crt"));
    let certificate = CertificateDer::from_pem_slice(&certificate.expect("the server has made it")).expect("PEM");
    for name in ["mallory", "mallory@localhost", "mallory@other.example"] {
        let mut wire = Wire::connect(scene.server.direct_tls())
            .start_tls_with("other.example", trusting(&certificate))
            .expect("the handshake succeeds");
        wire.open(&other);
        assert_eq!(wire.plain(format!("\0{name}\0pencil-7").as_bytes()), "not-authorized", "{name}");
    }
    scene.end();
}
