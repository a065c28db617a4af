//! Ways to be somebody else by a certificate (incidents 18, 20).

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jabiru_attacks::wire::{auth, trusting, trusting_with};
use jabiru_attacks::{HEADER, Stage, Wire};
use rcgen::{CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, KeyPair, OtherNameValue, SanType};
use rustls::HandshakeKind;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;

use crate::certificates::{Certified, Shown, addresses, authority, oddly_typed, whoami};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Incident 18: who somebody is by a certificate is in its XmppAddr and nowhere else, and only if it leads to the
/// authority that is trusted, is of this time and this purpose, and its address is of this domain (RFC 6120 §13.7.1.4,
/// §13.7.2.2). What is not believed is not offered either.
#[test]
fn certificates_of_clients() {
    let mut certified = Certified::new("");
    let other = authority("Another authority");
    // By name the same as the one that is trusted.
    let namesake = authority("The authority");
    let authority = |change: fn(&mut CertificateParams)| certified.certify(change);
    let mut params = CertificateParams::default();
    addresses(&["mallory@localhost"])(&mut params);
    let mallorys = CertifiedIssuer::signed_by(params, KeyPair::generate().expect("a key"), &certified.authority);
    let mallorys = mallorys.expect("a certificate");
    let mallory: fn(&mut CertificateParams) = |params| addresses(&["mallory@localhost"])(params);
    let juliet: fn(&mut CertificateParams) = |params| addresses(&["juliet@localhost"])(params);

    for (what, shown, expected) in [
        ("good", authority(mallory), Ok("mallory@localhost")),
        ("another authority", Shown::new(juliet, Some(&other), vec![]), Err("not-authorized")),
        (
            "another authority that is sent along",
            Shown::new(juliet, Some(&other), vec![other.der().clone()]),
            Err("not-authorized"),
        ),
        ("an authority of the same name", Shown::new(juliet, Some(&namesake), vec![]), Err("not-authorized")),
        (
            "with the true authority's certificate sent along",
            Shown::new(juliet, Some(&namesake), vec![certified.authority.der().clone()]),
            Err("not-authorized"),
        ),
        ("self-signed", Shown::new(juliet, None, vec![]), Err("not-authorized")),
        (
            "issued by a client",
            Shown::new(juliet, Some(&mallorys), vec![mallorys.der().clone()]),
            Err("not-authorized"),
        ),
        (
            "expired",
            authority(|params| {
                addresses(&["juliet@localhost"])(params);
                params.not_after = (SystemTime::now() - DAY).into();
            }),
            Err("credentials-expired"),
        ),
        (
            "expired, and by another authority",
            Shown::new(
                |params| {
                    addresses(&["juliet@localhost"])(params);
                    params.not_after = (SystemTime::now() - DAY).into();
                },
                Some(&other),
                vec![],
            ),
            Err("not-authorized"),
        ),
        (
            "not valid yet",
            authority(|params| {
                addresses(&["juliet@localhost"])(params);
                params.not_before = (SystemTime::now() + DAY).into();
            }),
            Err("not-authorized"),
        ),
        (
            "for servers only",
            authority(|params| {
                addresses(&["juliet@localhost"])(params);
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            }),
            Err("not-authorized"),
        ),
        (
            "for clients",
            authority(|params| {
                addresses(&["mallory@localhost"])(params);
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            }),
            Ok("mallory@localhost"),
        ),
        ("no address", authority(|_| {}), Err("not-authorized")),
        (
            "by names of every other kind",
            authority(|params| {
                let ia5 = |text: &str| text.try_into().expect("ASCII");
                let principal = OtherNameValue::Utf8String("juliet@localhost".to_owned());
                params.distinguished_name.push(DnType::CommonName, "juliet@localhost");
                params.distinguished_name.push(DnType::OrganizationalUnitName, "CN=juliet@localhost,");
                params.subject_alt_names = vec![
                    SanType::Rfc822Name(ia5("juliet@localhost")),
                    SanType::DnsName(ia5("localhost")),
                    SanType::DnsName(ia5("juliet.localhost")),
                    SanType::URI(ia5("xmpp:juliet@localhost")),
                    // A user principal name.
                    SanType::OtherName((vec![1, 3, 6, 1, 4, 1, 311, 20, 2, 3], principal)),
                ];
            }),
            Err("not-authorized"),
        ),
        (
            "a name beside an address",
            authority(|params| {
                params.distinguished_name.push(DnType::CommonName, "juliet@localhost");
                addresses(&["mallory@localhost"])(params);
            }),
            Ok("mallory@localhost"),
        ),
    ] {
        let (offered, answer) = certified.attempt(&shown, b"");
        assert_eq!(answer, expected.unwrap_or_else(|condition| condition), "{what}");
        assert_eq!(offered, expected.is_ok(), "{what}");
        // Nor by saying who is meant.
        let (_, answer) = certified.attempt(&shown, b"juliet@localhost");
        assert_eq!(answer, expected.map_or_else(|condition| condition, |_| "invalid-authzid"), "{what}");
    }
    certified.scene.nobody_noticed();
    certified.scene.end();
}

