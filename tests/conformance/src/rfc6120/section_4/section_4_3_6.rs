//! RFC 6120 §4.3.6: determination of addresses.

use crate::case;
use crate::case::Case;
use crate::client::Login;
use crate::ns;
use crate::subject::Subject;
use crate::tree::Element;

pub(super) const CASES: &[Case] = &[
    case!(Must, address_is_the_account_with_the_bound_resource, ["4.3.6"]),
    case!(Must, bound_address_is_canonical, ["4.3.6", "12"]),
    case!(Must, account_is_canonical_however_it_was_written, ["4.3.6", "12"]),
];

/// RFC 6120 §4.3.6: the client's bare JID is the identity of SASL, its resourcepart that of resource binding; by both
/// it is known to others.
fn address_is_the_account_with_the_bound_resource(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    assert_eq!(romeo.jid(), subject.expand("$romeo/orchard"));
    romeo.sends("<message to='$juliet/balcony' type='chat'><body>whose?</body></message>");
    juliet.receives(
        "<message from='$romeo/orchard' to='$juliet/balcony' type='chat' id='?'><body>whose?</body></message>",
    );
}

/// RFC 6120 §4.3.6: the resulting JID has the canonical form of an XMPP address: `e` with a combining accent is
/// composed (NFC and NFKC alike). A server may also refuse the resource (§7.7.2.1).
fn bound_address_is_canonical(subject: &Subject) {
    let (mut romeo, _) = subject.authenticated("romeo");
    romeo.sends(
        "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <resource>cafe\u{301}</resource></bind></iq>",
    );
    let answer = romeo.receives_any();
    if answer.attribute("type") == Some("error") {
        return;
    }
    let jid = answer.child("bind", ns::BIND).and_then(|bind| bind.child("jid", ns::BIND)).map(Element::text);
    let jid = jid.unwrap_or_else(|| panic!("a JID was due: {answer}"));
    assert!(!jid.contains('\u{301}'), "{jid:?} is not canonical");
    assert!(jid.starts_with(&subject.expand("$romeo/")), "{jid:?} is of another account");
}

/// RFC 6120 §4.3.6: a user name in capital letters either is nobody's or that of the account in its canonical form.
fn account_is_canonical_however_it_was_written(subject: &Subject) {
    let (mut romeo, features) = subject.secure();
    let account = subject.account("romeo");
    let known = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-1"];
    let Some(mechanism) = known.into_iter().find(|mechanism| features.offers(mechanism)) else {
        subject.not_tried("no mechanism with a user name is offered");
    };
    let answer = romeo.negotiates_sasl(&Login::new(mechanism, &account.local.to_uppercase(), &account.password));
    if !answer.is_success() {
        return;
    }
    romeo.opens();
    let jid = romeo.requests_resource(Some("orchard"));
    assert_eq!(jid, format!("{}/orchard", account.jid));
}
