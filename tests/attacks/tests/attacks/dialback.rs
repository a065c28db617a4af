//! Ways to be another server by dialback (incidents 26 to 28; XEP-0220).

use jabiru_attacks::Wire;
use jabiru_attacks::peer::{self, BIDI, DIALBACK, attribute, element, features};

use crate::federation::{EVIL, Federation, HONEST, message, shown_key};

/// The answer to a key that is shown: its type, with the condition behind it if that is `error`.
fn result(wire: &mut Wire) -> String {
    let answer = element(wire, "db:result");
    let kind = attribute(&answer, "type").unwrap_or_else(|| panic!("no answer: {answer}"));
    let condition = answer.split("<error ").nth(1).and_then(|rest| rest.split('<').nth(1));
    match condition.and_then(|rest| rest.split([' ', '/']).next()) {
        Some(condition) => format!("{kind} {condition}"),
        None => kind,
    }
}

/// What an authoritative server is asked, on a connection of its own: the stream, and the request.
fn asked(federation: &Federation, domain: &str) -> (Wire, String) {
    let listening = if domain == EVIL { &federation.evil } else { &federation.honest };
    let mut wire = listening.accept_secured("asked");
    wire.send(features(&[DIALBACK]));
    let request = element(&mut wire, "db:verify");
    assert_eq!(attribute(&request, "to").as_deref(), Some(domain), "{request}");
    (wire, request)
}

/// An answer to such a request.
fn verified(request: &str, kind: &str) -> String {
    let [from, to, id] = ["to", "from", "id"].map(|name| attribute(request, name).expect("it is there"));
    format!("<db:verify from='{from}' to='{to}' id='{id}' type='{kind}'/>")
}

/// Every answer that dialback knows, of every domain that somebody might like to be.
fn unasked() -> Vec<String> {
    let mut answers = Vec::new();
    for from in [HONEST, EVIL, "localhost", "other.example"] {
        for kind in ["valid", "invalid", "error"] {
            answers.push(format!("<db:result from='{from}' to='localhost' type='{kind}'/>"));
            answers.push(format!("<db:verify from='{from}' to='localhost' id='1' type='{kind}'/>"));
        }
    }
    answers
}

/// Incident 26: answers that nobody asked for prove nothing, on whichever stream they come: they end one that others
/// opened, and are passed over on one that we opened (XEP-0220 §3.1).
#[test]
fn answers_that_nobody_asked_for() {
    let mut federation = Federation::by_dialback("");
    let unasked = unasked();
    for xml in &unasked {
        let (before, _) = federation.uncertified(EVIL);
        let after = federation.proven(EVIL);
        for mut wire in [before, after] {
            wire.send(format!("{xml}{}", message("romeo@honest.example", "juliet@localhost")));
            assert_eq!(wire.ended(), "not-authorized", "{xml}");
        }
    }
    federation.scene.nobody_noticed();

    // While a key is being verified, the answer may not come from him who has shown it.
    let (mut wire, id) = federation.uncertified(EVIL);
    wire.send(shown_key(HONEST, "localhost", "guess"));
    let (mut authority, request) = asked(&federation, HONEST);
    wire.send(format!("<db:verify from='{HONEST}' to='localhost' id='{id}' type='valid'/>"));
    assert_eq!(wire.ended(), "not-authorized");
    authority.send(verified(&request, "valid"));
    assert_eq!(authority.ended(), "closed");
    federation.scene.nobody_noticed();

    // On streams that we open: nothing gets proven, and the answer that was asked for is still awaited.
    for bidi in [false, true] {
        federation.juliet_writes(EVIL, "unasked");
        let mut wire = federation.evil.accept_secured("stream");
        wire.send(features(&[DIALBACK, if bidi { BIDI } else { "" }]));
        let key = element(&mut wire, "db:result");
        assert_eq!(attribute(&key, "from").as_deref(), Some("localhost"), "{key}");
        for xml in unasked.iter().filter(|xml| !(xml.contains(EVIL) && xml.contains("db:result"))) {
            wire.send(xml);
        }
        wire.send("<db:result from='evil.example' to='localhost' type='valid'/>");
        element(&mut wire, "message");
        for xml in &unasked {
            wire.send(xml);
        }
        wire.send(message("romeo@honest.example", "juliet@localhost"));
        // Without the feature the stream has one direction (RFC 6120 §4.9.3.12), with it that of the domain alone.
        let expected = if bidi { "invalid-from" } else { "not-authorized" };
        assert_eq!(wire.ended(), expected);
        assert_eq!(federation.juliet_is_told("unasked"), "remote-server-timeout");
    }
    federation.scene.end();
}