/// Incidents 18 and 20: what is written as an address, and what of it is one; prepared, as all addresses are
/// (RFC 7622 §3).
#[test]
fn addresses_in_certificates() {
    let certified = Certified::new("");
    for (list, expected) in [
        (&["MALLORY@LOCALHOST"][..], Ok("mallory@localhost")),
        (&["mallory@localhost", "mallory@localhost"], Ok("mallory@localhost")),
        (&["juliet@elsewhere.example", "mallory@localhost"], Ok("mallory@localhost")),
        (&["juliet@localhost\0", "mallory@localhost"], Ok("mallory@localhost")),
        // Who has authority over several has to say which (XEP-0178 §2).
        (&["mallory@localhost", "nurse@localhost"], Err("invalid-authzid")),
        (&["juliet@elsewhere.example"], Err("not-authorized")),
        (&["juliet@localhost.example"], Err("not-authorized")),
        (&["juliet@sub.localhost"], Err("not-authorized")),
        (&["localhost"], Err("not-authorized")),
        (&["@localhost"], Err("not-authorized")),
        (&["juliet"], Err("not-authorized")),
        (&[""], Err("not-authorized")),
        (&["juliet@localhost/balcony"], Err("not-authorized")),
        (&["*@localhost"], Err("not-authorized")),
        (&["xmpp:juliet@localhost"], Err("not-authorized")),
        (&["juliet@localhost\0.elsewhere.example"], Err("not-authorized")),
        (&["juliet\0@localhost"], Err("not-authorized")),
        (&["juliet@localhost@elsewhere.example"], Err("not-authorized")),
        (&["juliet@localhost,mallory@localhost"], Err("not-authorized")),
        (&[" juliet@localhost"], Err("not-authorized")),
        (&["\u{202e}juliet@localhost"], Err("not-authorized")),
        // Another letter, so another name, of which there is no account.
        (&["jul\u{456}et@localhost"], Err("not-authorized")),
    ] {
        let shown = certified.certify(addresses(list));
        assert_eq!(certified.attempt(&shown, b"").1, expected.unwrap_or_else(|condition| condition), "{list:?}");
    }
    for tag in [0x13, 0x16, 0x1e, 0x04] {
        let shown = certified.certify(|params| params.custom_extensions = vec![oddly_typed(tag, "juliet@localhost")]);
        assert_eq!(certified.attempt(&shown, b""), (false, "not-authorized".to_owned()), "{tag}");
    }
    let shown = certified.certify(|params| params.custom_extensions = vec![oddly_typed(0x0c, "mallory@localhost")]);
    assert_eq!(certified.attempt(&shown, b"").1, "mallory@localhost", "the right type");

    // Incident 20: the authorization identity is one of the certificate's addresses, or none (RFC 6120 §6.3.8).
    let [one, two] = [&["mallory@localhost"][..], &["mallory@localhost", "nurse@localhost"]]
        .map(|list| certified.certify(addresses(list)));
    for (shown, authzid, expected) in [
        (&one, &b"mallory@localhost"[..], "mallory@localhost"),
        (&one, b"Mallory@LOCALHOST", "mallory@localhost"),
        (&two, b"nurse@localhost", "nurse@localhost"),
        (&two, b"mallory@localhost", "mallory@localhost"),
        (&two, b"juliet@localhost", "invalid-authzid"),
        (&one, b"juliet@localhost", "invalid-authzid"),
        (&one, b"nurse@localhost", "invalid-authzid"),
        (&one, b"mallory", "invalid-authzid"),
        (&one, b"localhost", "invalid-authzid"),
        (&one, b"mallory@localhost/cell", "invalid-authzid"),
        (&one, b"mallory@elsewhere.example", "invalid-authzid"),
        (&one, b" mallory@localhost", "invalid-authzid"),
        (&one, b"\0", "malformed-request"),
        (&one, b"\0mallory\0pencil-7", "malformed-request"),
        (&one, b"mallory@localhost\0juliet@localhost", "malformed-request"),
        (&one, b"mallory@localhost\xff", "malformed-request"),
    ] {
        assert_eq!(certified.attempt(shown, authzid).1, expected, "{}", authzid.escape_ascii());
    }
    // The header chooses between the certificate's addresses (§13.7.2.2.1), and adds none.
    for (from, expected) in [("nurse@localhost", "nurse@localhost"), ("juliet@localhost", "invalid-authzid")] {
        let header = HEADER.replace("to=", &format!("from='{from}' to="));
        let (mut wire, _) = certified.connect(&two, &header).expect("any certificate may be shown");
        wire.send(auth("EXTERNAL", b""));
        let answer = wire.sasl_answer();
        assert_eq!(if answer == "success" { whoami(&mut wire) } else { answer }, expected);
    }
    // It proves nothing for another mechanism, nor another mechanism for it.
    let (mut wire, _) = certified.connect(&one, HEADER).expect("any certificate may be shown");
    assert_eq!(wire.plain(b"\0juliet\0wrong"), "not-authorized");
    assert_eq!(wire.plain(b"juliet@localhost\0mallory\0pencil-7"), "invalid-authzid");
    certified.scene.end();
}

