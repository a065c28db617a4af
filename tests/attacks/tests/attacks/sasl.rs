//! Ways to be somebody else, or to learn who exists (incidents 16, 17, 20, 21, 23, 24, 25, 37, 40).

use std::collections::BTreeSet;

use jabiru_attacks::scene::{MALLORY, PASSWORD};
use jabiru_attacks::scram::{Attempt, Challenge};
use jabiru_attacks::wire::{auth, trusting, trusting_with};
use jabiru_attacks::{HEADER, Scene, Stage, Wire, relay};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use sha2::{Digest, Sha256};

const SCRAM: Attempt<'static> =
    Attempt { mechanism: "SCRAM-SHA-256", gs2: "n,,", binding: b"", user: MALLORY, password: PASSWORD };
const PLUS: Attempt<'static> = Attempt { mechanism: "SCRAM-SHA-256-PLUS", ..SCRAM };

/// As whom the stream is authenticated: the address that it gets bound.
fn whoami(wire: &mut Wire) -> String {
    wire.open(HEADER);
    wire.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    let answer = wire.hear("</iq>");
    let jid = answer.split("<jid>").nth(1).and_then(|rest| rest.split("</jid>").next());
    jid.unwrap_or_else(|| panic!("no address: {answer}")).to_owned()
}

fn exporter(wire: &Wire) -> Vec<u8> {
    let label = b"EXPORTER-Channel-Binding";
    wire.session().export_keying_material(vec![0; 32], label, Some(&[])).expect("keying material")
}

/// Incident 20: nobody acts for another account (RFC 6120 §6.3.8), however the identities are written; and a
/// message of PLAIN has exactly three parts (RFC 4616 §2).
#[test]
fn authorization_identity_with_plain() {
    let mut scene = Scene::new("");
    for (message, expected) in [
        ("\0mallory\0pencil-7", "success"),
        ("mallory@localhost\0mallory\0pencil-7", "success"),
        ("MALLORY@LOCALHOST\0Mallory\0pencil-7", "success"),
        ("mallory@localhost\0mallory@localhost\0pencil-7", "success"),
        ("\0\u{ff4d}allory\0pencil-7", "success"),
        ("juliet@localhost\0mallory\0pencil-7", "invalid-authzid"),
        ("JULIET@localhost\0mallory\0pencil-7", "invalid-authzid"),
        ("juliet\0mallory\0pencil-7", "invalid-authzid"),
        ("mallory\0mallory\0pencil-7", "invalid-authzid"),
        ("localhost\0mallory\0pencil-7", "invalid-authzid"),
        ("@localhost\0mallory\0pencil-7", "invalid-authzid"),
        ("mallory@other.example\0mallory\0pencil-7", "invalid-authzid"),
        ("mallory@localhost/cell\0mallory\0pencil-7", "invalid-authzid"),
        ("mallory@localhost@localhost\0mallory\0pencil-7", "invalid-authzid"),
        (" \0mallory\0pencil-7", "invalid-authzid"),
        ("dn:cn=juliet\0mallory\0pencil-7", "invalid-authzid"),
        ("\0juliet@localhost/balcony\0pencil-7", "not-authorized"),
        ("\0juliet@other.example\0pencil-7", "not-authorized"),
        ("\0@localhost\0pencil-7", "not-authorized"),
        ("\0localhost\0pencil-7", "not-authorized"),
        ("\0juliet@localhost@localhost\0pencil-7", "not-authorized"),
        ("\0\u{202e}mallory\0pencil-7", "not-authorized"),
        ("", "malformed-request"),
        ("\0", "malformed-request"),
        ("\0\0", "malformed-request"),
        ("\0\0pencil-7", "malformed-request"),
        ("\0mallory\0", "malformed-request"),
        ("mallory\0pencil-7", "malformed-request"),
        ("\0mallory\0pencil-7\0", "malformed-request"),
        ("\0juliet\0mallory\0pencil-7", "malformed-request"),
        ("\0mallory\0pencil-7\0juliet", "malformed-request"),
        ("juliet@localhost\0\0pencil-7", "malformed-request"),
    ] {
        let mut wire = scene.attacker(Stage::Protected);
        let answer = wire.plain(message.as_bytes());
        assert_eq!(answer, expected, "{message:?}");
        if expected == "success" {
            assert!(whoami(&mut wire).starts_with("mallory@localhost/"), "{message:?}");
        }
    }
    // The stream header claims somebody else (§6.4.6); before TLS it is not listened to (§4.7.1).
    let mut wire = Wire::direct_tls(&scene.server);
    wire.open(&HEADER.replace("to=", "from='juliet@localhost' to="));
    wire.send(auth("PLAIN", b"\0mallory\0pencil-7"));
    assert_eq!(wire.ended(), "invalid-from");
    scene.nobody_noticed();
    scene.end();
}

