//! Clients that show certificates (RFC 6120 §13.7.2.2, §13.7.2.3).

use std::time::{Duration, Instant, SystemTime};

use jabiru_c2s::Transport;
use jabiru_negotiation::Mechanism;
use jabiru_net::ClientCertificates;
use jabiru_net::certificate::Roots;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, OtherNameValue, SanType, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::client::{Client, bind, stream_error};
use crate::server::{Server, tls};

const XMPP_ADDR: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 8, 5];

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate of this address that expires after so long.
    fn issue(&self, address: &str, lasts: Duration) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let mut params = CertificateParams::default();
        let name = OtherNameValue::Utf8String(address.to_owned());
        params.subject_alt_names = vec![SanType::OtherName((XMPP_ADDR.to_vec(), name))];
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        params.not_after = date_time_ymd(1970, 1, 1) + now + lasts;
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().der().clone();
        (certificate, PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }
}

/// A stream that a certificate has authenticated ends with it; one that a password has, does not.
#[test]
fn a_stream_ends_when_its_certificate_expires() {
    let authority = Authority::new();
    let (settings, trusted) = tls();
    let roots = Roots::new([authority.0.der().clone()]).unwrap();
    settings.set_client_certificates(ClientCertificates::Requested { roots });
    let server = Server::with(|setup| {
        setup.policy.mechanisms = vec![Mechanism::External, Mechanism::Plain];
        setup.transport = Transport::DirectTls(settings);
    });
    server.add(&["juliet@im.example"]);
    let lasts = Duration::from_secs(4);
    let certificate = authority.issue("juliet@im.example", lasts);
    let issued = Instant::now();
    let mut clients = ["EXTERNAL", "PLAIN"].map(|mechanism| {
        let own = (certificate.0.clone(), certificate.1.clone_key());
        let mut client = Client::connect(server.address).start_tls(trusted.clone(), Some(own));
        let features = client.open("im.example");
        assert!(features.contains("<mechanism>EXTERNAL</mechanism>"), "{features}");
        if mechanism == "PLAIN" {
            assert_eq!(client.authenticate("juliet", "secret"), None);
        } else {
            client.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>");
            assert_eq!(client.outcome(), None);
        }
        client.open("im.example");
        client.send(&bind(mechanism));
        client.until("</iq>");
        client.sync("here");
        client
    });
    assert!(issued.elapsed() < lasts - Duration::from_secs(1), "too slow to see anything");
    let rest = clients[0].rest();
    let (condition, more) = stream_error(&rest);
    assert!(condition == "reset" && more.contains("the certificate has expired"), "{rest}");
    assert!(issued.elapsed() >= lasts - Duration::from_secs(1), "{:?}", issued.elapsed());
    // Long enough that it would have ended too.
    std::thread::sleep(Duration::from_millis(300));
    clients[1].sync("still-here");
}
