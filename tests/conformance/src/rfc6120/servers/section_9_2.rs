//! RFC 6120 §9.2: the example dialogues between servers.

use super::{PROCEED, STARTTLS};
use crate::case;
use crate::case::{Case, Need};
use crate::ns;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, server_says_what_the_example_says, ["9.2", "9.2.1", "9.2.2", "9.2.3", "9.2.4"], needs[Need::Servers]),
    case!(Must, subject_says_what_the_example_says, ["9.2", "9.2.1", "9.2.2", "9.2.3", "9.2.4"], needs[Need::Servers]),
];

/// RFC 6120 §9.2: TLS, SASL, a stanza and the end, as the example has them, with the subject as the receiving server.
fn server_says_what_the_example_says(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let verona = subject.server("verona");
    let mut stream = verona.connects();
    // §9.2.1
    let features = stream.opens();
    assert!(features.starttls().is_some(), "{}", features.0);
    stream.sends(STARTTLS).receives(PROCEED);
    stream.shakes_hands(verona.tls_options());
    // §9.2.2
    let features = stream.opens();
    assert!(features.offers("EXTERNAL"), "{}", features.0);
    stream.sends_auth("EXTERNAL", Some(&[]));
    stream.receives(format!("<success xmlns='{}'/>", ns::SASL));
    let features = stream.opens();
    assert!(features.mechanisms().is_empty() && features.starttls().is_none(), "{}", features.0);
    // §9.2.3
    stream
        .sends("<message from='juliet@$verona/balcony' to='$romeo/orchard'><body>Wherefore art thou?</body></message>");
    romeo.receives(
        "<message from='juliet@$verona/balcony' to='$romeo/orchard'><body>Wherefore art thou?</body></message>",
    );
    // §9.2.4
    stream.closes();
}

/// RFC 6120 §9.2: the same with the subject as the initiating server.
fn subject_says_what_the_example_says(subject: &Subject) {
    let mut verona = subject.server("verona");
    let [mut romeo] = subject.login(["romeo/orchard"]);
    romeo.sends("<message to='juliet@$verona/balcony'><body>Neither, fair saint</body></message>");
    // §9.2.1
    let mut stream = verona.accepts();
    let features = |inner: &str| format!("<stream:features>{inner}</stream:features>");
    stream.receives_header();
    let header = stream.own_header().to_owned();
    stream.sends(format!("{header}{}", features(&format!("<starttls xmlns='{}'><required/></starttls>", ns::TLS))));
    stream.receives(STARTTLS);
    stream.sends(PROCEED);
    stream.tries_to_take_hands(verona.tls_options()).expect("TLS with a good certificate");
    // §9.2.2
    stream.receives_header();
    let external = format!("<mechanisms xmlns='{}'><mechanism>EXTERNAL</mechanism></mechanisms>", ns::SASL);
    stream.sends(format!("{header}{}", features(&external)));
    stream.receives(format!("<auth xmlns='{}' mechanism='EXTERNAL'>*</auth>", ns::SASL));
    assert!(stream.shown_certificate().is_some(), "EXTERNAL without a certificate");
    stream.sends(format!("<success xmlns='{}'/>", ns::SASL));
    stream.expects_new_stream();
    stream.receives_header();
    stream.sends(format!("{header}{}", features("")));
    // §9.2.3
    stream.receives(
        "<message from='$romeo/orchard' to='juliet@$verona/balcony'><body>Neither, fair saint</body></message>",
    );
    // §9.2.4
    stream.sends("</stream:stream>");
    stream.receives_close();
    stream.hangs_up();
    stream.receives_end();
}
