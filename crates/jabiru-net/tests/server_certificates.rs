//! Which certificates prove a server's domain, and what is said of the others (RFC 6120 §13.7.2.1; RFC 6125 §6).
#![allow(clippy::unwrap_used, reason = "it is all test code")]

mod support;

use std::time::{Duration, Instant, SystemTime};

use jabiru_net::certificate::{
    Certificate, IdentifierKind, Peer, Problem, Proof, Roots, ServerCheck, Service, verify_server,
};
use jabiru_stanza::DomainPart;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use support::{
    Authority, dns_id, email, named, other_name, revocation_list, srv_id, tlv, uri_id, with_names, xmpp_addr,
};

const CHECK: ServerCheck = ServerCheck::new(Peer::Receiving);

fn verify(
    authority: &Authority,
    params: &CertificateParams,
    domain: &str,
    check: ServerCheck,
) -> Result<Proof, Problem> {
    let chain = [authority.issue(params).certificate];
    let roots = Roots::new([authority.certificate()]).unwrap();
    verify_server(&chain, &DomainPart::new(domain).unwrap(), &roots, SystemTime::now(), check)
}

#[test]
fn authorities_come_together() {
    let [one, other, third] = ["the one", "the other", "the third"].map(Authority::new);
    let roots = |authority: &Authority| Roots::new([authority.certificate()]).unwrap();
    let both = roots(&one).and(&roots(&other));
    let domain = DomainPart::new("example.net").unwrap();
    for (authority, trusted) in [(&one, true), (&other, true), (&third, false)] {
        let chain = [authority.issue(&with_names("-", &[dns_id("example.net")])).certificate];
        assert_eq!(verify_server(&chain, &domain, &both, SystemTime::now(), CHECK).is_ok(), trusted);
    }
    assert!(Roots::default().is_empty() && !both.is_empty());
}

/// Common name, subjectAltName, the domain that is sought, how, and what is found.
type Row = (&'static str, Vec<Vec<u8>>, &'static str, ServerCheck, Option<IdentifierKind>);

/// Kinds of identifiers, wildcards, internationalized domains, the common name as the last resort.
#[test]
fn a_certificate_is_for_the_domains_that_it_names() {
    use IdentifierKind::{CnId, DnsId, SrvId, XmppAddr};

    let authority = Authority::new("the authority");
    let client = ServerCheck { service: Service::XmppClient, ..CHECK };
    let lenient = ServerCheck { common_name: true, ..CHECK };
    let net = "example.net";
    let rows: Vec<Row> = vec![
        ("-", vec![dns_id(net)], net, CHECK, Some(DnsId)),
        ("-", vec![dns_id("EXAMPLE.Net")], net, CHECK, Some(DnsId)),
        ("-", vec![dns_id("example.org"), dns_id(net)], net, CHECK, Some(DnsId)),
        ("-", vec![dns_id("example.org")], net, CHECK, None),
        ("-", vec![dns_id("chat.example.net")], net, CHECK, None),
        ("-", vec![dns_id(net)], "chat.example.net", CHECK, None),
        ("-", vec![dns_id("*.example.net")], "chat.example.net", CHECK, Some(DnsId)),
        ("-", vec![dns_id("*.example.net")], net, CHECK, None),
        ("-", vec![dns_id("*.example.net")], "a.chat.example.net", CHECK, None),
        ("-", vec![dns_id("ch*.example.net")], "chat.example.net", CHECK, None),
        ("-", vec![dns_id("*.net")], net, CHECK, None),
        ("-", vec![dns_id("xn--bcher-kva.example")], "bücher.example", CHECK, Some(DnsId)),
        ("-", vec![dns_id("xn--bcher-kva.example")], "xn--bcher-kva.example", CHECK, Some(DnsId)),
        ("-", vec![dns_id("*.xn--bcher-kva.example")], "chat.bücher.example", CHECK, Some(DnsId)),
        ("-", vec![srv_id("_xmpp-server.example.net")], net, CHECK, Some(SrvId)),
        ("-", vec![srv_id("_xmpp-server.example.net")], net, client, None),
        ("-", vec![srv_id("_xmpp-client.example.net")], net, client, Some(SrvId)),
        ("-", vec![srv_id("_xmpp-client.example.net")], net, CHECK, None),
        ("-", vec![srv_id("_xmpp-client.example.net"), dns_id(net)], net, CHECK, Some(DnsId)),
        ("-", vec![srv_id("_xmpp-server.*.example.net")], "chat.example.net", CHECK, None),
        ("-", vec![srv_id("_xmpp-server.xn--bcher-kva.example")], "bücher.example", CHECK, Some(SrvId)),
        ("-", vec![xmpp_addr(net)], net, CHECK, Some(XmppAddr)),
        ("-", vec![xmpp_addr("bücher.example")], "bücher.example", CHECK, Some(XmppAddr)),
        ("-", vec![xmpp_addr("juliet@example.net")], net, CHECK, None),
        ("-", vec![xmpp_addr("*.example.net")], "chat.example.net", CHECK, None),
        ("an XmppAddr that is no UTF8String", vec![other_name(5, 0x16, net.as_bytes())], net, CHECK, None),
        ("an SRV-ID that is no IA5String", vec![other_name(7, 0x0c, b"_xmpp-server.example.net")], net, CHECK, None),
        ("another otherName", vec![other_name(9, 0x0c, net.as_bytes())], net, CHECK, None),
        ("-", vec![dns_id("192.0.2.1")], "192.0.2.1", CHECK, None),
        ("example.net", vec![], net, CHECK, None),
        ("example.net", vec![], net, lenient, Some(CnId)),
        ("*.example.net", vec![], "chat.example.net", lenient, Some(CnId)),
        ("example.org", vec![], net, lenient, None),
        ("example.net", vec![email("juliet@example.net")], net, lenient, Some(CnId)),
        ("example.net", vec![dns_id("example.org")], net, lenient, None),
        ("example.net", vec![srv_id("_xmpp-client.example.net")], net, lenient, None),
        ("example.net", vec![xmpp_addr("juliet@example.net")], net, lenient, None),
        ("example.net", vec![uri_id("https://example.org/")], net, lenient, None),
        ("example.net", vec![other_name(5, 0x16, b"example.org")], net, lenient, None),
        ("example.net", vec![tlv(0x82, b"\xff")], net, lenient, None),
    ];
    for (common_name, names, domain, check, expected) in rows {
        let row = format!("{common_name}, {names:02x?}, for {domain}, {check:?}");
        let found = match verify(&authority, &with_names(common_name, &names), domain, check) {
            Ok(proof) => Some(proof.identifier),
            Err(Problem::WrongName { domain: named, .. }) if named == domain => None,
            // Authorities do not certify that, and what follows chains may say so first.
            Err(Problem::Invalid(_)) if names.contains(&tlv(0x82, b"\xff")) => None,
            Err(other) => panic!("{row}: {other}"),
        };
        assert_eq!(found, expected, "{row}");
    }
}

