//! Certificates of other servers, whichever side they are on (incidents 17, 18; RFC 6120 §13.7.1.2, §13.7.2.1).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use jabiru_attacks::peer::{DIALBACK, Listening, PROCEED, STARTTLS, STARTTLS_FEATURES, element, features, header};
use jabiru_attacks::wire::auth;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType,
};
use rustls::sign::CertifiedKey;

use crate::certificates::{Shown, authority, srv_name, xmpp_addr};
use crate::federation::{EVIL, Federation, SECRET, serving};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Does it do, for a server that connects to us, and for one that we connect to?
type Does = (bool, bool);
const BOTH: Does = (true, true);
const NEITHER: Does = (false, false);

/// Makes certificates for one domain, which is called `evil.example` below.
struct Maker<'a> {
    authority: &'a CertifiedIssuer<'static, KeyPair>,
    /// In place of `evil`.
    label: &'a str,
}

impl Maker<'_> {
    fn name(&self, name: &str) -> String {
        name.replace("evil", self.label)
    }

    fn list(&self, list: &[&str]) -> Vec<SanType> {
        list.iter().map(|name| SanType::DnsName(self.name(name).try_into().expect("ASCII"))).collect()
    }

    fn certify(&self, change: impl FnOnce(&mut CertificateParams)) -> Shown {
        Shown::new(change, Some(self.authority), vec![])
    }

    fn named(&self, list: &[&str]) -> Shown {
        self.certify(|params| params.subject_alt_names = self.list(list))
    }

    /// For the domain, and something besides.
    fn good_but(&self, change: impl FnOnce(&mut CertificateParams)) -> Shown {
        self.certify(|params| {
            params.subject_alt_names = self.list(&[EVIL]);
            change(params);
        })
    }

    fn many(&self, count: usize) -> Shown {
        let others = (0..count).map(|number| format!("d{number}.example"));
        let list: Vec<String> = others.chain([EVIL.to_owned()]).collect();
        self.named(&list.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn used(&self, usages: &[ExtendedKeyUsagePurpose]) -> Shown {
        self.good_but(|params| params.extended_key_usages = usages.to_vec())
    }

    fn by(&self, issuer: &CertifiedIssuer<'static, KeyPair>, along: &[&CertifiedIssuer<'static, KeyPair>]) -> Shown {
        let along = along.iter().map(|issuer| issuer.der().clone()).collect();
        Shown::new(|params| params.subject_alt_names = self.list(&[EVIL]), Some(issuer), along)
    }

    /// The good one, without its key.
    fn stolen(&self) -> Shown {
        let good = self.named(&[EVIL]);
        let key = KeyPair::generate().expect("a key");
        let own = Shown::of(good.0.cert.clone(), &key);
        Shown(Arc::new(CertifiedKey::new(good.0.cert.clone(), own.0.key.clone())))
    }
}

/// What it is, how it is made, and whether it does.
type Case = (&'static str, fn(&Maker<'_>) -> Shown, Does);