/// Incident 20 with SCRAM, where the identity stands in the GS2 header (RFC 5802 §7).
#[test]
fn authorization_identity_with_scram() {
    let scene = Scene::new("");
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-1", "SCRAM-SHA-256-PLUS"] {
        let plus = mechanism.ends_with("-PLUS");
        for (authzid, user, expected) in [
            ("", "mallory", "success"),
            ("a=mallory@localhost", "mallory", "success"),
            ("a=Mallory@LOCALHOST", "MALLORY@localhost", "success"),
            ("a=juliet@localhost", "mallory", "invalid-authzid"),
            ("a=juliet", "mallory", "invalid-authzid"),
            ("a=mallory", "mallory", "invalid-authzid"),
            ("a=mallory@localhost/cell", "mallory", "invalid-authzid"),
            ("a=mallory@other.example", "mallory", "invalid-authzid"),
            ("a=", "mallory", "invalid-authzid"),
            ("a=juliet=40localhost", "mallory", "invalid-authzid"),
            ("juliet@localhost", "mallory", "malformed-request"),
            ("", "", "malformed-request"),
            ("", "mallory,n=juliet", "malformed-request"),
            ("", "mallory,a=juliet@localhost", "malformed-request"),
            ("", "mallory=00", "malformed-request"),
            ("", "mallory\0juliet", "malformed-request"),
            ("", "juliet@other.example", "not-authorized"),
        ] {
            let mut wire = scene.attacker(Stage::Protected);
            let binding = if plus { exporter(&wire) } else { Vec::new() };
            let gs2 = format!("{},{authzid},", if plus { "p=tls-exporter" } else { "n" });
            let attempt = Attempt { mechanism, gs2: &gs2, binding: &binding, user, password: PASSWORD };
            assert_eq!(attempt.run(&mut wire), expected, "{mechanism} {authzid:?} {user:?}");
            if expected == "success" {
                assert!(whoami(&mut wire).starts_with("mallory@localhost/"), "{mechanism} {authzid:?} {user:?}");
            }
        }
    }
    scene.end();
}

