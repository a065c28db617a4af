//! Logging in without a password: by certificate (EXTERNAL, XEP-0178) and as a guest (ANONYMOUS, RFC 4505).
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use std::path::Path;
use std::time::{Duration, SystemTime};

use jabiru_stanza::{SaslCondition, SaslFailure, StreamCondition, ns};
use jabiru_test_support::{Client, Security, Server};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, OtherNameValue, SanType};

const PROGRAM: &str = env!("CARGO_BIN_EXE_jabiru");

/// `client_certificates` is relative to the configuration file.
const WITH_EXTERNAL: &str =
    "[c2s]\nmechanisms = [\"EXTERNAL\", \"SCRAM-SHA-256\"]\nclient_certificates = \"authority.crt\"\n";

/// RFC 6120 §13.7.1.4.
const ID_ON_XMPP_ADDR: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 8, 5];

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn write(&self, folder: &Path) {
        std::fs::write(folder.join("authority.crt"), self.0.pem()).unwrap();
    }

    /// A certificate for an address, with its key.
    fn certify(&self, address: &str, not_after: SystemTime) -> (String, String) {
        let mut params = CertificateParams::default();
        let name = OtherNameValue::Utf8String(address.to_owned());
        params.subject_alt_names = vec![SanType::OtherName((ID_ON_XMPP_ADDR.to_vec(), name))];
        params.not_before = (SystemTime::now() - DAY * 2).into();
        params.not_after = not_after.into();
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

const DAY: Duration = Duration::from_secs(24 * 3600);

fn server(authority: &Authority) -> Server {
    let mut server = Server::start(PROGRAM, "");
    server.add_user("juliet@localhost", "r0m30");
    assert_eq!(server.terminate().0, Some(0));
    authority.write(server.folder());
    server.configure(WITH_EXTERNAL);
    server.restart();
    server
}

/// The whole way to a bound resource, or the failure; and whether EXTERNAL was offered.
fn log_in(server: &Server, (certificate, key): &(String, String)) -> (bool, Result<Client, SaslFailure>) {
    let (mut client, features) = Client::secure_with(server, certificate, key);
    let offered = features.mechanisms().iter().any(|name| name == "EXTERNAL");
    client.send(&format!("<auth xmlns='{}' mechanism='EXTERNAL'>=</auth>", ns::SASL));
    let answer = client.receive();
    if let Some(failure) = SaslFailure::parse(&answer) {
        return (offered, Err(failure));
    }
    assert!(answer.is("success", ns::SASL), "{answer:?}");
    assert!(client.open().bind());
    client.bind(Some("balcony"));
    (offered, Ok(client))
}

#[test]
fn by_certificate() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = server(&authority);
    let soon = || SystemTime::now() + DAY;
    let good = authority.certify("juliet@localhost", soon());
    let (offered, client) = log_in(&server, &good);
    let mut client = client.unwrap();
    assert!(offered);
    assert_eq!(client.jid, "juliet@localhost/balcony");
    client.ping();

    for (certificate, expected) in [
        (authority.certify("juliet@localhost", SystemTime::now() - DAY), SaslCondition::CredentialsExpired),
        (stranger.certify("juliet@localhost", soon()), SaslCondition::NotAuthorized),
        (authority.certify("juliet@elsewhere.example", soon()), SaslCondition::NotAuthorized),
    ] {
        let (offered, result) = log_in(&server, &certificate);
        assert_eq!(result.unwrap_err().condition, expected);
        assert!(!offered, "{expected:?}");
    }
    // An account of which there is a certificate, but which there is not.
    let (_, result) = log_in(&server, &authority.certify("nobody@localhost", soon()));
    assert_eq!(result.unwrap_err().condition, SaslCondition::NotAuthorized);
    // Without a certificate it is not offered.
    let (_, features) = Client::secure(&server, Security::Direct);
    assert_eq!(features.mechanisms(), ["SCRAM-SHA-256"]);

    // Another authority from now on; who is there may stay.
    stranger.write(server.folder());
    assert!(server.run(&["reload"], "").success);
    let (_, result) = log_in(&server, &good);
    assert_eq!(result.unwrap_err().condition, SaslCondition::NotAuthorized);
    client.ping();
    drop(log_in(&server, &stranger.certify("juliet@localhost", soon())).1.unwrap());
}

/// RFC 6120 §13.7.2.3: the stream is no longer than the certificate that it was opened with.
#[test]
fn streams_end_with_their_certificate() {
    let authority = Authority::new();
    let server = server(&authority);
    let short = authority.certify("juliet@localhost", SystemTime::now() + Duration::from_secs(3));
    let mut client = log_in(&server, &short).1.unwrap();
    client.ping();
    assert_eq!(*client.receive_stream_error().condition(), StreamCondition::Reset);
    // The last moment is a second long (RFC 5280 §4.1.2.5).
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(log_in(&server, &short).1.unwrap_err().condition, SaslCondition::CredentialsExpired);
}

/// What is configured but can't be used prevents the start, and a reload, with its name.
#[test]
fn authorities_that_cannot_be_read() {
    let authority = Authority::new();
    let server = server(&authority);
    std::fs::write(server.folder().join("authority.crt"), "no certificate").unwrap();
    for arguments in [&["reload"][..], &["config", "check", "jabiru.toml"]] {
        let run = server.run(arguments, "");
        assert!(!run.success && run.errors.contains("authority.crt"), "{arguments:?}: {run:?}");
    }
    drop(log_in(&server, &authority.certify("juliet@localhost", SystemTime::now() + DAY)).1.unwrap());
}

#[test]
fn as_a_guest() {
    let server = Server::start(PROGRAM, "[c2s]\nmechanisms = [\"ANONYMOUS\"]\n[limits]\nanonymous_streams = 2\n");
    let guest = || {
        let (mut client, features) = Client::secure(&server, Security::StartTls);
        assert_eq!(features.mechanisms(), ["ANONYMOUS"]);
        client.send(&format!("<auth xmlns='{}' mechanism='ANONYMOUS'/>", ns::SASL));
        let answer = client.receive();
        assert!(answer.is("success", ns::SASL), "{answer:?}");
        assert!(client.open().bind());
        client
    };
    let (mut first, mut second) = (guest(), guest());
    for client in [&mut first, &mut second] {
        client.bind(None);
        client.ping();
    }
    let account = |client: &Client| client.jid.split_once('@').unwrap().0.to_owned();
    assert_ne!(account(&first), account(&second));
    let mut third = guest();
    third.send(&format!("<iq type='set' id='bind'><bind xmlns='{}'/></iq>", ns::BIND));
    assert_eq!(third.receive().attribute("type").unwrap(), "error");
    // The operator reaches guests too.
    let run = server.run(&["user", "kick", &first.jid], "");
    assert!(run.success && run.output.starts_with("Ended 1 stream"), "{run:?}");
    assert_eq!(*first.receive_stream_error().condition(), StreamCondition::Reset);
    second.ping();
}
