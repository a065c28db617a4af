//! RFC 6120 §8.1.5: `xml:lang`.

use crate::case;
use crate::case::Case;
use crate::client::Client;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Should, language_of_the_stream_is_added, ["8.1.5", "4.7.4", "stanza-attribute-xmllang"]),
    case!(Must, language_of_a_stanza_is_kept, ["8.1.5", "stanza-attribute-xmllang"]),
    case!(Must, languages_of_children_are_kept, ["8.1.5", "stanza-attribute-xmllang"]),
    case!(Must, language_of_one_stanza_is_not_that_of_the_next, ["8.1.5", "stanza-attribute-xmllang"]),
];

/// A resource of romeo's on a stream of this language.
fn speaks(subject: &Subject, language: &str) -> Client {
    let header = format!(
        "<?xml version='1.0'?><stream:stream to='$domain' version='1.0' xml:lang='{language}' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'>"
    );
    let mut romeo = subject.connect();
    for _ in 0..2 {
        romeo.sends_header(&header).receives_header();
        let features = romeo.receives_features();
        if features.starttls().is_some() {
            romeo.starts_tls();
        } else {
            romeo.authenticates("romeo", &features);
        }
    }
    romeo.sends_header(&header).receives_header();
    romeo.receives_features();
    romeo.binds("orchard");
    romeo
}

/// RFC 6120 §8.1.5: a stanza without a language gets that of the stream that it came on (§4.7.4).
fn language_of_the_stream_is_added(subject: &Subject) {
    let [mut juliet] = subject.login(["juliet/balcony"]);
    let mut romeo = speaks(subject, "de");
    romeo.sends("<message to='$juliet/balcony' id='a' type='chat'><body>Wirklich?</body></message>");
    juliet.receives(
        "<message from='$romeo/orchard' to='$juliet/balcony' id='a' type='chat' xml:lang='de'>\
         <body>Wirklich?</body></message>",
    );
    romeo.sends("<presence to='$juliet/balcony' id='a'><status>Verliebt</status></presence>");
    juliet.receives(
        "<presence from='$romeo/orchard' to='$juliet/balcony' id='a' xml:lang='de'>\
         <status>Verliebt</status></presence>",
    );
}

/// RFC 6120 §8.1.5: a server neither changes nor deletes the language that a stanza has.
fn language_of_a_stanza_is_kept(subject: &Subject) {
    let [mut juliet] = subject.login(["juliet/balcony"]);
    let mut romeo = speaks(subject, "de");
    for language in ["cs", "en-GB", "zh-Hant-TW", "x-klingon", "EN-us"] {
        for kind in ["message", "presence"] {
            romeo.sends(format!("<{kind} to='$juliet/balcony' id='a' xml:lang='{language}'/>"));
            juliet
                .receives(format!("<{kind} from='$romeo/orchard' to='$juliet/balcony' id='a' xml:lang='{language}'/>"));
        }
    }
}

/// RFC 6120 §8.1.5: a child may be in another language than the stanza, and stays so.
fn languages_of_children_are_kept(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    let presence = "<presence from='$romeo/orchard' to='$juliet/balcony' id='a' xml:lang='en'><show>dnd</show>\
                    <status>Wooing Juliet</status><status xml:lang='cs'>Dvo&#x0159;&#x00ED;m se Julii</status></presence>";
    romeo.sends(presence);
    juliet.receives(presence);
    let message = "<message from='$romeo/orchard' to='$juliet/balcony' id='b' xml:lang='en'>\
                   <body>hi</body><body xml:lang='it'>ciao</body>\
                   <x xmlns='urn:example:extension' xml:lang='de'><y xml:lang='fr'>salut</y></x></message>";
    romeo.sends(message);
    juliet.receives(message);
}

/// RFC 6120 §8.1.5: the language of a stanza is its own: the next one without is again in that of the stream, or
/// comes as it is.
fn language_of_one_stanza_is_not_that_of_the_next(subject: &Subject) {
    let [mut juliet] = subject.login(["juliet/balcony"]);
    let mut romeo = speaks(subject, "de");
    romeo.sends("<message to='$juliet/balcony' id='a' xml:lang='it'/><message to='$juliet/balcony' id='b'/>");
    juliet.receives("<message from='$romeo/orchard' to='$juliet/balcony' id='a' xml:lang='it'/>");
    let second = juliet.receives("<message from='$romeo/orchard' to='$juliet/balcony' id='b' xml:lang='?'/>");
    assert!(matches!(second.attribute("xml:lang"), None | Some("de")), "{second}");
}
