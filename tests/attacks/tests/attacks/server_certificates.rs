//! Certificates of other servers, whichever side they are on (incidents 17, 18; RFC 6120 §13.7.1.2, §13.7.2.1).

use std::time::{Duration, Instant, SystemTime};

use jabiru_attacks::peer::{DIALBACK, element, features, header};
use jabiru_attacks::wire::auth;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    OtherNameValue, SanType,
};
use rustls::sign::CertifiedKey;

use crate::certificates::{Shown, addresses, authority, xmpp_addr};
use crate::federation::{EVIL, Federation, SECRET, names, serving};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// RFC 4985: `id-on-dnsSRV`.
const ID_ON_DNS_SRV: [u64; 8] = [1, 3, 6, 1, 5, 5, 7, 8];

fn srv_name(name: &str) -> SanType {
    let id = ID_ON_DNS_SRV.iter().copied().chain([7]).collect();
    SanType::OtherName((id, OtherNameValue::IA5String(name.try_into().expect("ASCII"))))
}

/// Does it do, for a server that connects to us, and for one that we connect to?
type Does = (bool, bool);
const BOTH: Does = (true, true);
const NEITHER: Does = (false, false);

/// Every certificate that somebody might try, for [`EVIL`].
fn matrix(federation: &Federation) -> Vec<(&'static str, Shown, Does)> {
    let certify = |change: &dyn Fn(&mut CertificateParams)| Shown::new(change, Some(&federation.authority), vec![]);
    let named = |list: &'static [&'static str]| certify(&move |params| names(list)(params));
    let dated = |before: SystemTime, after: SystemTime| {
        certify(&move |params| {
            names(&[EVIL])(params);
            (params.not_before, params.not_after) = (before.into(), after.into());
        })
    };
    let used = |usages: &'static [ExtendedKeyUsagePurpose]| {
        certify(&move |params| {
            names(&[EVIL])(params);
            params.extended_key_usages = usages.to_vec();
        })
    };
    let (other, namesake) = (authority("Another authority"), authority("The authority"));
    let by = |issuer: &CertifiedIssuer<'static, KeyPair>, along: bool| {
        Shown::new(names(&[EVIL]), Some(issuer), if along { vec![issuer.der().clone()] } else { vec![] })
    };
    let mut params = CertificateParams::default();
    names(&[EVIL])(&mut params);
    let leaf = CertifiedIssuer::signed_by(params, KeyPair::generate().expect("a key"), &federation.authority);
    let leaf = leaf.expect("a certificate");
    let now = SystemTime::now();
    let many = |count: usize| {
        certify(&move |params| {
            let others = (0..count).map(|number| format!("d{number}.example"));
            let list: Vec<String> = others.chain([EVIL.to_owned()]).collect();
            names(&list.iter().map(String::as_str).collect::<Vec<_>>())(params);
        })
    };
    vec![
        ("good", named(&[EVIL]), BOTH),
        ("good, in capitals", named(&["EVIL.example"]), BOTH),
        ("one of two", named(&["other.example", EVIL]), BOTH),
        ("the last of very many", many(800), BOTH),
        ("one of more than fit", many(10_000), NEITHER),
        ("nobody's", certify(&|_| {}), NEITHER),
        ("of another", named(&["honest.example"]), NEITHER),
        ("of us", named(&["localhost"]), NEITHER),
        ("of what is above", named(&["example"]), NEITHER),
        ("of what is below", named(&["sub.evil.example"]), NEITHER),
        ("of all below", named(&["*.evil.example"]), NEITHER),
        ("of what ends the same", named(&["veryevil.example"]), NEITHER),
        ("of what begins the same", named(&["evil.example.com"]), NEITHER),
        ("of everybody", named(&["*"]), NEITHER),
        ("of nearly everybody", named(&["*.*"]), NEITHER),
        ("with a part for any", named(&["ev*.example"]), NEITHER),
        ("with an end of C", named(&["evil.example\0.com"]), NEITHER),
        (
            "in the common name alone",
            certify(&|params| params.distinguished_name.push(DnType::CommonName, EVIL)),
            NEITHER,
        ),
        (
            "in the common name beside another",
            certify(&|params| {
                params.distinguished_name.push(DnType::CommonName, EVIL);
                names(&["other.example"])(params);
            }),
            NEITHER,
        ),
        (
            "in a unit that looks like a common name",
            certify(&|params| {
                params.distinguished_name.push(DnType::OrganizationalUnitName, "CN=evil.example,");
                params.distinguished_name.push(DnType::CommonName, "other.example");
            }),
            NEITHER,
        ),
        ("by its service", certify(&|params| params.subject_alt_names = vec![srv_name("_xmpp-server.evil.example")]), BOTH),
        (
            "by another service",
            certify(&|params| params.subject_alt_names = vec![srv_name("_xmpp-client.evil.example")]),
            NEITHER,
        ),
        (
            "by a service of another",
            certify(&|params| params.subject_alt_names = vec![srv_name("_xmpp-server.honest.example")]),
            NEITHER,
        ),
        ("by its address", certify(&|params| params.subject_alt_names = vec![xmpp_addr(EVIL)]), BOTH),
        ("by the address of a user", certify(&|params| addresses(&["romeo@evil.example"])(params)), NEITHER),
        (
            "by a URI and a mail address",
            certify(&|params| {
                params.subject_alt_names = vec![
                    SanType::URI("xmpp:evil.example".try_into().expect("ASCII")),
                    SanType::Rfc822Name("romeo@evil.example".try_into().expect("ASCII")),
                ];
            }),
            NEITHER,
        ),
        ("by an IP address", certify(&|params| params.subject_alt_names = vec![SanType::IpAddress([127, 0, 0, 1].into())]), NEITHER),
        ("expired", dated(now - 30 * DAY, now - DAY), NEITHER),
        ("not valid yet", dated(now + DAY, now + 30 * DAY), NEITHER),
        ("self-signed", Shown::new(names(&[EVIL]), None, vec![]), NEITHER),
        ("by another authority", by(&other, false), NEITHER),
        ("by another that is sent along", by(&other, true), NEITHER),
        ("by a namesake", by(&namesake, false), NEITHER),
        (
            "by a namesake, with the true authority sent along",
            Shown::new(names(&[EVIL]), Some(&namesake), vec![federation.authority.der().clone()]),
            NEITHER,
        ),
        (
            "issued by a server",
            Shown::new(names(&[EVIL]), Some(&leaf), vec![leaf.der().clone()]),
            NEITHER,
        ),
        (
            "an authority itself",
            certify(&|params| {
                names(&[EVIL])(params);
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            }),
            NEITHER,
        ),
        // What many authorities issue by now, for whichever side.
        ("for servers", used(&[ExtendedKeyUsagePurpose::ServerAuth]), BOTH),
        ("for both sides", used(&[ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth]), BOTH),
        ("for clients", used(&[ExtendedKeyUsagePurpose::ClientAuth]), (true, false)),
        ("for mail", used(&[ExtendedKeyUsagePurpose::EmailProtection]), NEITHER),
        ("for code", used(&[ExtendedKeyUsagePurpose::CodeSigning]), NEITHER),
        ("of somebody else's key", stolen(federation), NEITHER),
    ]
}

