//! RFC 6120 §13.7.2.1: certificates between servers, in both directions.

use std::sync::Arc;

use super::{PROCEED, STARTTLS, is_told, romeo_writes};
use crate::case;
use crate::case::{Case, Need};
use crate::client::{Client, Features, Identity, Item, Next, TlsOptions};
use crate::ns;
use crate::servers::{Offers, PeerServer};
use crate::subject::{Authority, ServerCertificate, Subject, Usage, Validity};
use crate::tree::Element;

pub(super) const CASES: &[Case] = &[
    case!(Must, dns_id_proves_a_server, ["13.7.2.1", "13.7.1.2", "tls-certs", "13.5"], needs[Need::Servers]),
    case!(Must, case_of_a_dns_id_does_not_matter, ["13.7.2.1"], needs[Need::Servers]),
    case!(Must, srv_id_proves_a_server, ["13.7.2.1", "13.7.1.2"], needs[Need::Servers]),
    case!(May, xmpp_address_proves_a_server, ["13.7.2.1", "13.7.1.4"], needs[Need::Servers]),
    case!(Should, wildcard_proves_a_server, ["13.7.2.1", "13.7.1.2"], needs[Need::Servers]),
    case!(Must, one_of_many_names_proves_a_server, ["13.7.2.1", "13.7.1.2"], needs[Need::Servers]),
    case!(
        Must,
        identifiers_of_every_kind_may_stand_together,
        ["13.7.2.1", "13.7.1.2", "13.7.1.4"],
        needs[Need::Servers]
    ),
    case!(Must, internationalized_name_proves_a_server, ["13.7.2.1", "12"], needs[Need::Servers]),
    case!(Should, certificate_for_any_usage_proves_a_server, ["13.7.2.1", "13.7.1.2"], needs[Need::Servers]),
    case!(Must, certificate_out_of_date_proves_no_server, ["13.7.2", "13.7.2.1", "tls-certs"], needs[Need::Servers]),
    case!(
        Must,
        certificate_that_nobody_trusts_proves_no_server,
        ["13.7.2", "13.7.2.1", "tls-certs"],
        needs[Need::Servers]
    ),
    case!(
        Must,
        certificate_of_another_name_proves_no_server,
        ["13.7.2.1", "tls-certs", "tls-correlate"],
        needs[Need::Servers]
    ),
    case!(Must, wildcard_proves_no_more_than_one_label, ["13.7.2.1", "13.7.1.2"], needs[Need::Servers]),
    case!(Must, common_name_beside_other_names_proves_no_server, ["13.7.2.1", "13.7.1.2"], needs[Need::Servers]),
    case!(
        Must,
        identifier_of_another_kind_proves_no_server,
        ["13.7.2.1", "13.7.1.2", "13.7.1.4"],
        needs[Need::Servers]
    ),
    case!(
        Must,
        server_with_a_dns_id_is_sent_stanzas,
        ["13.7.2.1", "13.7.1.2", "tls-certs"],
        needs[Need::ServersByCertificate]
    ),
    case!(Must, server_with_an_srv_id_is_sent_stanzas, ["13.7.2.1", "13.7.1.2"], needs[Need::ServersByCertificate]),
    case!(
        Must,
        server_with_a_wrong_certificate_is_sent_nothing,
        ["13.7.2", "13.7.2.1", "tls-certs"],
        needs[Need::ServersByCertificate]
    ),
    case!(
        Must,
        host_that_was_found_is_not_the_name_that_counts,
        ["13.7.2.1", "13.9.2"],
        needs[Need::ServersByCertificate]
    ),
    case!(
        Must,
        no_key_stands_for_a_certificate_that_is_required,
        ["13.7.2", "13.5"],
        needs[Need::ServersByCertificate]
    ),
];

