//! RFC 6120 §5.3.6: TLS extensions.

use crate::case;
use crate::case::Case;
use crate::client::TlsOptions;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[case!(Must, tls_extensions_are_the_clients_choice, ["5.3.6"])];

/// RFC 6120 §5.3.6: either party may include any TLS extension: a stream comes about with a server name (SNI) and
/// without one, with ALPN (XEP-0368) and without.
fn tls_extensions_are_the_clients_choice(subject: &Subject) {
    for options in [
        TlsOptions::default(),
        TlsOptions { without_sni: true, ..TlsOptions::default() },
        TlsOptions { alpn: vec!["xmpp-client"], ..TlsOptions::default() },
        TlsOptions { alpn: vec!["xmpp-client"], without_sni: true, ..TlsOptions::default() },
    ] {
        let (romeo, features) = subject.secure_with(&options);
        romeo.notes(&format!("SNI: {}, ALPN: {:?}", !options.without_sni, options.alpn));
        assert!(!features.mechanisms().is_empty(), "no SASL after TLS: {}", features.0);
    }
}
