//! RFC 6120 §8.1.2.2: `from` of stanzas between servers.

use super::message_from;
use crate::case;
use crate::case::{Case, Need};
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(
        Must,
        stanza_between_servers_without_from_ends_the_stream,
        ["8.1.2.2", "4.9.3.7", "stanza-attribute-from-validate"],
        needs[Need::Servers]
    ),
    case!(
        Must,
        stanza_from_what_is_no_address_ends_the_stream,
        ["8.1.2.2", "4.9.3.7", "stanza-attribute-from-validate"],
        needs[Need::Servers]
    ),
    case!(
        Must,
        stanza_from_another_domain_is_not_delivered,
        ["8.1.2.2", "13.12", "stanza-attribute-from-validate"],
        needs[Need::Servers]
    ),
    case!(
        Must,
        stanza_from_another_domain_ends_the_stream,
        ["8.1.2.2", "4.9.3.9", "stanza-attribute-from-validate"],
        needs[Need::Servers]
    ),
    case!(Must, stanza_from_every_address_of_the_domain_is_delivered, ["8.1.2.2"], needs[Need::Servers]),
];

/// RFC 6120 §8.1.2.2 rule 1: a stanza without `from` closes the stream with `improper-addressing`.
fn stanza_between_servers_without_from_ends_the_stream(subject: &Subject) {
    let verona = subject.server("verona");
    let _romeo = subject.login(["romeo/orchard"]);
    for stanza in [
        "<message to='$romeo/orchard' type='chat' id='a'><body>hi</body></message>",
        "<presence to='$romeo/orchard' id='a'/>",
        "<iq to='$domain' type='get' id='a'><ping xmlns='urn:xmpp:ping'/></iq>",
    ] {
        let mut stream = verona.authenticated();
        stream.sends(stanza);
        stream.receives_stream_error("improper-addressing");
    }
}

/// RFC 6120 §8.1.2.2 rule 1: so does one whose `from` is no XMPP address.
fn stanza_from_what_is_no_address_ends_the_stream(subject: &Subject) {
    let verona = subject.server("verona");
    let _romeo = subject.login(["romeo/orchard"]);
    for from in ["", "@$verona", "juliet@@$verona", "juliet@$verona/"] {
        let mut stream = verona.authenticated();
        stream
            .sends(format!("<message from='{from}' to='$romeo/orchard' type='chat' id='a'><body>hi</body></message>"));
        stream.receives_stream_error("improper-addressing");
    }
}

/// Domains that verona has not proved: another server's, the subject's own, nobody's, those above and below its own, and
/// those that only look like it.
const OTHERS: [&str; 7] = ["$mantua", "$domain", "$remote", "sub.$verona", "example", "x$verona", "$verona.invalid"];

/// RFC 6120 §8.1.2.2 rule 2: a stanza from a domain that the stream is not validated for reaches nobody.
fn stanza_from_another_domain_is_not_delivered(subject: &Subject) {
    let [mut romeo, mut nurse] = subject.login(["romeo/orchard", "nurse/house"]);
    let (verona, _mantua) = (subject.server("verona"), subject.server("mantua"));
    for domain in OTHERS {
        let mut stream = verona.authenticated();
        stream.sends(message_from(domain, "a"));
        stream.receives_next_within(subject.seconds(1.0));
        romeo.hears_nothing_from(&mut nurse);
    }
}

/// RFC 6120 §8.1.2.2 rule 2: it closes the stream with `invalid-from`.
fn stanza_from_another_domain_ends_the_stream(subject: &Subject) {
    let _romeo = subject.login(["romeo/orchard"]);
    let (verona, _mantua) = (subject.server("verona"), subject.server("mantua"));
    for domain in OTHERS {
        let mut stream = verona.authenticated();
        stream.sends(message_from(domain, "a"));
        stream.receives_stream_error("invalid-from");
    }
}

/// RFC 6120 §8.1.2.2: the domainpart alone is what has to match: the server itself, its accounts and their resources, however
/// the domain is written.
fn stanza_from_every_address_of_the_domain_is_delivered(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let verona = subject.server("verona");
    let mut stream = verona.authenticated();
    for from in ["$verona", "$verona/there", "juliet@$verona", "juliet@$verona/balcony"] {
        stream
            .sends(format!("<message from='{from}' to='$romeo/orchard' type='chat' id='a'><body>hi</body></message>"));
        romeo.receives(format!(
            "<message from='{from}' to='$romeo/orchard' type='chat' id='a'><body>hi</body></message>"
        ));
    }
    let upper = verona.domain().to_uppercase();
    stream.sends(format!(
        "<message from='juliet@{upper}' to='$romeo/orchard' type='chat' id='a'><body>hi</body></message>"
    ));
    let message = romeo.receives_any();
    let from = message.attribute("from").unwrap_or_default();
    assert!(from.eq_ignore_ascii_case(&subject.expand("juliet@$verona")), "{message}");
}