/// Incidents 26 and 28: of the authoritative server one answer counts: the one to this request.
#[test]
fn answers_to_other_requests() {
    let mut federation = Federation::by_dialback("");
    for expected in ["valid", "invalid"] {
        let (mut wire, id) = federation.uncertified(EVIL);
        wire.send(shown_key(HONEST, "localhost", "key"));
        let mut authority = federation.honest.accept_secured("asked");
        // Before it was asked, of another stream, of another pair, by others, to others.
        let other = |from: &str, to: &str, id: &str| {
            let kind = if expected == "valid" { "invalid" } else { "valid" };
            format!("<db:verify from='{from}' to='{to}' id='{id}' type='{kind}'/>")
        };
        authority.send(features(&[DIALBACK]));
        let request = element(&mut authority, "db:verify");
        assert_eq!(attribute(&request, "id").as_deref(), Some(id.as_str()), "{request}");
        for wrong in [
            other(HONEST, "localhost", "asked"),
            other(HONEST, "localhost", &format!("{id}0")),
            other(HONEST, "localhost", &id[1..]),
            other(HONEST, "localhost", &id.to_uppercase()),
            other(EVIL, "localhost", &id),
            other("sub.honest.example", "localhost", &id),
            other(HONEST, EVIL, &id),
            other("localhost", HONEST, &id),
        ] {
            // An id without letters has no other way to be written.
            if !wrong.contains(&format!("id='{id}'")) || !wrong.contains(&format!("from='{HONEST}' to='localhost'")) {
                authority.send(wrong);
            }
        }
        authority.send(verified(&request, expected));
        assert_eq!(result(&mut wire), expected);
        if expected == "valid" {
            federation.arrives(&mut wire, HONEST);
        } else {
            assert_eq!(wire.ended(), "closed");
        }
    }
    // An answer before the request, and one in clear.
    for early in ["clear", "secured"] {
        let (mut wire, id) = federation.uncertified(EVIL);
        wire.send(shown_key(HONEST, "localhost", "key"));
        let answer = format!("<db:verify from='{HONEST}' to='localhost' id='{id}' type='valid'/>");
        let mut authority = match early {
            "clear" => federation.honest.accept_stream(),
            _ => federation.honest.accept_secured("asked"),
        };
        authority.send(answer);
        assert_eq!(authority.ended(), "bad-format", "{early}: features are due");
        assert_eq!(result(&mut wire), "error remote-server-timeout", "{early}");
        wire.send(message("romeo@honest.example", "juliet@localhost"));
        assert_eq!(wire.ended(), "not-authorized", "{early}");
    }
    federation.scene.end();
}