/// Incident 18: a certificate is nothing without its key, nor is one that is too long to be looked at; both cost their
/// connection, and nothing else.
#[test]
fn certificates_without_their_key_or_without_end() {
    let mut certified = Certified::new("");
    let juliets = certified.certify(addresses(&["juliet@localhost"]));
    let stolen = Shown::of(juliets.0.cert.clone(), &KeyPair::generate().expect("a key"));
    let many: Vec<String> = (0..1000).map(|number| format!("mallory{number}@localhost")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let long = certified.certify(addresses(&many));
    let mine = certified.certify(addresses(&["mallory@localhost"]));
    let chain = [mine.0.cert.clone(), vec![certified.authority.der().clone(); 100]].concat();
    let endless = Shown(Arc::new(CertifiedKey::new(chain, mine.0.key.clone())));
    let garbage = CertificateDer::from(b"\x30\x82\x01\x00garbage".to_vec());
    let garbage = Shown(Arc::new(CertifiedKey::new(vec![garbage], mine.0.key.clone())));
    certified.scene.server.forget_peak();
    let before = certified.scene.server.peak_bytes();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        for (what, shown) in
            [("stolen", &stolen), ("too many names", &long), ("too long a chain", &endless), ("garbage", &garbage)]
        {
            for _ in 0..10 {
                let config = shown.config(trusting_with(&certified.scene.server.certificate(), &[version]));
                let wire = Wire::connect(certified.scene.server.direct_tls()).start_tls(config);
                // A client of TLS 1.3 hears of it behind the handshake.
                let features = wire.ok().and_then(|mut wire| {
                    wire.send(HEADER);
                    wire.hears("</stream:features>")
                });
                assert_eq!(features, None, "{what} {version:?}");
            }
        }
    }
    if let (Some(before), Some(peak)) = (before, certified.scene.server.peak_bytes()) {
        assert!(peak < before + 4 * 1024 * 1024, "{} bytes more", peak - before);
    }
    // Chains that are long but may be: those in the middle are tried within bounds, whatever they are.
    let chain = [mine.0.cert.clone(), vec![certified.authority.der().clone(); 30]].concat();
    assert_eq!(
        certified.attempt(&Shown(Arc::new(CertifiedKey::new(chain, mine.0.key.clone()))), b"").1,
        "mallory@localhost"
    );
    let some: Vec<&str> = many[..100].iter().copied().chain(["mallory@localhost"]).collect();
    let (_, answer) = certified.attempt(&certified.certify(addresses(&some)), b"mallory@localhost");
    assert_eq!(answer, "invalid-authzid", "behind as many addresses as are read");
    certified.scene.nobody_noticed();
    certified.scene.end();
}

