//! Logins with client certificates, for the cases of this section.

use std::sync::Arc;

use crate::client::{Client, Features, HEADER, Identity, Item, Next, TlsOptions};
use crate::ns;
use crate::subject::{Authority, ClientCertificate, Subject};

use super::super::section_6::is_refused;

/// Who signs certificates that the server accepts. Without anybody the case is not tried.
#[track_caller]
pub(super) fn authority(subject: &Subject) -> Arc<Authority> {
    match &subject.site().authority {
        Some(authority) => Arc::clone(authority),
        None => subject.not_tried("nobody signs client certificates that the server would accept"),
    }
}

/// A certificate that is good for these addresses (XmppAddr).
#[track_caller]
pub(super) fn certificate(subject: &Subject, addresses: &[&str]) -> Arc<Identity> {
    authority(subject).certify_client(&ClientCertificate { addresses, ..Default::default() })
}

/// A stream under TLS in which this certificate was shown, with `from` in its header if it is given; `None` if the server
/// ends it before SASL (RFC 6120 §13.7.2). Whether EXTERNAL is offered.
#[track_caller]
pub(super) fn shows(subject: &Subject, identity: &Arc<Identity>, from: Option<&str>) -> Option<(Client, bool)> {
    let mut client = subject.connect();
    client.opens();
    client.sends("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    client.receives("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    if let Err(error) = client.tries_to_shake_hands(&TlsOptions::with_identity(Arc::clone(identity))) {
        client.notes(&format!("TLS failed: {error}"));
        return None;
    }
    let header = from.map_or(HEADER.to_owned(), |from| HEADER.replace("to=", &format!("from='{from}' to=")));
    client.sends_header(&header);
    loop {
        match client.receives_next() {
            Next::Item(Item::Header(_) | Item::Space) => {}
            Next::Item(Item::Element(element)) if element.is("features", ns::STREAM) => {
                let external = Features(element).offers("EXTERNAL");
                return Some((client, external));
            }
            Next::Item(Item::Element(element)) => {
                assert!(element.is("error", ns::STREAM), "features were due: {element}");
                return None;
            }
            // TLS 1.3 tells the client of a refused certificate when it thinks that the handshake is over.
            Next::Item(Item::Close) | Next::End(_) => return None,
            Next::Nothing => panic!("features were due, but nothing came in time"),
        }
    }
}

/// Shows a certificate and asks for EXTERNAL; the address that it leads to, or the failure's condition. A stream that ends
/// counts as a failure without a condition.
#[track_caller]
pub(super) fn logs_in(
    subject: &Subject,
    identity: &Arc<Identity>,
    from: Option<&str>,
    authzid: Option<&str>,
) -> Result<String, String> {
    let Some((mut client, _)) = shows(subject, identity, from) else { return Err(String::new()) };
    client.sends_auth("EXTERNAL", Some(authzid.unwrap_or_default().as_bytes()));
    let first = client.receives_next();
    match first {
        Next::Item(Item::Element(answer)) if answer.is("success", ns::SASL) => {
            client.opens();
            let jid = client.requests_resource(None);
            Ok(jid.split('/').next().unwrap_or_default().to_owned())
        }
        Next::Item(Item::Element(answer)) if answer.is("failure", ns::SASL) => {
            Err(answer.elements().next().map(|child| child.name.clone()).unwrap_or_default())
        }
        Next::Item(Item::Element(answer)) => {
            assert!(answer.is("error", ns::STREAM), "an answer of SASL was due: {answer}");
            Err(String::new())
        }
        Next::Item(Item::Close) | Next::End(_) => Err(String::new()),
        other => panic!("an answer was due: {other:?}"),
    }
}

/// With this certificate nobody gets in, be EXTERNAL offered or not.
#[track_caller]
pub(super) fn is_not_let_in(subject: &Subject, identity: &Arc<Identity>) {
    let Some((mut client, offered)) = shows(subject, identity, None) else { return };
    client.notes(if offered { "EXTERNAL is offered" } else { "EXTERNAL is not offered" });
    client.sends_auth("EXTERNAL", Some(&[]));
    is_refused(&mut client);
}