/// Incident 21: what is not offered is not there, whatever it is called.
#[test]
fn mechanisms_that_are_not_offered() {
    let default = "";
    let narrow = "[c2s]\nmechanisms = [\"SCRAM-SHA-256-PLUS\", \"SCRAM-SHA-256\"]\n";
    for configuration in [default, narrow] {
        let scene = Scene::new(configuration);
        let mut mechanisms: Vec<&str> = vec![
            "ANONYMOUS",
            "EXTERNAL",
            "DIGEST-MD5",
            "CRAM-MD5",
            "LOGIN",
            "OTP",
            "GSSAPI",
            "GSS-SPNEGO",
            "GS2-KRB5-PLUS",
            "NTLM",
            "KERBEROS_V4",
            "SECURID",
            "SKEY",
            "X-OAUTH2",
            "OAUTHBEARER",
            "XOAUTH",
            "XOAUTH2",
            "X-FACEBOOK-PLATFORM",
            "X-TOKEN",
            "X-GOOGLE-TOKEN",
            "HT-SHA-256-NONE",
            "HT-SHA-256-EXPR",
            "HT-SHA-256-UNIQ",
            "SAML20",
            "OPENID20",
            "SCRAM-MD5",
            "SCRAM-SHA-224",
            "SCRAM-SHA-384",
            "SCRAM-SHA3-512",
            "SCRAM-SHA-1-PLUS-PLUS",
            "plain",
            "Plain",
            " PLAIN",
            "PLAIN ",
            "PLAIN\0",
            "scram-sha-1",
            "scram-sha-256",
            "SCRAM-SHA-256 ",
            "",
            "*",
            "-",
            "..",
        ];
        if configuration == narrow {
            mechanisms.extend(["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-512", "SCRAM-SHA-512-PLUS"]);
        }
        for mechanism in mechanisms {
            // A NUL can't stand in XML at all.
            if mechanism.contains('\0') {
                continue;
            }
            let messages = [&b"\0mallory\0pencil-7"[..], b"n,,n=mallory,r=abc", b"mallory@localhost", b""];
            for message in messages {
                let mut wire = scene.attacker(Stage::Protected);
                let features = wire.text();
                assert!(!features.contains(&format!(">{mechanism}<")) || mechanism.is_empty(), "{features}");
                // §6.5.9: left out because the enabled ones prove more.
                let weak = configuration == narrow && ["PLAIN", "SCRAM-SHA-1"].contains(&mechanism);
                let refused = if weak { "mechanism-too-weak" } else { "invalid-mechanism" };
                wire.send(auth(mechanism, message));
                assert_eq!(wire.sasl_answer(), refused, "{mechanism:?}");
                // Nor by insisting, nor without an initial response.
                wire.send("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>AG1hbGxvcnkAcGVuY2lsLTc=</response>");
                assert_eq!(wire.sasl_answer(), "malformed-request", "{mechanism:?}");
                wire.send(format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{mechanism}'/>"));
                assert_eq!(wire.sasl_answer(), refused, "{mechanism:?}");
                if configuration == narrow || mechanism != "ANONYMOUS" {
                    break;
                }
            }
        }
        // Without the attribute, and with it in a namespace.
        for attribute in ["", "xmlns:x='urn:x' x:mechanism='PLAIN'"] {
            let mut wire = scene.attacker(Stage::Protected);
            wire.send(format!(
                "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' {attribute}>AG1hbGxvcnkAcGVuY2lsLTc=</auth>"
            ));
            assert_eq!(wire.sasl_answer(), "invalid-mechanism", "{attribute:?}");
        }
        scene.end();
    }
}

/// Incident 16: with TLS 1.3 the bindings are tls-exporter and tls-server-end-point; with TLS 1.2, where it can't
/// be known whether another is safe, the latter alone; tls-unique never (RFC 9266 §1, XEP-0440).
#[test]
fn channel_bindings_on_offer() {
    let scene = Scene::new("");
    let certificate = scene.server.certificate();
    let end_point = Sha256::digest(&certificate).to_vec();
    for (version, offered) in [
        (&rustls::version::TLS13, &["tls-exporter", "tls-server-end-point"][..]),
        (&rustls::version::TLS12, &["tls-server-end-point"]),
    ] {
        let connect = || {
            let config = trusting_with(&certificate, &[version]);
            let mut wire = Wire::connect(scene.server.direct_tls()).start_tls(config).expect("the handshake succeeds");
            let features = wire.open(HEADER);
            let found: Vec<&str> = features
                .split("<channel-binding type='")
                .skip(1)
                .map(|rest| rest.split('\'').next().unwrap_or_default())
                .collect();
            assert_eq!(found, offered, "{version:?}");
            wire
        };
        for kind in ["tls-exporter", "tls-server-end-point", "tls-unique", "tls-unique-for-telnet", "TLS-EXPORTER", "x"]
        {
            let mut wire = connect();
            let binding = if kind == "tls-server-end-point" { end_point.clone() } else { exporter(&wire) };
            let gs2 = format!("p={kind},,");
            let answer = Attempt { gs2: &gs2, binding: &binding, ..PLUS }.run(&mut wire);
            let expected = if offered.contains(&kind) { "success" } else { "not-authorized" };
            assert_eq!(answer, expected, "{kind} {version:?}");
        }
        // RFC 5802 §6: what the flag says must go with the mechanism and the data.
        for (mechanism, gs2, binding, expected) in [
            ("SCRAM-SHA-256-PLUS", "n,,", &b""[..], "malformed-request"),
            ("SCRAM-SHA-256-PLUS", "y,,", b"", "malformed-request"),
            ("SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,", b"", "not-authorized"),
            ("SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,", &end_point[1..], "not-authorized"),
            ("SCRAM-SHA-256", "p=tls-server-end-point,,", &end_point, "malformed-request"),
            ("SCRAM-SHA-256", "y,,", b"", "not-authorized"),
            ("SCRAM-SHA-256", "n,,", &end_point, "not-authorized"),
        ] {
            let mut wire = connect();
            let answer = Attempt { mechanism, gs2, binding, ..SCRAM }.run(&mut wire);
            assert_eq!(answer, expected, "{mechanism} {gs2} {version:?}");
        }
        // Data of another connection.
        if offered.contains(&"tls-exporter") {
            let (one, mut other) = (connect(), connect());
            let answer = Attempt { gs2: "p=tls-exporter,,", binding: &exporter(&one), ..PLUS }.run(&mut other);
            assert_eq!(answer, "not-authorized");
        }
    }
    scene.end();
}

/// Incident 17: somebody in between with a certificate that the client trusts gets no login that is bound to TLS,
/// and can't talk a client out of binding that knows of it.
#[test]
fn relay_with_another_certificate() {
    let mut scene = Scene::new("");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    let rogue = params.self_signed(&key).expect("a certificate").der().clone();
    let key = key.serialize_der();
    let through = |scene: &Scene, change: fn(String) -> String| {
        let key = PrivateKeyDer::try_from(key.clone()).expect("a key");
        let address = relay::between(&scene.server, rogue.clone(), key, change);
        let mut wire = Wire::connect(address).start_tls(trusting(&rogue)).expect("the client trusts the relay");
        let features = wire.open(HEADER);
        (wire, features)
    };
    let honest: fn(String) -> String = |text| text;

    let (mut wire, features) = through(&scene, honest);
    assert!(features.contains("SCRAM-SHA-256-PLUS"), "{features}");
    let binding = exporter(&wire);
    assert_eq!(Attempt { gs2: "p=tls-exporter,,", binding: &binding, ..PLUS }.run(&mut wire), "not-authorized");
    let binding = Sha256::digest(&rogue).to_vec();
    assert_eq!(Attempt { gs2: "p=tls-server-end-point,,", binding: &binding, ..PLUS }.run(&mut wire), "not-authorized");

    // The relay takes -PLUS away: the client says that it saw none, and the server knows better (RFC 5802 §6).
    let strip: fn(String) -> String = |text| {
        let mut text = text;
        for hash in ["1", "256", "512"] {
            text = text.replace(&format!("<mechanism>SCRAM-SHA-{hash}-PLUS</mechanism>"), "");
        }
        text
    };
    let (mut wire, features) = through(&scene, strip);
    assert!(!features.contains("-PLUS") && features.contains("SCRAM-SHA-256"), "{features}");
    assert_eq!(Attempt { gs2: "y,,", ..SCRAM }.run(&mut wire), "not-authorized");

    // That it is the binding that fails, and not the relay: a client that does not bind is lost.
    let (mut wire, _) = through(&scene, honest);
    assert_eq!(SCRAM.run(&mut wire), "success");
    scene.nobody_noticed();
    scene.end();
}

/// Incident 23: an account that does not exist looks like one that does, in as many steps, with a salt and an
/// iteration count that stay the same, also over a restart, and with the same error (RFC 6120 §6.5.10).
#[test]
fn who_exists_can_not_be_asked() {
    let mut scene = Scene::new("");
    let first = |scene: &Scene, mechanism: &str, user: &str| -> Challenge {
        let mut wire = scene.attacker(Stage::Protected);
        let attempt = Attempt { mechanism, user, ..SCRAM };
        let challenge = attempt.first(&mut wire).expect("a challenge for everybody");
        let wrong = Attempt { password: "wrong", ..attempt };
        assert_eq!(wrong.prove(&mut wire, &challenge), "not-authorized", "{user}");
        let next = attempt.first(&mut wire).expect("again");
        assert_eq!((&next.salt, next.iterations), (&challenge.salt, challenge.iterations), "{user}");
        assert_ne!(next.nonce, challenge.nonce);
        challenge
    };
    let all = |scene: &Scene| -> Vec<Challenge> {
        let mut found = Vec::new();
        for mechanism in ["SCRAM-SHA-1", "SCRAM-SHA-256"] {
            for user in ["juliet", "nobody", "nobody2", "NOBODY", "nobody@localhost", "\u{ff4e}obody"] {
                found.push(Challenge { nonce: String::new(), ..first(scene, mechanism, user) });
            }
        }
        found
    };
    let before = all(&scene);
    for found in before.chunks(6) {
        let [juliet, nobody, nobody2, same @ ..] = found else { panic!("six") };
        assert_eq!(juliet.salt.len(), nobody.salt.len());
        assert_eq!(juliet.iterations, nobody.iterations);
        assert!(juliet.salt != nobody.salt && nobody.salt != nobody2.salt);
        // However it is written: an account has one salt, so a name without account has one.
        assert!(same.iter().all(|challenge| challenge == nobody), "{same:?}");
    }
    assert_ne!(before[1].salt, before[7].salt, "each hash has a salt of its own, as accounts have");
    assert_eq!(before[0].salt == before[6].salt, before[1].salt == before[7].salt);

    // PLAIN: one step, one error.
    for message in ["\0juliet\0wrong", "\0nobody\0wrong", "\0nobody\0pencil-7"] {
        let mut wire = scene.attacker(Stage::Protected);
        assert_eq!(wire.plain(message.as_bytes()), "not-authorized", "{message:?}");
    }
    // Nor does the router tell (RFC 6120 §13.11).
    let mut wire = scene.attacker(Stage::Bound);
    let mut answers = BTreeSet::new();
    for account in ["juliet", "nobody"] {
        for stanza in [
            "<iq type='get' id='1' to='A@localhost'><ping xmlns='urn:xmpp:ping'/></iq>",
            "<iq type='get' id='1' to='A@localhost/none'><ping xmlns='urn:xmpp:ping'/></iq>",
            "<iq type='get' id='1' to='A@localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
            "<message id='1' to='A@localhost/none'/>",
            "<presence id='1' to='A@localhost' type='subscribe'/>",
            "<presence id='1' to='A@localhost' type='probe'/>",
        ] {
            wire.send(stanza.replace("A@", &format!("{account}@")));
            let answer = wire.ping().replace(account, "A");
            answers.insert(format!("{stanza}: {answer}"));
        }
    }
    assert_eq!(answers.len(), 6, "the same for both: {answers:#?}");

    scene.server.terminate();
    scene.server.restart();
    assert_eq!(all(&scene), before);
}

/// Incident 24: identifiers of streams, nonces and resources are random: 128 bits and more (80 for resources, which
/// are no secret), never twice, and without any order.
#[test]
fn identifiers_are_random() {
    let scene = Scene::new("");
    let (mut ids, mut resources) = (Vec::new(), Vec::new());
    let id =
        |text: &str| text.split(" id='").nth(1).and_then(|rest| rest.split('\'').next()).unwrap_or_default().to_owned();
    for round in 0..300 {
        let mut wire = scene.attacker(Stage::Clear);
        ids.push(id(&wire.text()));
        if round % 5 == 0 {
            wire = Wire::direct_tls(&scene.server);
            wire.authenticated(MALLORY, PASSWORD);
            resources.push(whoami(&mut wire).split_once('/').expect("a full JID").1.to_owned());
            ids.push(id(&wire.text()));
        }
    }
    for (all, length, kinds) in [(&ids, 24, 40), (&resources, 16, 16)] {
        assert!(all.iter().all(|id| id.len() == length), "{all:?}");
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "never twice");
        for place in 0..length {
            let seen: BTreeSet<u8> = all.iter().map(|id| id.as_bytes()[place]).collect();
            // Of 64 or 32 characters, 360 or 60 draws leave out few: half of them never.
            assert!(seen.len() >= kinds, "place {place} has {} kinds only", seen.len());
        }
        let ordered = all.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((all.len() / 5..all.len() * 4 / 5).contains(&ordered), "{ordered} of {} in order", all.len());
    }
    scene.end();
}