/// Each problem has a variant and a sentence of its own.
#[test]
fn problems_are_told_apart() {
    let (authority, other) = (Authority::new("the authority"), Authority::new("another authority"));
    let impostor = Authority::new("the authority");
    let good = || with_names("-", &[dns_id("example.net")]);
    let changed = |change: fn(&mut CertificateParams)| {
        let mut params = good();
        change(&mut params);
        params
    };
    let purpose = |purpose| {
        let mut params = good();
        params.extended_key_usages = vec![purpose];
        params
    };
    let own = |params: CertificateParams| params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone();
    let issued = |authority: &Authority, params: &CertificateParams| authority.issue(params).certificate;
    let rows: Vec<(CertificateDer<'static>, Peer, &str)> = vec![
        (issued(&authority, &good()), Peer::Receiving, "proved"),
        (issued(&authority, &good()), Peer::Initiating, "proved"),
        (issued(&authority, &purpose(ExtendedKeyUsagePurpose::ServerAuth)), Peer::Receiving, "proved"),
        (issued(&authority, &purpose(ExtendedKeyUsagePurpose::ServerAuth)), Peer::Initiating, "proved"),
        (issued(&authority, &purpose(ExtendedKeyUsagePurpose::ClientAuth)), Peer::Initiating, "proved"),
        (
            issued(&authority, &purpose(ExtendedKeyUsagePurpose::ClientAuth)),
            Peer::Receiving,
            "the certificate is not for this purpose",
        ),
        (
            issued(&authority, &purpose(ExtendedKeyUsagePurpose::EmailProtection)),
            Peer::Initiating,
            "the certificate is not for this purpose",
        ),
        (
            issued(&authority, &changed(|params| params.not_after = date_time_ymd(2021, 2, 3))),
            Peer::Receiving,
            "the certificate, or one that it rests on, expired on Feb  3 00:00:00 2021 +00:00",
        ),
        (
            issued(&authority, &changed(|params| params.not_before = date_time_ymd(2999, 2, 3))),
            Peer::Receiving,
            "the certificate, or one that it rests on, is not valid before Feb  3 00:00:00 2999 +00:00",
        ),
        (own(good()), Peer::Receiving, "the certificate is self-signed"),
        (
            issued(&other, &good()),
            Peer::Receiving,
            "the certificate was issued by an unknown authority (CN=another authority), or intermediate certificates are \
             missing",
        ),
        (issued(&impostor, &good()), Peer::Receiving, "a signature in the certificate chain is wrong"),
        (
            issued(&authority, &changed(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained))),
            Peer::Receiving,
            "the certificate is that of an authority, not of a server",
        ),
        (
            issued(&authority, &changed(|params| params.serial_number = Some(7u64.into()))),
            Peer::Receiving,
            "the certificate, or one that it rests on, was revoked",
        ),
        (
            issued(&authority, &with_names("example.net", &[])),
            Peer::Receiving,
            "the certificate is not for example.net but for no domain",
        ),
        (
            issued(
                &authority,
                &with_names(
                    "-",
                    &[dns_id("example.org"), srv_id("_xmpp-client.example.net"), xmpp_addr("a\u{1b}[2J\n")],
                ),
            ),
            Peer::Receiving,
            r"the certificate is not for example.net but for example.org, _xmpp-client.example.net, a\u{1b}[2J\n",
        ),
        (
            issued(&authority, &with_names("-", &(0..10).map(|n| dns_id(&format!("{n}.example"))).collect::<Vec<_>>())),
            Peer::Receiving,
            "the certificate is not for example.net but for 0.example, 1.example, 2.example, 3.example, 4.example, \
             5.example, 6.example, 7.example and 2 more",
        ),
        (b"0\x80nonsense".to_vec().into(), Peer::Receiving, "not a certificate in DER: "),
    ];
    let list = revocation_list(&authority, 7, 2998);
    let roots = Roots::new([authority.certificate()]).unwrap().revoking([list]).unwrap();
    let domain = DomainPart::new("example.net").unwrap();
    for (certificate, peer, expected) in rows {
        let told = match verify_server(&[certificate], &domain, &roots, SystemTime::now(), ServerCheck::new(peer)) {
            Ok(_) => "proved".to_owned(),
            Err(problem) => problem.to_string(),
        };
        assert!(told == expected || (expected.ends_with(": ") && told.starts_with(expected)), "{told}, not {expected}");
    }
    let nothing: [&[u8]; 0] = [];
    let problem = verify_server(&nothing, &domain, &roots, SystemTime::now(), CHECK).unwrap_err();
    assert_eq!(problem, Problem::NoCertificate);
    // Nobody is trusted unless they are named.
    let chain = [authority.certificate()];
    verify_server(&chain, &domain, &Roots::default(), SystemTime::now(), CHECK).unwrap_err();
}

