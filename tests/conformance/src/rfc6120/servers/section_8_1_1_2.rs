//! RFC 6120 §8.1.1.2: `to` of stanzas between servers.

use super::message_from;
use crate::case;
use crate::case::{Case, Need};
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(
        Must,
        stanza_between_servers_without_to_ends_the_stream,
        ["8.1.1.2", "4.9.3.7", "stanza-attribute-to-validate"],
        needs[Need::Servers]
    ),
    case!(
        Must,
        stanza_to_what_is_no_address_ends_the_stream,
        ["8.1.1.2", "4.9.3.7", "stanza-attribute-to-validate"],
        needs[Need::Servers]
    ),
    case!(
        Must,
        stanza_to_a_domain_that_is_not_hosted_ends_the_stream,
        ["8.1.1.2", "4.9.3.6", "10.4", "stanza-attribute-to-validate"],
        needs[Need::Servers]
    ),
    case!(Must, subject_relays_nothing_between_other_servers, ["8.1.1.2", "10.4"], needs[Need::Servers]),
    case!(
        Should,
        domain_that_was_not_asked_for_is_not_reached,
        ["8.1.1.2", "stanza-attribute-to-validate"],
        needs[Need::Servers, Need::SecondDomain]
    ),
    case!(
        Must,
        stanza_of_the_subject_has_to_and_from,
        ["8.1.1.2", "8.1.2.2", "stanza-attribute-to", "stanza-attribute-from"],
        needs[Need::Servers]
    ),
];

/// The three kinds of stanza with these attributes.
fn stanzas(attributes: &str) -> [String; 3] {
    [
        format!("<message {attributes} type='chat' id='a'><body>hi</body></message>"),
        format!("<presence {attributes} id='a'/>"),
        format!("<iq {attributes} type='get' id='a'><ping xmlns='urn:xmpp:ping'/></iq>"),
    ]
}

/// RFC 6120 §8.1.1.2 rule 1: a stanza without `to` closes the stream with `improper-addressing`.
fn stanza_between_servers_without_to_ends_the_stream(subject: &Subject) {
    let verona = subject.server("verona");
    for stanza in stanzas("from='juliet@$verona/balcony'") {
        let mut stream = verona.authenticated();
        stream.sends(stanza);
        stream.receives_stream_error("improper-addressing");
    }
}

/// RFC 6120 §8.1.1.2 rule 1: so does one whose `to` is no XMPP address.
fn stanza_to_what_is_no_address_ends_the_stream(subject: &Subject) {
    let verona = subject.server("verona");
    for to in ["", "@$domain", "romeo@@$domain", "romeo@$domain/"] {
        let mut stream = verona.authenticated();
        stream.sends(format!("<message from='juliet@$verona' to='{to}' type='chat' id='a'><body>hi</body></message>"));
        stream.receives_stream_error("improper-addressing");
    }
}

/// RFC 6120 §8.1.1.2 rule 2: a stanza to a domain that the subject does not host closes the stream with `host-unknown` or
/// `host-gone`.
fn stanza_to_a_domain_that_is_not_hosted_ends_the_stream(subject: &Subject) {
    let verona = subject.server("verona");
    for to in ["$remote", "romeo@$remote/orchard", "romeo@sub.$domain", "romeo@$domain.invalid"] {
        for stanza in stanzas(&format!("from='juliet@$verona/balcony' to='{to}'")) {
            let mut stream = verona.authenticated();
            stream.sends(stanza);
            stream.receives_stream_error_of(&["host-unknown", "host-gone"]);
        }
    }
}

/// RFC 6120 §10.4, security warning: what a server sends to a third one is not passed on.
fn subject_relays_nothing_between_other_servers(subject: &Subject) {
    let verona = subject.server("verona");
    let mut mantua = subject.server("mantua");
    let mut stream = verona.authenticated();
    stream
        .sends("<message from='juliet@$verona' to='friar@$mantua' type='chat' id='relayed'><body>hi</body></message>");
    stream.receives_next_within(subject.seconds(1.0));
    let [mut romeo] = subject.login(["romeo/orchard"]);
    romeo.sends("<message to='friar@$mantua' type='chat' id='own'><body>hi</body></message>");
    mantua.receives("<message from='$romeo/orchard' to='friar@$mantua' type='chat' id='own'><body>hi</body></message>");
}

/// RFC 6120 §8.1.1.2 rule 2: `to` has to match a domain that was agreed on for the stream: another one of the subject's,
/// which the stream was not opened to and no dialback was for, is refused. Where one machine hosts both, a server may
/// take the certificate for both.
fn domain_that_was_not_asked_for_is_not_reached(subject: &Subject) {
    let verona = subject.server("verona");
    let mut stream = verona.authenticated();
    stream.sends("<message from='juliet@$verona' to='romeo@$other' type='chat' id='a'><body>hi</body></message>");
    stream.receives_stream_error_of(&["host-unknown", "host-gone", "not-authorized"]);
}

/// RFC 6120 §8.1.1.2, §8.1.2.2: every stanza that the subject sends has `to` and `from`: the sender's full JID.
fn stanza_of_the_subject_has_to_and_from(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let mut verona = subject.server("verona");
    for stanza in stanzas("to='juliet@$verona/balcony'") {
        romeo.sends(stanza);
        let received = verona.receives_any();
        assert_eq!(received.attribute("to"), Some(subject.expand("juliet@$verona/balcony").as_str()), "{received}");
        assert_eq!(received.attribute("from"), Some(romeo.jid()), "{received}");
    }
    let mut stream = verona.authenticated();
    stream.sends(message_from("$verona", "b").replace("$romeo/orchard", "$nobody"));
    let answer = verona.collects(&mut stream);
    for stanza in answer {
        assert_eq!(stanza.attribute("from"), Some(subject.expand("$nobody").as_str()), "{stanza}");
        assert_eq!(stanza.attribute("to"), Some(subject.expand("juliet@$verona/balcony").as_str()), "{stanza}");
    }
}
