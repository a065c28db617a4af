//! The receiving entity, rule by rule: EXTERNAL with client certificates (RFC 6120 §13.7.2.2, XEP-0178 §2).
//!
//! Each row of a table is a dialogue in which one thing is special.

mod support;

use jabiru_negotiation::CertificateValidity::{self, Expired, Untrusted, Valid};
use jabiru_negotiation::{Mechanism, Policy, ScramHash, Security};
use support::{HEADER, NS, Server, auth, policy, refusal, sasl, tls, tls_with};

const OFFER: &str = "<mechanism>EXTERNAL</mechanism>";
const SUCCESS: &str = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";

/// EXTERNAL is enabled, though not in the first place.
fn rules() -> Policy {
    let mut rules = policy();
    rules.mechanisms = vec![Mechanism::Scram(ScramHash::Sha1), Mechanism::External, Mechanism::Plain];
    rules
}

/// Shows a certificate and gives what the header is answered with.
fn with_certificate(addresses: &[&str], validity: CertificateValidity, from: &str) -> (Server, String) {
    let mut server = Server::new(rules(), Security::Tls(tls_with(addresses, validity)));
    let answer = server.hears(&format!("<stream:stream {from} to='im.example' version='1.0' {NS}>"));
    (server, answer)
}

/// RFC 6120 §6.3.4: offered only to who can use it, and then in the first place; asked for all the same, each reason not
/// to offer it has its condition.
#[test]
fn offers() {
    for (addresses, validity, expected) in [
        (&["juliet@im.example"][..], Valid, None),
        (&["romeo@other.example", "juliet@im.example"], Valid, None),
        (&["juliet@im.example"], Expired, Some("credentials-expired")),
        (&["juliet@im.example"], Untrusted, Some("not-authorized")),
        (&["juliet@other.example"], Valid, Some("not-authorized")),
        (&["im.example"], Valid, Some("not-authorized")),
        (&[], Valid, Some("not-authorized")),
    ] {
        let (mut server, answer) = with_certificate(addresses, validity, "");
        assert_eq!(
            answer.contains(&format!("<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{OFFER}")),
            expected.is_none()
        );
        assert_eq!(answer.contains(OFFER), expected.is_none(), "{addresses:?} {validity:?}: {answer}");
        let answer = server.hears(&sasl("auth", " mechanism='EXTERNAL'", "="));
        match expected {
            None => assert_eq!((answer.as_str(), server.last()), (SUCCESS, "authenticated juliet@im.example EXTERNAL")),
            Some(condition) => {
                assert_eq!(refusal(&answer), condition, "{addresses:?} {validity:?}");
                assert_eq!(server.last(), format!("failed  EXTERNAL {condition}"));
            }
        }
    }

    let request = sasl("auth", " mechanism='EXTERNAL'", "=");
    let valid = || Security::Tls(tls_with(&["juliet@im.example"], Valid));
    let mut optional = rules();
    optional.require_tls = false;
    for (name, rules, security, expected) in [
        ("no certificate", rules(), Security::Tls(tls()), "invalid-mechanism"),
        ("not enabled", policy(), valid(), "invalid-mechanism"),
        ("before TLS", rules(), Security::Plaintext, "encryption-required"),
        ("without TLS", optional, Security::Plaintext, "encryption-required"),
    ] {
        let mut server = Server::new(rules, security);
        let answer = server.hears(HEADER);
        assert!(!answer.contains(OFFER), "{name}: {answer}");
        assert_eq!(refusal(&server.hears(&request)), expected, "{name}");
    }
}