/// RFC 6120 §13.7.1.2, §13.7.2.1: the reference identifier is the domain in `from`: a DNS-ID of it proves the server.
fn dns_id_proves_a_server(subject: &Subject) {
    let verona = subject.server("verona");
    let domain = verona.domain();
    assert!(is_proven(subject, &verona, &ServerCertificate { dns: &[domain], ..Default::default() }));
}

/// RFC 6120 §13.7.2.1, RFC 6125 §6.4.1: DNS-IDs are compared without regard to case.
fn case_of_a_dns_id_does_not_matter(subject: &Subject) {
    let verona = subject.server("verona");
    let upper = verona.domain().to_uppercase();
    assert!(is_proven(subject, &verona, &ServerCertificate { dns: &[&upper], ..Default::default() }), "{upper}");
}

/// RFC 6120 §13.7.1.2: so does an SRV-ID of the service xmpp-server, which servers have to support.
fn srv_id_proves_a_server(subject: &Subject) {
    let verona = subject.server("verona");
    let srv = format!("_xmpp-server.{}", verona.domain());
    assert!(is_proven(subject, &verona, &ServerCertificate { srv: &[&srv], ..Default::default() }));
}

/// RFC 6120 §13.7.1.2, §13.7.1.4: an XmppAddr that is the domain is encouraged to be supported.
fn xmpp_address_proves_a_server(subject: &Subject) {
    let verona = subject.server("verona");
    assert!(is_proven(subject, &verona, &ServerCertificate { addresses: &[verona.domain()], ..Default::default() }));
}

/// RFC 6120 §13.7.1.2: the left-most label of a DNS-ID may be `*`.
fn wildcard_proves_a_server(subject: &Subject) {
    let parent = subject.server("parent");
    let verona = subject.server_of("verona", &format!("im.{}", parent.domain()));
    let wildcard = format!("*.{}", parent.domain());
    assert!(is_proven(subject, &verona, &ServerCertificate { dns: &[&wildcard], ..Default::default() }));
}

/// RFC 6120 §13.7.1.2: a certificate may have many identifiers: one that fits is enough.
fn one_of_many_names_proves_a_server(subject: &Subject) {
    let verona = subject.server("verona");
    let mut names: Vec<String> = (0..100).map(|number| format!("host{number}.invalid")).collect();
    names.push(verona.domain().to_owned());
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert!(is_proven(subject, &verona, &ServerCertificate { dns: &names, ..Default::default() }));
}

/// RFC 6120 §13.7.1.2.2: the identifiers of the example, one of every kind, prove the server together.
fn identifiers_of_every_kind_may_stand_together(subject: &Subject) {
    let verona = subject.server("verona");
    let domain = verona.domain();
    let srv = [format!("_xmpp-client.{domain}"), format!("_xmpp-server.{domain}")];
    let srv = srv.each_ref().map(String::as_str);
    let wanted = ServerCertificate {
        dns: &[domain],
        srv: &srv,
        addresses: &[domain],
        common_name: Some("Verona, Inc."),
        ..Default::default()
    };
    assert!(is_proven(subject, &verona, &wanted));
}

/// RFC 6120 §13.7.2.1, RFC 6125 §6.4.2: an internationalized domain is compared in A-labels.
fn internationalized_name_proves_a_server(subject: &Subject) {
    let parent = subject.server("parent");
    let verona = subject.server_of("verona", &format!("bücher.{}", parent.domain()));
    let name = format!("xn--bcher-kva.{}", parent.domain());
    assert!(is_proven(subject, &verona, &ServerCertificate { dns: &[&name], ..Default::default() }));
}

/// RFC 6120 §13.7.1.2, XEP-0178 §3: whether the certificate says that it is for servers, for both ends of TLS or nothing of
/// that: public authorities issue it for servers alone.
fn certificate_for_any_usage_proves_a_server(subject: &Subject) {
    let verona = subject.server("verona");
    for usage in [Usage::Server, Usage::Both, Usage::Unsaid] {
        let wanted = ServerCertificate { dns: &[verona.domain()], usage, ..Default::default() };
        assert!(is_proven(subject, &verona, &wanted), "{usage:?}");
    }
}