/// Incident 25: failed attempts end the stream on which they are made, after a stated number, and lock nobody out:
/// neither the account nor the address.
#[test]
fn guessing_locks_nobody_out() {
    // As many as have no effect beyond their stream by default.
    let scene = Scene::new("[guesses]\nof_account_from_address_free = 50\nof_account_from_address = 60\n");
    for round in 0..10 {
        let mut wire = scene.attacker(Stage::Protected);
        for attempt in 0..5 {
            assert_eq!(wire.plain(format!("\0juliet\0guess {round} {attempt}").as_bytes()), "not-authorized");
        }
        assert_eq!(wire.ended(), "policy-violation");
    }
    // Handshakes that are broken off count too, or else the bound would be none (§6.4.5).
    for unfinished in [
        "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>".to_owned(),
        auth("SCRAM-SHA-256", b"n,,n=juliet,r=abc"),
        "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>?</response>".to_owned(),
    ] {
        let mut wire = scene.attacker(Stage::Protected);
        for _ in 0..12 {
            wire.send(auth("SCRAM-SHA-256", b"n,,n=juliet,r=abc"));
            wire.send(&unfinished);
        }
        assert_eq!(wire.ended(), "policy-violation", "{unfinished}");
        let challenges = wire.text().matches("<challenge").count();
        assert!(challenges <= 6, "{challenges} challenges");
    }
    let mut juliet = Wire::bound(&scene.server, "juliet", PASSWORD, "garden");
    juliet.ping();
    scene.end();
}

