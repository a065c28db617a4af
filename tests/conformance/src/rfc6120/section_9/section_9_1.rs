//! RFC 6120 §9.1: the dialogue of the client's examples, step by step.

use crate::case;
use crate::case::Case;
use crate::client::{Client, Features, Header, Item, Login, Next, TlsOptions};
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, steps_of_tls, ["9", "9.1", "9.1.1"]),
    case!(Must, steps_of_sasl, ["9.1", "9.1.2"]),
    case!(Must, steps_of_resource_binding, ["9.1", "9.1.3"]),
    case!(Must, steps_of_an_exchange_of_stanzas, ["9", "9.1", "9.1.4"]),
    case!(Must, steps_of_closing, ["9.1", "9.1.5"]),
];

/// The header of the examples, which says who the client is.
const HEADER: &str = "<?xml version='1.0'?><stream:stream from='$juliet' to='$domain' version='1.0' xml:lang='en' \
                      xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

/// RFC 6120 §9.1.1: steps 1 to 7, from the first header to the one under TLS.
fn steps_of_tls(subject: &Subject) {
    let mut juliet = subject.connect();
    let (header, features) = opens(&mut juliet);
    response_header(subject, &header);
    assert!(features.starttls().is_some(), "{}", features.0);
    juliet.sends("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    juliet.receives("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    juliet.shakes_hands(&TlsOptions::default());
    let (again, _) = opens(&mut juliet);
    response_header(subject, &again);
    assert_ne!(header.attribute("id"), again.attribute("id"), "a stream of its own");
}

/// RFC 6120 §9.1.2: steps 8 to 13, SCRAM-SHA-1 from the offer to the header of an authenticated client.
fn steps_of_sasl(subject: &Subject) {
    let (mut juliet, _) = authenticated(subject);
    let (header, _) = opens(&mut juliet);
    response_header(subject, &header);
}

/// RFC 6120 §9.1.3: steps 14 to 16, a resource that the client has submitted.
fn steps_of_resource_binding(subject: &Subject) {
    let (mut juliet, features) = authenticated_and_open(subject);
    assert!(features.bind(), "{}", features.0);
    juliet.sends(
        "<iq id='yhc13a95' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <resource>balcony</resource></bind></iq>",
    );
    // The server may have made another resourcepart of it (§7.7.1).
    juliet.receives(
        "<iq id='yhc13a95' type='result' from='?' to='?'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <jid>*</jid></bind></iq>",
    );
}

/// RFC 6120 §9.1.4: a message to another client, and its answer.
fn steps_of_an_exchange_of_stanzas(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    juliet.sends(
        "<message from='$juliet/balcony' id='ju2ba41c' to='$romeo/orchard' type='chat' xml:lang='en'>\
         <body>Art thou not Romeo, and a Montague?</body></message>",
    );
    romeo.receives(
        "<message from='$juliet/balcony' id='ju2ba41c' to='$romeo/orchard' type='chat' xml:lang='en'>\
         <body>Art thou not Romeo, and a Montague?</body></message>",
    );
    romeo.sends(
        "<message from='$romeo/orchard' id='ju2ba41c' to='$juliet/balcony' type='chat' xml:lang='en'>\
         <body>Neither, fair saint, if either thee dislike.</body></message>",
    );
    juliet.receives(
        "<message from='$romeo/orchard' id='ju2ba41c' to='$juliet/balcony' type='chat' xml:lang='en'>\
         <body>Neither, fair saint, if either thee dislike.</body></message>",
    );
}

/// RFC 6120 §9.1.5, §4.4: the client closes its stream, the server closes its own, and the connection ends.
fn steps_of_closing(subject: &Subject) {
    let mut juliet = subject.bound("juliet/balcony");
    juliet.sends("</stream:stream>");
    match juliet.receives_next() {
        Next::Item(Item::Close) => {}
        other => panic!("the closing tag was due: {other:?}"),
    }
    juliet.hangs_up();
    juliet.receives_end();
}

fn opens(juliet: &mut Client) -> (Header, Features) {
    juliet.sends_header(HEADER);
    (juliet.receives_header(), juliet.receives_features())
}

/// A client that has been authenticated as in the example; a new stream is due.
fn authenticated(subject: &Subject) -> (Client, Features) {
    let mut juliet = subject.connect();
    opens(&mut juliet);
    juliet.starts_tls();
    let (_, features) = opens(&mut juliet);
    assert!(features.offers("SCRAM-SHA-1"), "{}", features.0);
    let account = subject.account("juliet");
    let answer = juliet.negotiates_sasl(&Login::new("SCRAM-SHA-1", &account.local, &account.password));
    assert!(answer.is_success(), "{answer:?}");
    juliet.becomes("juliet");
    (juliet, features)
}

fn authenticated_and_open(subject: &Subject) -> (Client, Features) {
    let (mut juliet, _) = authenticated(subject);
    let (_, features) = opens(&mut juliet);
    (juliet, features)
}

/// What the response headers of the example have in common.
fn response_header(subject: &Subject, header: &Header) {
    assert_eq!(header.attribute("from"), Some(subject.domain()));
    assert_eq!(header.attribute("version"), Some("1.0"));
    assert!(header.attribute("id").is_some_and(|id| !id.is_empty()), "{header:?}");
    assert!(header.attribute("xml:lang").is_some(), "{header:?}");
    // A SHOULD of §4.7.2, which has a case of its own.
    let to = header.attribute("to").map(|to| subject.expand("$juliet") == to);
    assert_ne!(to, Some(false), "to is whom the client said it is: {header:?}");
}
