//! RFC 6120 §13.3: the order of layers.

use crate::case;
use crate::case::{Case, Need};
use crate::client::TlsOptions;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, layers_are_tcp_tls_sasl_xmpp, ["13", "13.3", "13.4", "13.5"]),
    case!(Must, layers_keep_their_order_with_direct_tls, ["13.3"], needs[Need::DirectTls]),
];

/// RFC 6120 §13.3: the layers are stacked as TCP, TLS, SASL, XMPP: each stage offers the next one, and none that lies
/// above.
fn layers_are_tcp_tls_sasl_xmpp(subject: &Subject) {
    let mut romeo = subject.connect();
    let features = romeo.opens();
    assert!(features.starttls().is_some() && !features.bind(), "in clear: {}", features.0);
    romeo.starts_tls();
    let features = romeo.opens();
    let sasl = !features.mechanisms().is_empty();
    assert!(sasl && features.starttls().is_none() && !features.bind(), "under TLS: {}", features.0);
    romeo.authenticates("romeo", &features);
    let features = romeo.opens();
    assert!(features.bind() && features.starttls().is_none(), "after SASL: {}", features.0);
    romeo.binds("orchard");
    romeo.settles();
}

/// RFC 6120 §13.3, XEP-0368: with TLS from the first octet the others follow in the same order.
fn layers_keep_their_order_with_direct_tls(subject: &Subject) {
    let mut romeo = subject.connect_direct_tls(&TlsOptions::default());
    let features = romeo.opens();
    let sasl = !features.mechanisms().is_empty();
    assert!(sasl && features.starttls().is_none() && !features.bind(), "under TLS: {}", features.0);
    romeo.authenticates("romeo", &features);
    assert!(romeo.opens().bind(), "resource binding was due");
    romeo.binds("orchard");
    romeo.settles();
}