/// A list that is out of date says nothing of what was revoked since.
#[test]
fn an_old_revocation_list_is_told() {
    let authority = Authority::new("the authority");
    let roots = Roots::new([authority.certificate()]).unwrap();
    let roots = roots.revoking([revocation_list(&authority, 7, 2021)]).unwrap();
    let chain = [authority.issue(&with_names("-", &[dns_id("example.net")])).certificate];
    let domain = DomainPart::new("example.net").unwrap();
    let problem = verify_server(&chain, &domain, &roots, SystemTime::now(), CHECK).unwrap_err();
    assert!(matches!(problem, Problem::RevocationUnknown { .. }), "{problem}");
}

/// RFC 6120 §13.7.2.3: what a proof rests on ends with the first certificate on its path.
#[test]
fn a_proof_ends_with_the_first_certificate_on_its_path() {
    let authority = Authority::new("the authority");
    let year = |year| date_time_ymd(year, 1, 1);
    let since_1970 = |year: i64| {
        SystemTime::UNIX_EPOCH
            + Duration::from_secs(
                u64::try_from(date_time_ymd(i32::try_from(year).unwrap(), 1, 1).unix_timestamp()).unwrap(),
            )
    };
    for (own_end, between_end, expected) in
        [(2100, 2090, Some(2090)), (2080, 2090, Some(2080)), (2080, 2021, None), (2021, 2080, None)]
    {
        let mut params = Authority::params("between");
        params.not_after = year(between_end);
        let between = CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), authority.issuer()).unwrap();
        let mut params = with_names("-", &[dns_id("example.net")]);
        params.not_after = year(own_end);
        let own = params.signed_by(&KeyPair::generate().unwrap(), &between).unwrap().der().clone();
        let roots = Roots::new([authority.certificate()]).unwrap();
        let domain = DomainPart::new("example.net").unwrap();
        let chain = [own.clone(), between.der().clone()];
        match verify_server(&chain, &domain, &roots, SystemTime::now(), CHECK) {
            Ok(proof) => assert_eq!(Some(proof.not_after), expected.map(since_1970)),
            Err(Problem::Expired { not_after }) => {
                assert_eq!(expected, None);
                assert_eq!(not_after, since_1970(2021));
            }
            Err(other) => panic!("{other}"),
        }
        let problem = verify_server(&[own], &domain, &roots, SystemTime::now(), CHECK).unwrap_err();
        assert!(matches!(problem, Problem::UnknownIssuer { .. } | Problem::Expired { .. }), "{problem}");
    }
}