/// RFC 6120 §13.7.2: a certificate that is no longer good, or not yet, proves nothing.
fn certificate_out_of_date_proves_no_server(subject: &Subject) {
    let verona = subject.server("verona");
    for validity in [Validity::Expired, Validity::NotYet] {
        let wanted = ServerCertificate { dns: &[verona.domain()], validity, ..Default::default() };
        assert!(!is_proven(subject, &verona, &wanted), "{validity:?}");
    }
}

/// RFC 6120 §13.7.2: neither does one that is self-signed, or signed by an authority that is not trusted.
fn certificate_that_nobody_trusts_proves_no_server(subject: &Subject) {
    let verona = subject.server("verona");
    for identity in untrusted(verona.domain()) {
        assert!(!shows_and_is_proven(&verona, &identity));
    }
}

/// RFC 6120 §13.7.2.1: neither does one for another name: that of another domain, those above and below, and the host that
/// the server is found at.
fn certificate_of_another_name_proves_no_server(subject: &Subject) {
    let verona = subject.server("verona");
    for name in other_names(verona.domain()) {
        assert!(!is_proven(subject, &verona, &ServerCertificate { dns: &[&name], ..Default::default() }), "{name}");
    }
}

/// RFC 6120 §13.7.1.2: `*` is a whole label, the left-most one, and no more.
fn wildcard_proves_no_more_than_one_label(subject: &Subject) {
    let parent = subject.server("parent");
    let verona = subject.server_of("verona", &format!("a.im.{}", parent.domain()));
    for name in ["*.$parent", "a.*.$parent", "*.*.$parent", "*.example", "*"] {
        let name = name.replace("$parent", parent.domain());
        assert!(!is_proven(subject, &verona, &ServerCertificate { dns: &[&name], ..Default::default() }), "{name}");
    }
}

/// RFC 6120 §13.7.2.1, RFC 6125 §6.4.4: the common name is not looked at where there are other identifiers.
fn common_name_beside_other_names_proves_no_server(subject: &Subject) {
    let verona = subject.server("verona");
    let wanted =
        ServerCertificate { dns: &["another.invalid"], common_name: Some(verona.domain()), ..Default::default() };
    assert!(!is_proven(subject, &verona, &wanted));
}

/// RFC 6120 §13.7.1.2, §13.7.1.4: an SRV-ID of another service, or the XmppAddr of an account, is no identifier of a server.
fn identifier_of_another_kind_proves_no_server(subject: &Subject) {
    let verona = subject.server("verona");
    for service in ["_imaps", "_xmpp-client", "xmpp-server"] {
        let srv = format!("{service}.{}", verona.domain());
        assert!(!is_proven(subject, &verona, &ServerCertificate { srv: &[&srv], ..Default::default() }), "{srv}");
    }
    let address = format!("juliet@{}", verona.domain());
    assert!(!is_proven(subject, &verona, &ServerCertificate { addresses: &[&address], ..Default::default() }));
}

/// RFC 6120 §13.7.2.1: as initiating server, the subject takes a certificate for the domain in `to`: by its DNS-ID,
fn server_with_a_dns_id_is_sent_stanzas(subject: &Subject) {
    let parent = subject.server("parent");
    let mut verona = subject.server_of("verona", &format!("im.{}", parent.domain()));
    for name in [verona.domain().to_owned(), format!("*.{}", parent.domain())] {
        verona.is_certified(&ServerCertificate { dns: &[&name], ..Default::default() });
        let _romeo = subject_writes(subject, &verona, &name);
        let (place, _) = verona.receives_with_stream();
        // The next one is another stream.
        verona.incoming().remove(place).client.closes();
    }
}

