//! RFC 6120 §8.1, §8.1.1, §8.1.2: the attributes that all stanzas have in common.

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(
        Must,
        message_keeps_the_common_attributes,
        ["8.1", "8.1.1", "8.1.2", "stanza-attribute-to", "stanza-attribute-from", "stanza-kind-message"]
    ),
    case!(
        Must,
        presence_keeps_the_common_attributes,
        ["8.1", "8.1.1", "8.1.2", "stanza-attribute-to", "stanza-attribute-from", "stanza-kind-presence"]
    ),
    case!(
        Must,
        iq_keeps_the_common_attributes,
        ["8.1", "8.1.1", "8.1.2", "stanza-attribute-to", "stanza-attribute-from", "stanza-kind-iq"]
    ),
    case!(Must, order_and_quotes_of_attributes_do_not_matter, ["8.1"]),
];

/// RFC 6120 §8.1: a message has to, from, id, type and xml:lang, and reaches the address in `to` with all five.
fn message_keeps_the_common_attributes(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    romeo.sends(
        "<message to='$juliet/balcony' from='$romeo/orchard' id='m1' type='chat' xml:lang='it'>\
         <body>Sei tu Romeo?</body></message>",
    );
    juliet.receives(
        "<message to='$juliet/balcony' from='$romeo/orchard' id='m1' type='chat' xml:lang='it'>\
         <body>Sei tu Romeo?</body></message>",
    );
    juliet.hears_nothing_from(&mut romeo);
}

/// RFC 6120 §8.1: presence has to, from, id, type and xml:lang, and reaches the address in `to` with all five.
fn presence_keeps_the_common_attributes(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for presence in [
        "<presence to='$juliet/balcony' from='$romeo/orchard' id='p1' xml:lang='it'><status>Vivo</status></presence>",
        "<presence to='$juliet/balcony' from='$romeo/orchard' id='p2' type='unavailable' xml:lang='it'>\
         <status>Morto</status></presence>",
    ] {
        romeo.sends(presence);
        juliet.receives(presence);
    }
    juliet.hears_nothing_from(&mut romeo);
}

/// RFC 6120 §8.1: an IQ has to, from, id, type and xml:lang, and reaches the address in `to` with all five.
fn iq_keeps_the_common_attributes(subject: &Subject) {
    let [mut orchard, mut garden] = subject.login(["romeo/orchard", "romeo/garden"]);
    for kind in ["get", "set", "result"] {
        let iq = format!(
            "<iq to='$romeo/garden' from='$romeo/orchard' id='q1' type='{kind}' xml:lang='it'>\
             <q xmlns='urn:example:question'>Dove?</q></iq>"
        );
        orchard.sends(&iq);
        garden.receives(&iq);
    }
    garden.hears_nothing_from(&mut orchard);
}

/// RFC 6120 §8.1: attributes are XML: any order, any white space, either kind of quotes.
fn order_and_quotes_of_attributes_do_not_matter(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for message in [
        "<message type=\"chat\" id='x' to=\"$juliet/balcony\"/>",
        "<message\n\tid = 'x'\n\tto\t=\n'$juliet/balcony'\n type='chat'\n></message\n>",
        "<message to='$juliet/balcony' type='chat' id='&#120;'/>",
    ] {
        romeo.sends(message);
        juliet.receives("<message from='$romeo/orchard' to='$juliet/balcony' id='x' type='chat'/>");
    }
}