/// Incident 27: a key is good for one stream, from one domain to one other, to the letter, and can't be made without
/// the secret (XEP-0185).
#[test]
fn keys_are_good_for_one_stream() {
    let mut federation = Federation::hosting(
        "domains = [\"localhost\", \"other.example\", \"localhost.example\"]\n",
        "require = \"dialback\"\n",
        &[],
        "",
    );
    // The attacker is who chooses the id, and so has keys made as he likes.
    let mut key_for = |id: &str| {
        federation.juliet_writes(EVIL, "key");
        let mut wire = federation.evil.accept_secured(id);
        wire.send(features(&[DIALBACK]));
        let shown = element(&mut wire, "db:result");
        let key = shown.split('>').nth(1).and_then(|rest| rest.split('<').next()).expect("a key").to_owned();
        wire.send("<db:result from='evil.example' to='localhost' type='invalid'/>");
        assert_eq!(wire.ended(), "closed");
        assert_eq!(federation.juliet_is_told("key"), "remote-server-timeout");
        // Until then nobody tries again.
        std::thread::sleep(std::time::Duration::from_millis(2100));
        key
    };
    let id = "D60000229F";
    let key = key_for(id);
    let suffixed = key_for("D60000229F honest.example");
    assert_ne!(key, suffixed);
    assert_eq!(key.len(), 64, "as many bits as SHA-256 has: {key}");
    let mut wire = federation.uncertified(EVIL).0;
    let mut ask = |from: &str, to: &str, id: &str, key: &str| {
        wire.send(format!("<db:verify from='{from}' to='{to}' id='{id}'>{key}</db:verify>"));
        let answer = element(&mut wire, "db:verify");
        assert_eq!(attribute(&answer, "id").as_deref(), Some(id), "{answer}");
        attribute(&answer, "type").expect("an answer")
    };
    assert_eq!(ask(EVIL, "localhost", id, &key), "valid", "the only one that is");
    let (upper, longer, shorter) = (key.to_uppercase(), format!("{key}0"), &key[..63]);
    for (what, from, to, id, key) in [
        ("another receiving domain", HONEST, "localhost", id, &*key),
        ("one above it", "example", "localhost", id, &key),
        ("one below it", "sub.evil.example", "localhost", id, &key),
        ("one that ends the same", "veryevil.example", "localhost", id, &key),
        ("another of our domains", EVIL, "other.example", id, &key),
        ("one that begins the same", EVIL, "localhost.example", id, &key),
        ("another stream", EVIL, "localhost", "D60000229E", &key),
        ("a part of the id", EVIL, "localhost", "D60000229", &key),
        ("an id with a domain behind it", EVIL, "localhost", "D60000229F honest.example", &key),
        ("the same the other way round", EVIL, "localhost", id, &suffixed),
        ("in other letters", EVIL, "localhost", id, &upper),
        ("with more behind it", EVIL, "localhost", id, &longer),
        ("the most of it", EVIL, "localhost", id, shorter),
        ("nothing", EVIL, "localhost", id, ""),
        ("nothing but zeros", EVIL, "localhost", id, &"0".repeat(64)),
    ] {
        assert_eq!(ask(from, to, id, key), "invalid", "{what}");
    }
    // What the standard's own examples are made with, and what is easily guessed.
    for secret in ["", "s3cr3tf0rd14lb4ck", "d14lb4ck43v3r", "localhost", "secret", "\0"] {
        let guess = made_with(secret, EVIL, "localhost", id);
        assert_eq!(ask(EVIL, "localhost", id, &guess), "invalid", "{secret}");
    }
    // Of a domain that is not ours nothing is known.
    assert_eq!(ask(EVIL, HONEST, id, &key), "error");
    federation.scene.end();
}

/// A key by XEP-0185.
fn made_with(secret: &str, receiving: &str, initiating: &str, id: &str) -> String {
    use sha2::{Digest, Sha256};
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    // HMAC (RFC 2104), by hand: 64 octets of hexadecimal are one block exactly.
    let block = hex(&Sha256::digest(secret));
    let pad = |with: u8| block.bytes().map(|byte| byte ^ with).collect::<Vec<u8>>();
    let inner = Sha256::digest([pad(0x36), format!("{receiving} {initiating} {id}").into_bytes()].concat());
    hex(&Sha256::digest([pad(0x5c), inner.to_vec()].concat()))
}