/// Incident 18: a certificate that has expired since does not come back with a session that is resumed (RFC 6120
/// §13.7.2.3), and ends the stream that it opened, even one that is never silent; the state of the account counts as
/// with any other mechanism.
#[test]
fn certificates_that_held_once() {
    let certified = Certified::new("[limits]\nbytes_per_second = 0\nstanzas_per_second = 0\n");
    let short = certified.certify(|params| {
        addresses(&["mallory@localhost"])(params);
        params.not_after = (SystemTime::now() + Duration::from_secs(3)).into();
    });
    let config = short.config(trusting(&certified.scene.server.certificate()));
    let connect = || {
        let wire = Wire::connect(certified.scene.server.direct_tls()).start_tls(config.clone());
        let mut wire = wire.expect("the handshake succeeds");
        let features = wire.open(HEADER);
        (wire, features)
    };
    let (mut wire, features) = connect();
    assert!(features.contains("EXTERNAL"), "{features}");
    wire.send(auth("EXTERNAL", b""));
    assert_eq!(wire.sasl_answer(), "success");
    assert_eq!(whoami(&mut wire), "mallory@localhost");
    let spaces = " ".repeat(16 * 1024);
    let begin = SystemTime::now();
    while wire.send(&spaces) {
        assert!(begin.elapsed().expect("later") < Duration::from_secs(15), "the stream goes on");
    }
    // The last moment of a certificate is a second long (RFC 5280 §4.1.2.5).
    std::thread::sleep(Duration::from_millis(1100));
    let (mut wire, features) = connect();
    assert_eq!(wire.session().handshake_kind(), Some(HandshakeKind::Resumed));
    assert!(!features.contains("EXTERNAL"), "{features}");
    wire.send(auth("EXTERNAL", b""));
    assert_eq!(wire.sasl_answer(), "credentials-expired");

    let good = certified.certify(addresses(&["mallory@localhost"]));
    let nobody = certified.certify(addresses(&["nobody@localhost"]));
    assert_eq!(certified.attempt(&nobody, b"").1, "not-authorized");
    for (command, expected) in [
        (&["user", "disable", "mallory@localhost"][..], "account-disabled"),
        (&["user", "enable", "mallory@localhost"], "mallory@localhost"),
        (&["user", "remove", "--yes", "mallory@localhost"], "not-authorized"),
    ] {
        let run = certified.scene.server.run(command, "");
        assert!(run.success, "{command:?}: {run:?}");
        assert_eq!(certified.attempt(&good, b"").1, expected, "{command:?}");
    }
    // Before TLS there is no certificate.
    let mut wire = certified.scene.attacker(Stage::Clear);
    wire.send(auth("EXTERNAL", b"juliet@localhost"));
    assert_eq!(wire.sasl_answer(), "encryption-required");
    certified.scene.end();
}