/// The good certificate, without its key.
fn stolen(federation: &Federation) -> Shown {
    let good = federation.shown(EVIL);
    let key = KeyPair::generate().expect("a key");
    let own = Shown::of(good.0.cert.clone(), &key);
    Shown(std::sync::Arc::new(CertifiedKey::new(good.0.cert.clone(), own.0.key.clone())))
}

/// Incidents 17 and 18, of servers that connect to us: what is not good for the domain is not offered EXTERNAL, gets
/// nothing by asking for it, and where a certificate is required is not talked to at all.
#[test]
fn certificates_of_initiating_servers() {
    for require in ["certificate", "dialback"] {
        let mut federation = Federation::new(&format!("require = \"{require}\"\n"), "");
        for (what, shown, (good, _)) in matrix(&federation) {
            let begin = Instant::now();
            // What TLS itself finds ends in TLS: too large a chain, another key.
            let wire = federation.secured(EVIL, Some(&shown));
            let Ok(mut wire) = wire else {
                assert!(!good, "{what}");
                continue;
            };
            wire.send(header(EVIL, "localhost", ""));
            let Some(offered) = wire.hears("</stream:features>") else {
                assert!(!good, "{what}: {}", wire.text());
                let ended = wire.ended();
                let in_tls = ["silence", "cut"].contains(&&*ended);
                assert!(ended == "not-authorized" && require == "certificate" || in_tls, "{what}: {ended}");
                continue;
            };
            assert_eq!(offered.contains("<mechanism>EXTERNAL</mechanism>"), good, "{what}");
            assert!(good || require == "dialback", "{what}");
            wire.send(auth("EXTERNAL", EVIL.as_bytes()));
            assert_eq!(wire.sasl_answer(), if good { "success" } else { "not-authorized" }, "{what}");
            if good {
                wire.open(&header(EVIL, "localhost", ""));
                federation.arrives(&mut wire, EVIL);
            }
            assert!(begin.elapsed() < Duration::from_secs(5), "{what}: {:?}", begin.elapsed());
        }
        federation.scene.nobody_noticed();
        federation.scene.end();
    }
}

/// The same of servers that we connect to: what is not good is told so, and hears nothing of what was to be sent; the
/// sender is told too.
#[test]
fn certificates_of_receiving_servers() {
    let mut federation = Federation::new("", "[s2s.limits]\nretry_after_seconds = [1, 1]\n");
    for (what, shown, (_, good)) in matrix(&federation) {
        federation.evil.show(serving(&shown));
        let answered = loop {
            federation.juliet_writes(EVIL, what);
            if let Some(wire) = federation.evil.accept_within(Duration::from_millis(50)) {
                break wire;
            }
            // Refused, as nobody tries again so soon.
            assert_eq!(federation.juliet_is_told(what), "remote-server-timeout", "{what}");
            std::thread::sleep(Duration::from_millis(100));
        };
        let mut wire = answered;
        federation.evil.answer_header(&mut wire, "clear");
        wire.send(jabiru_attacks::peer::STARTTLS_FEATURES);
        wire.hear(jabiru_attacks::peer::STARTTLS);
        wire.send(jabiru_attacks::peer::PROCEED);
        let served = federation.evil.serve(wire);
        if good {
            let mut wire = served.expect("the handshake succeeds");
            federation.evil.answer_header(&mut wire, "secured");
            federation.evil.establish(&mut wire, &[], &[DIALBACK]);
            assert!(element(&mut wire, "message").contains(SECRET), "{what}");
            wire.send("</stream:stream>");
            assert_eq!(wire.ended(), "closed");
        } else if let Ok(mut wire) = served {
            // Whatever it offers.
            wire.send(header(EVIL, "localhost", "id='refused'"));
            wire.send(features(&[DIALBACK]));
            wire.send("<db:result from='evil.example' to='localhost' type='valid'/>");
            let ended = wire.ended();
            assert!(["not-authorized", "silence", "cut"].contains(&&*ended), "{what}: {ended}");
            assert!(!wire.text().contains(SECRET) && !wire.text().contains("db:result"), "{what}: {}", wire.text());
        }
        assert_eq!(federation.juliet_is_told(what), "remote-server-timeout", "{what}");
    }
    federation.scene.end();
}