/// The way to make keys that others are tried with is the right one (XEP-0185 §3).
#[test]
fn guesses_are_made_by_the_rules() {
    let key = made_with("s3cr3tf0rd14lb4ck", "xmpp.example.com", "example.org", "D60000229F");
    assert_eq!(key, "37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643");
}

/// Incident 28: whoever shows a key, the authoritative server is asked, and what it does not confirm is not proven: not
/// by another answer, not by silence, not because nobody can be asked.
#[test]
fn the_authoritative_server_is_always_asked() {
    let mut federation = Federation::hosting(
        "",
        "require = \"dialback\"\n",
        // Where nobody listens.
        &[("gone.example", ([127, 0, 0, 1], 9).into())],
        "[s2s.resolver]\nnameservers = [\"127.0.0.1:9\"]\ntimeout_seconds = 1\n\
         [s2s.limits]\nconnect_timeout_seconds = 2\nnegotiation_timeout_seconds = 4\n",
    );
    for (says, expected, then) in [
        ("valid", "valid", None),
        ("invalid", "invalid", Some("closed")),
        ("item-not-found", "error remote-server-not-found", Some("not-authorized")),
        ("internal-server-error", "error remote-server-timeout", Some("not-authorized")),
        ("nothing, and closes", "error remote-server-timeout", Some("not-authorized")),
        ("that it is another", "error remote-server-timeout", Some("not-authorized")),
    ] {
        // Whoever it is that shows it: the way to the domain leads elsewhere.
        let (mut wire, _) = federation.uncertified(EVIL);
        wire.send(shown_key(HONEST, "localhost", "key"));
        if says == "that it is another" {
            let mut asked = federation.honest.accept();
            asked.hear("<stream:stream ");
            asked.send(peer::header(EVIL, "localhost", "id='another'"));
            asked.send(peer::STARTTLS_FEATURES);
            assert_eq!(asked.ended(), "invalid-from");
        } else {
            let (mut asked, request) = asked(&federation, HONEST);
            let error = format!("<error type='cancel'><{says} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>");
            asked.send(match says {
                "valid" | "invalid" => verified(&request, says),
                "nothing, and closes" => String::new(),
                _ => format!("{}{error}</db:verify>", verified(&request, "error").replace("/>", ">")),
            });
        }
        assert_eq!(result(&mut wire), expected);
        match then {
            None => federation.arrives(&mut wire, HONEST),
            Some(ended) => {
                wire.send(message("romeo@honest.example", "juliet@localhost"));
                assert_eq!(wire.ended(), ended, "{expected}");
            }
        }
        federation.scene.nobody_noticed();
    }
    // Nobody there, nobody known; and domains that can't be anybody's.
    for (domain, expected) in [
        ("gone.example", "error remote-server-timeout"),
        ("unknown.example", "error remote-server-"),
        ("localhost", "error forbidden"),
    ] {
        let (mut wire, _) = federation.uncertified(EVIL);
        wire.send(shown_key(domain, "localhost", "key"));
        let answer = result(&mut wire);
        assert!(answer.starts_with(expected), "{domain}: {answer}");
        wire.send(message(&format!("romeo@{domain}"), "juliet@localhost"));
        assert_eq!(wire.ended(), "not-authorized", "{domain}");
    }
    // Silent at every stage.
    let silent = (0..4).map(|stage| {
        let (mut wire, _) = federation.uncertified(EVIL);
        wire.send(shown_key(HONEST, "localhost", "key"));
        let silent = match stage {
            0 => federation.honest.accept(),
            1 => federation.honest.accept_stream(),
            2 => federation.honest.accept_secured("asked"),
            _ => asked(&federation, HONEST).0,
        };
        (stage, wire, silent)
    });
    for (stage, mut wire, _silent) in silent.collect::<Vec<_>>() {
        assert_eq!(wire.ended(), "connection-timeout", "{stage}");
        assert!(!wire.text().contains("type='valid'"), "{}", wire.text());
    }
    federation.scene.end();
}