/// Every certificate that somebody might try.
const MATRIX: [Case; 43] = [
    ("good", |make| make.named(&[EVIL]), BOTH),
    ("good, in capitals", |make| make.named(&["evil.EXAMPLE"]), BOTH),
    ("one of two", |make| make.named(&["other.example", EVIL]), BOTH),
    ("the last of very many", |make| make.many(800), BOTH),
    ("one of more than fit", |make| make.many(10_000), NEITHER),
    ("of nobody", |make| make.named(&[]), NEITHER),
    ("of another", |make| make.named(&["honest.example"]), NEITHER),
    ("of us", |make| make.named(&["localhost"]), NEITHER),
    ("of what is above", |make| make.named(&["example"]), NEITHER),
    ("of what is below", |make| make.named(&["sub.evil.example"]), NEITHER),
    ("of all below", |make| make.named(&["*.evil.example"]), NEITHER),
    ("of what ends the same", |make| make.named(&["veryevil.example"]), NEITHER),
    ("of what begins the same", |make| make.named(&["evil.example.com"]), NEITHER),
    ("of everybody", |make| make.named(&["*"]), NEITHER),
    ("of nearly everybody", |make| make.named(&["*.*"]), NEITHER),
    ("with a part for any", |make| make.named(&["ev*.example", "*l.example"]), NEITHER),
    ("with an end of C", |make| make.named(&["evil.example\0.com"]), NEITHER),
    (
        "in the common name alone",
        |make| make.certify(|params| params.distinguished_name.push(DnType::CommonName, make.name(EVIL))),
        NEITHER,
    ),
    (
        "in the common name beside another",
        |make| {
            make.certify(|params| {
                params.distinguished_name.push(DnType::CommonName, make.name(EVIL));
                params.subject_alt_names = make.list(&["other.example"]);
            })
        },
        NEITHER,
    ),
    (
        "in a unit that looks like a common name",
        |make| {
            make.certify(|params| {
                params.distinguished_name.push(DnType::OrganizationalUnitName, make.name("CN=evil.example,"));
                params.distinguished_name.push(DnType::CommonName, "other.example");
            })
        },
        NEITHER,
    ),
    ("by its service", |make| make.certify(srv(make.name("_xmpp-server.evil.example"))), BOTH),
    ("by another service", |make| make.certify(srv(make.name("_xmpp-client.evil.example"))), NEITHER),
    ("by a service of another", |make| make.certify(srv("_xmpp-server.honest.example".to_owned())), NEITHER),
    (
        "by its address",
        |make| make.certify(|params| params.subject_alt_names = vec![xmpp_addr(&make.name(EVIL))]),
        BOTH,
    ),
    (
        "by the address of a user",
        |make| make.certify(|params| params.subject_alt_names = vec![xmpp_addr(&make.name("romeo@evil.example"))]),
        NEITHER,
    ),
    (
        "by a URI and a mail address",
        |make| {
            make.certify(|params| {
                params.subject_alt_names = vec![
                    SanType::URI(make.name("xmpp:evil.example").try_into().expect("ASCII")),
                    SanType::Rfc822Name(make.name("romeo@evil.example").try_into().expect("ASCII")),
                ];
            })
        },
        NEITHER,
    ),
    (
        "by an IP address",
        |make| make.certify(|params| params.subject_alt_names = vec![SanType::IpAddress([127, 0, 0, 1].into())]),
        NEITHER,
    ),
    ("expired", |make| make.good_but(|params| params.not_after = (SystemTime::now() - DAY).into()), NEITHER),
    ("not valid yet", |make| make.good_but(|params| params.not_before = (SystemTime::now() + DAY).into()), NEITHER),
    ("self-signed", |make| Shown::new(|params| params.subject_alt_names = make.list(&[EVIL]), None, vec![]), NEITHER),
    ("by another authority", |make| make.by(&authority("Another authority"), &[]), NEITHER),
    (
        "by another that is sent along",
        |make| {
            let other = authority("Another authority");
            make.by(&other, &[&other])
        },
        NEITHER,
    ),
    ("by a namesake", |make| make.by(&authority("The authority"), &[]), NEITHER),
    (
        "by a namesake, with the true authority sent along",
        |make| make.by(&authority("The authority"), &[make.authority]),
        NEITHER,
    ),
    (
        "issued by a server",
        |make| {
            let mut params = CertificateParams::default();
            params.subject_alt_names = make.list(&[EVIL]);
            let server = CertifiedIssuer::signed_by(params, KeyPair::generate().expect("a key"), make.authority);
            let server = server.expect("a certificate");
            make.by(&server, &[&server])
        },
        NEITHER,
    ),
    (
        "an authority itself",
        |make| make.good_but(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
        NEITHER,
    ),
    // What many authorities issue by now, for whichever side.
    ("for servers", |make| make.used(&[ExtendedKeyUsagePurpose::ServerAuth]), BOTH),
    (
        "for both sides",
        |make| make.used(&[ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth]),
        BOTH,
    ),
    ("for clients", |make| make.used(&[ExtendedKeyUsagePurpose::ClientAuth]), (true, false)),
    ("for mail", |make| make.used(&[ExtendedKeyUsagePurpose::EmailProtection]), NEITHER),
    ("for code", |make| make.used(&[ExtendedKeyUsagePurpose::CodeSigning]), NEITHER),
    ("with another key", |make| make.stolen(), NEITHER),
    ("good again", |make| make.named(&[EVIL]), BOTH),
];

fn srv(name: String) -> impl FnOnce(&mut CertificateParams) {
    move |params| params.custom_extensions = vec![srv_name(&name)]
}

/// Incidents 17 and 18, of servers that connect to us: what is not good for the domain is not offered EXTERNAL, gets
/// nothing by asking for it, and where a certificate is required is not talked to at all.
#[test]
fn certificates_of_initiating_servers() {
    for require in ["certificate", "dialback"] {
        let mut federation = Federation::new(&format!("require = \"{require}\"\n"), "");
        for (what, make, (good, _)) in MATRIX {
            let shown = make(&Maker { authority: &federation.authority, label: "evil" });
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
    // Domains of their own: after a failure nobody tries the same one for a while.
    let nothing = serving(&Shown::new(|_| {}, None, vec![]));
    let mut evil: Vec<Listening> =
        (0..MATRIX.len()).map(|number| Listening::new(&format!("evil{number}.example"), nothing.clone())).collect();
    let elsewhere: Vec<(&str, SocketAddr)> = evil.iter().map(|evil| (&*evil.domain, evil.address())).collect();
    let mut federation = Federation::hosting("", "", &elsewhere, "");
    for ((what, make, (_, good)), evil) in MATRIX.into_iter().zip(&mut evil) {
        let label = evil.domain.trim_end_matches(".example").to_owned();
        evil.show(serving(&make(&Maker { authority: &federation.authority, label: &label })));
        federation.juliet_writes(&evil.domain, what);
        let mut wire = evil.accept_stream();
        wire.send(STARTTLS_FEATURES);
        wire.hear(STARTTLS);
        wire.send(PROCEED);
        let served = evil.serve(wire);
        if good {
            let mut wire = served.expect("the handshake succeeds");
            evil.answer_header(&mut wire, "secured");
            evil.establish(&mut wire, &[], &[DIALBACK]);
            assert!(element(&mut wire, "message").contains(SECRET), "{what}");
            wire.send("</stream:stream>");
            assert_eq!(wire.ended(), "closed");
        } else if let Ok(mut wire) = served {
            // Whatever it offers.
            wire.send(header(&evil.domain, "localhost", "id='refused'"));
            wire.send(features(&[DIALBACK]));
            wire.send(format!("<db:result from='{}' to='localhost' type='valid'/>", evil.domain));
            let ended = wire.ended();
            assert!(["not-authorized", "silence", "cut"].contains(&&*ended), "{what}: {ended}");
            assert!(!wire.text().contains(SECRET) && !wire.text().contains("db:result"), "{what}: {}", wire.text());
        }
        assert_eq!(federation.juliet_is_told(what), "remote-server-timeout", "{what}");
    }
    federation.scene.end();
}