/// Incident 37: a name that is prepared to one that exists is that one: it can't be created a second time.
#[test]
fn names_that_look_the_same() {
    let scene = Scene::new("");
    let before = scene.server.run(&["user", "list"], "").output;
    for name in ["JULIET", "Juliet", "\u{ff4a}uliet", "jul\u{ad}iet", "jul\u{200b}iet", "j\u{1d462}liet"] {
        let run = scene.server.run(&["user", "add", &format!("{name}@localhost")], "a stolen pencil\n");
        assert!(!run.success, "{name}: {run:?}");
    }
    assert_eq!(scene.server.run(&["user", "list"], "").output, before);
    let mut wire = scene.attacker(Stage::Protected);
    assert_eq!(wire.plain(b"\0juliet\0stolen"), "not-authorized");
    scene.end();
}

/// Incident 40, as far as there is a database to inject into: names are data.
#[test]
fn names_are_no_code() {
    let mut scene = Scene::new("");
    let before = scene.server.run(&["user", "list"], "").output;
    let mut bound = scene.attacker(Stage::Bound);
    for name in [
        "x OR 1=1",
        "' OR '1'='1",
        "juliet'--",
        "juliet\" OR \"\"=\"",
        "x'; DROP TABLE accounts; --",
        "x' UNION SELECT * FROM accounts --",
        "%",
        "jul_et",
        "juliet\\",
        "*)(uid=*))(|(uid=*",
        "${jndi:ldap://x}",
        "../../jabiru-data/secret",
        "$(touch x)",
    ] {
        for message in [format!("\0{name}\0pencil-7"), format!("\0mallory\0{name}")] {
            let mut wire = scene.attacker(Stage::Protected);
            assert_eq!(wire.plain(message.as_bytes()), "not-authorized", "{message:?}");
        }
        let escaped = name.replace('&', "&amp;").replace('<', "&lt;").replace('\'', "&apos;");
        for to in [format!("{escaped}@localhost"), format!("juliet@localhost/{escaped}"), escaped.clone()] {
            bound.send(format!("<iq type='get' id='1' to='{to}'><query xmlns='jabber:iq:version'/></iq>"));
            let answer = bound.hear("</iq>");
            assert!(answer.contains("type='error'"), "{to}: {answer}");
        }
        let run = scene.server.run(&["user", "passwd", &format!("{name}@localhost")], "a stolen pencil\n");
        assert!(!run.success, "{name}: {run:?}");
    }
    assert_eq!(scene.server.run(&["user", "list"], "").output, before);
    scene.nobody_noticed();
    scene.end();
}
