//! RFC 6120 §13.7.1.3, §13.7.1.4: client certificates and their XmppAddr.

use crate::case;
use crate::case::{Case, Need};
use crate::subject::{ClientCertificate, Subject};

use super::external::{authority, certificate, is_not_let_in, logs_in};

pub(super) const CASES: &[Case] = &[
    case!(Must, xmpp_addr_is_the_address_of_the_client, ["13.7.1.4", "13.7.1.3"], needs[Need::External]),
    case!(Must, xmpp_addr_is_compared_as_an_address, ["13.7.1.4"], needs[Need::External]),
    case!(Must, other_identifiers_are_no_address, ["13.7.1.3", "13.7.1.4", "13.7.2.2"], needs[Need::External]),
];

/// RFC 6120 §13.7.1.3, §13.7.1.4: a JID in a client certificate is a UTF8String in an otherName of the type id-on-xmppAddr
/// (1.3.6.1.5.5.7.8.5): the client is known by it.
fn xmpp_addr_is_the_address_of_the_client(subject: &Subject) {
    let romeo = subject.account("romeo").jid;
    assert_eq!(logs_in(subject, &certificate(subject, &[&romeo]), None, None), Ok(romeo));
}

/// RFC 6120 §13.7.1.4, RFC 6122 §2: it is a JID, for which upper and lower case are the same in localpart and domainpart.
fn xmpp_addr_is_compared_as_an_address(subject: &Subject) {
    let romeo = subject.account("romeo").jid;
    assert_eq!(logs_in(subject, &certificate(subject, &[&romeo.to_uppercase()]), None, None), Ok(romeo));
}

/// RFC 6120 §13.7.1.3: a JID is represented as XmppAddr, and not as a DNS name: that of the server in a client's
/// certificate makes it no account.
fn other_identifiers_are_no_address(subject: &Subject) {
    let domains = [subject.domain()];
    let wanted = ClientCertificate { domains: &domains, ..Default::default() };
    is_not_let_in(subject, &authority(subject).certify_client(&wanted));
}