/// RFC 6120 §13.7.1.2, §13.7.2.1: or by its SRV-ID of the service xmpp-server.
fn server_with_an_srv_id_is_sent_stanzas(subject: &Subject) {
    let mut verona = subject.server("verona");
    let srv = format!("_xmpp-server.{}", verona.domain());
    verona.is_certified(&ServerCertificate { srv: &[&srv], ..Default::default() });
    let _romeo = romeo_writes(subject, &verona);
    verona.receives_any();
}

/// RFC 6120 §13.7.2, §13.7.2.1: where the certificate is out of date, not trusted, or for another name, the subject ends the
/// session; no stanza is sent, and its sender is told.
fn server_with_a_wrong_certificate_is_sent_nothing(subject: &Subject) {
    let mut wrong: Vec<(String, PeerServer)> = Vec::new();
    for (what, validity) in [("expired", Validity::Expired), ("not yet good", Validity::NotYet)] {
        let mut verona = subject.server("verona");
        let domain = verona.domain().to_owned();
        verona.is_certified(&ServerCertificate { dns: &[&domain], validity, ..Default::default() });
        wrong.push((what.to_owned(), verona));
    }
    for (number, what) in ["self-signed", "of another authority"].into_iter().enumerate() {
        let mut verona = subject.server("verona");
        let identity = Arc::clone(&untrusted(verona.domain())[number]);
        verona.shows(identity);
        wrong.push((what.to_owned(), verona));
    }
    for number in 0..other_names("").len() {
        let mut verona = subject.server("verona");
        let name = other_names(verona.domain()).remove(number);
        verona.is_certified(&ServerCertificate { dns: &[&name], ..Default::default() });
        wrong.push((name, verona));
    }
    for (number, (what, mut verona)) in wrong.into_iter().enumerate() {
        let mut romeo = subject_writes(subject, &verona, &format!("r{number}"));
        romeo.notes(&what);
        verona.waits(Some(subject.seconds(15.0)));
        verona.serves_until(|streams| streams.iter().any(|stream| stream.ended.is_some()));
        romeo.waits(Some(subject.seconds(20.0)));
        is_told(&mut romeo, "first", &REFUSED);
    }
}

/// RFC 6120 §13.7.2.1: the reference identifier is the domain in `to`: not the host that an SRV record has led to, which
/// anybody could have made up.
fn host_that_was_found_is_not_the_name_that_counts(subject: &Subject) {
    super::asks_for_addresses(subject);
    let mut verona = subject.server("verona");
    let mantua = subject.server("mantua");
    verona.is_found_by(&[crate::servers::Srv { target: mantua.domain().to_owned(), ..verona.target(10) }]);
    mantua.is_at("");
    verona.is_certified(&ServerCertificate { dns: &[mantua.domain()], ..Default::default() });
    let mut romeo = romeo_writes(subject, &verona);
    verona.waits(Some(subject.seconds(15.0)));
    verona.serves_until(|streams| streams.iter().any(|stream| stream.ended.is_some()));
    romeo.waits(Some(subject.seconds(20.0)));
    is_told(&mut romeo, "first", &REFUSED);
}

/// RFC 6120 §13.7.2: where certificates are required, Server Dialback proves nothing that they do not.
fn no_key_stands_for_a_certificate_that_is_required(subject: &Subject) {
    let mut verona = subject.server("verona");
    let identity = Authority::self_signed(&ServerCertificate { dns: &[verona.domain()], ..Default::default() });
    let mut stream = verona.connects();
    stream.opens();
    stream.sends(STARTTLS).receives(PROCEED);
    if stream.tries_to_shake_hands(&TlsOptions::with_identity(identity)).is_err() {
        return;
    }
    stream.sends_header(&verona.header());
    let _ = stream.tries_to_send(
        subject.expand("<db:result from='$verona' to='$domain'>0123456789abcdef</db:result>").as_bytes(),
    );
    verona.offers(Offers::external());
    let deadline = std::time::Instant::now() + subject.seconds(4.0);
    loop {
        match stream.receives_next_within(subject.seconds(1.0)) {
            Next::Item(Item::Element(element)) => {
                assert_ne!(element.attribute("type"), Some("valid"), "{element}");
                if element.is("error", ns::STREAM) || element.is("result", ns::DIALBACK) {
                    return;
                }
            }
            Next::Item(Item::Header(_) | Item::Space) => {}
            Next::Item(Item::Close) | Next::End(_) => return,
            Next::Nothing if std::time::Instant::now() > deadline => return,
            Next::Nothing => {}
        }
    }
}