/// A certificate may name many, and an attacker's as many as fit.
#[test]
fn many_names_take_little_time() {
    let authority = Authority::new("the authority");
    let names = |kind: fn(&str) -> Vec<u8>| {
        (0..1200).map(move |n| kind(&format!("*.{n}.bücher.example.net"))).collect::<Vec<_>>()
    };
    let wildcards = (0..2000).map(|n| dns_id(&format!("*.{n}.example.net"))).collect::<Vec<_>>();
    for (names, domain, found) in [
        (wildcards.clone(), "chat.1999.example.net", true),
        (wildcards, "chat.2000.example.net", false),
        (names(xmpp_addr), "chat.example.net", false),
    ] {
        let params = with_names("-", &names);
        let begin = Instant::now();
        let result = verify(&authority, &params, domain, CHECK);
        // Milliseconds; the bound is for a slow machine without optimisation.
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
        assert_eq!(result.is_ok(), found, "{result:?}");
    }
    let certificate = authority
        .issue(&with_names("-", &(0..2000).map(|n| dns_id(&format!("{n}.example.net"))).collect::<Vec<_>>()))
        .certificate;
    let chain = vec![certificate; 3];
    let roots = Roots::new([authority.certificate()]).unwrap();
    let domain = DomainPart::new("example.net").unwrap();
    let problem = verify_server(&chain, &domain, &roots, SystemTime::now(), CHECK).unwrap_err();
    assert!(matches!(problem, Problem::TooLarge { .. }), "{problem}");
}

/// Whatever a peer sends is read or refused.
#[test]
fn damaged_certificates_are_read_or_refused() {
    let authority = Authority::new("the authority");
    let names = [dns_id("example.net"), srv_id("_xmpp-server.example.net"), xmpp_addr("example.net")];
    let whole = authority.issue(&with_names("-", &names)).certificate.to_vec();
    let roots = Roots::new([authority.certificate()]).unwrap();
    let domain = DomainPart::new("example.net").unwrap();
    let verify = |der: Vec<u8>| verify_server(&[der], &domain, &roots, SystemTime::now(), CHECK);
    verify(whole.clone()).unwrap();
    for cut in 0..whole.len() {
        Certificate::parse(&whole[..cut]).unwrap_err();
    }
    for position in 0..whole.len() {
        for bit in [0x01, 0x80] {
            let mut damaged = whole.clone();
            damaged[position] ^= bit;
            // The signature covers all of it.
            assert!(verify(damaged).is_err(), "bit {bit:#x} of octet {position}");
        }
    }
    let mut longer = whole;
    longer.push(0);
    Certificate::parse(&longer).unwrap_err();
}

#[test]
fn what_a_certificate_says_can_be_read() {
    let authority = Authority::new("the authority");
    let mut params = with_names("-", &[dns_id("example.net"), srv_id("_xmpp-server.example.net"), xmpp_addr("a@b")]);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2090, 1, 1);
    let certificate = Certificate::parse(&authority.issue(&params).certificate).unwrap();
    let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(seconds(certificate.not_before()), 1_577_836_800);
    assert_eq!(seconds(certificate.not_after()), 3_786_912_000);
    assert_eq!(certificate.issuer(), "CN=the authority");
    assert!(!certificate.is_self_issued());
    assert_eq!(certificate.dns_ids().collect::<Vec<_>>(), ["example.net"]);
    assert_eq!(certificate.srv_ids().collect::<Vec<_>>(), ["_xmpp-server.example.net"]);
    assert_eq!(certificate.xmpp_addresses().collect::<Vec<_>>(), ["a@b"]);
    assert_eq!(certificate.common_names().collect::<Vec<_>>(), ["-"]);
    // Certificates from before 1970, and those that never end (RFC 5280 §4.1.2.5).
    let mut params = named("-");
    params.not_before = date_time_ymd(1960, 1, 1);
    params.not_after = date_time_ymd(9999, 12, 31);
    let certificate = Certificate::parse(&authority.issue(&params).certificate).unwrap();
    assert!(certificate.not_before() < SystemTime::UNIX_EPOCH);
    assert!(certificate.not_after() > SystemTime::now());
}