/// RFC 6120 §6.3.8 and §13.7.2.2.1, XEP-0178 §2: which account a certificate leads to.
#[test]
fn authorization_identities() {
    const ONE: &[&str] = &["juliet@im.example"];
    const TWO: &[&str] = &["juliet@im.example", "romeo@im.example"];
    const TWICE: &[&str] = &["juliet@im.example", "juliet@im.example"];
    const ELSEWHERE: &[&str] = &["romeo@other.example", "juliet@im.example", "romeo@third.example"];
    const JULIET: &str = "from='juliet@im.example'";
    for (addresses, from, authzid, expected) in [
        (ONE, "", "", "success"),
        (ONE, JULIET, "", "success"),
        (ONE, "", "juliet@im.example", "success"),
        (ONE, "", "Juliet@IM.example", "success"),
        (ONE, "", "romeo@im.example", "invalid-authzid"),
        (ONE, "", "juliet@im.example/balcony", "invalid-authzid"),
        (ONE, "", "juliet", "invalid-authzid"),
        (ONE, "", "im.example", "invalid-authzid"),
        (ONE, "", "@", "invalid-authzid"),
        (ONE, "", "a\0b", "malformed-request"),
        (TWICE, "", "", "success"),
        (TWO, "", "", "invalid-authzid"),
        (TWO, "", "juliet@im.example", "success"),
        (TWO, JULIET, "", "success"),
        (TWO, "from='nobody@im.example'", "", "invalid-authzid"),
        (ELSEWHERE, "", "", "success"),
        (ELSEWHERE, "", "romeo@other.example", "invalid-authzid"),
        (&["nobody@im.example"], "", "", "not-authorized"),
        (&["disabled@im.example"], "", "", "account-disabled"),
        (&["expired@im.example"], "", "", "credentials-expired"),
        (&["broken@im.example"], "", "", "temporary-auth-failure"),
        (&["guessed@im.example"], "", "", "temporary-auth-failure"),
    ] {
        let at_once = match authzid {
            "" => vec![sasl("auth", " mechanism='EXTERNAL'", "=")],
            authzid => vec![auth("EXTERNAL", authzid)],
        };
        // RFC 4422 appendix A.1: without an initial response, after an empty challenge.
        let response = at_once[0].replace("<auth ", "<response ").replace(" mechanism='EXTERNAL'", "");
        let response = response.replace("</auth>", "</response>").replace(">=<", "><");
        for (name, said) in [("at once", at_once), ("asked", vec![sasl("auth", " mechanism='EXTERNAL'", ""), response])]
        {
            let (mut server, _) = with_certificate(addresses, Valid, from);
            let last = said.iter().map(|said| server.hears(said)).last().unwrap();
            let row = format!("{addresses:?} {from} {authzid} {name}");
            if expected == "success" {
                assert_eq!(
                    (last.as_str(), server.last()),
                    (SUCCESS, "authenticated juliet@im.example EXTERNAL"),
                    "{row}"
                );
            } else {
                assert_eq!(refusal(&last), expected, "{row}");
                assert!(server.last().ends_with(expected), "{row}: {:?}", server.log);
            }
        }
    }
    // RFC 6120 §6.4.6: a header from somebody else.
    let (mut server, _) = with_certificate(ONE, Valid, "from='romeo@im.example'");
    server.hears(&sasl("auth", " mechanism='EXTERNAL'", "="));
    assert_eq!(server.last(), "closed invalid-from");
}

/// Octets that are no text (RFC 4422 appendix A.1), and ways out of a handshake.
#[test]
fn malformed() {
    for (content, expected) in
        [("/w==", "malformed-request"), ("AA==", "malformed-request"), ("/w=", "incorrect-encoding")]
    {
        let (mut server, _) = with_certificate(&["juliet@im.example"], Valid, "");
        assert_eq!(refusal(&server.hears(&sasl("auth", " mechanism='EXTERNAL'", content))), expected, "{content}");
        assert!(server.hears(&sasl("auth", " mechanism='EXTERNAL'", "")).starts_with("<challenge "));
        assert_eq!(refusal(&server.hears(&sasl("abort", "", ""))), "aborted");
        assert_eq!(server.hears(&sasl("auth", " mechanism='EXTERNAL'", "=")), SUCCESS);
    }
}