/// What the sender is told where no stream could be negotiated; the reason may be told, too.
const REFUSED: [&str; 5] =
    ["remote-server-timeout", "remote-server-not-found", "internal-server-error", "not-authorized", "policy-violation"];

/// Certificates that lead to nobody whom the subject trusts.
fn untrusted(domain: &str) -> [Arc<Identity>; 2] {
    let wanted = ServerCertificate { dns: &[domain], ..Default::default() };
    let folder = tempfile::tempdir().expect("room for an authority");
    let other = Authority::new(folder.path()).expect("an authority");
    [Authority::self_signed(&wanted), other.certify_peer(&wanted)]
}

/// Names that are not this domain's.
fn other_names(domain: &str) -> Vec<String> {
    let parent = domain.split_once('.').map_or("", |(_, parent)| parent);
    let other = |name: String| if name.is_empty() { "another.invalid".to_owned() } else { name };
    [
        "another.invalid".to_owned(),
        other(parent.to_owned()),
        format!("sub.{domain}"),
        format!("xmpp.{domain}"),
        format!("*.{domain}"),
    ]
    .to_vec()
}

/// A message to this server from an account of its own.
#[track_caller]
fn subject_writes(subject: &Subject, server: &PeerServer, resource: &str) -> Client {
    let [mut romeo] = subject.login([format!("romeo/{resource}").as_str()]);
    romeo.sends(format!("<message to='juliet@{}' type='chat' id='first'><body>hi</body></message>", server.domain()));
    romeo
}

#[track_caller]
fn is_proven(subject: &Subject, server: &PeerServer, wanted: &ServerCertificate<'_>) -> bool {
    shows_and_is_proven(server, &subject.server_side().authority.certify_peer(wanted))
}

/// Is this certificate enough for EXTERNAL? Wherever the subject ends the session, it is not.
#[track_caller]
fn shows_and_is_proven(server: &PeerServer, identity: &Arc<Identity>) -> bool {
    let mut stream = server.connects();
    stream.opens();
    stream.sends(STARTTLS).receives(PROCEED);
    if let Err(error) = stream.tries_to_shake_hands(&TlsOptions::with_identity(Arc::clone(identity))) {
        stream.notes(&format!("TLS failed: {error}"));
        return false;
    }
    stream.sends_header(&server.header());
    let Some(features) = next_element(&mut stream) else { return false };
    if !features.is("features", ns::STREAM) {
        return false;
    }
    let offered = Features(features).offers("EXTERNAL");
    stream.notes(if offered { "EXTERNAL is offered" } else { "EXTERNAL is not offered" });
    // Whether it is offered or not, what counts is whether it succeeds.
    let auth = format!("<auth xmlns='{}' mechanism='EXTERNAL'>=</auth>", ns::SASL);
    if stream.tries_to_send(auth.as_bytes()).is_err() {
        return false;
    }
    next_element(&mut stream).is_some_and(|answer| answer.is("success", ns::SASL))
}

/// The next element; `None` if the stream ends instead.
#[track_caller]
fn next_element(stream: &mut Client) -> Option<Element> {
    loop {
        match stream.receives_next() {
            Next::Item(Item::Element(element)) => return Some(element),
            Next::Item(Item::Header(_) | Item::Space) => {}
            Next::Item(Item::Close) | Next::End(_) => return None,
            Next::Nothing => panic!("an answer was due, but nothing came in time"),
        }
    }
}
