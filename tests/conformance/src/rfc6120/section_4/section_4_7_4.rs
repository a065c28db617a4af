//! RFC 6120 §4.7.4: `xml:lang` of streams.

use super::{header, three_headers};
use crate::case;
use crate::case::Case;
use crate::client::{Client, Features};
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, response_header_tells_a_language, ["4.7.4", "12"]),
    case!(Must, language_that_is_not_spoken_gets_the_default_one, ["4.7.4"]),
    case!(Should, dialect_gets_its_language, ["4.7.4"]),
    case!(Must, what_is_no_language_is_not_repeated, ["4.7.4"]),
    case!(Should, language_of_the_stream_is_added_to_stanzas, ["4.7.4", "12", "stream-attribute-initial-lang"]),
    case!(Should, language_added_is_that_of_the_current_stream, ["4.7.4", "4.3.3", "stream-attribute-initial-lang"]),
    case!(Must, language_of_a_stanza_stays_as_it_is, ["4.7.4", "12"]),
];

/// RFC 6120 §4.7.4: the response header has `xml:lang` whether the initial one has it or not, and its value is a
/// language tag.
fn response_header_tells_a_language(subject: &Subject) {
    for lang in ["", "xml:lang='en'", "xml:lang='de-CH'", "xml:lang='tlh'"] {
        for answer in three_headers(subject, &header(&format!("to='$domain' version='1.0' {lang}"))) {
            let told = answer.attribute("xml:lang");
            assert!(told.is_some_and(is_language_tag), "{lang}: {}", answer.root);
        }
    }
}

/// RFC 6120 §4.7.4: a language in which the server writes nothing is answered with its default one, the same as
/// when none was asked for.
fn language_that_is_not_spoken_gets_the_default_one(subject: &Subject) {
    // No private-use language has a translation anywhere.
    let [default, other] = ["", "xml:lang='x-unspoken'"].map(|lang| language_for(subject, lang));
    assert_eq!(other, default);
}

/// RFC 6120 §4.7.4: who prefers `en-GB` gets it, or `en` (the lookup scheme of RFC 4647 §3.4), or else the default
/// language.
fn dialect_gets_its_language(subject: &Subject) {
    let [default, plain, dialect] = ["", "xml:lang='en'", "xml:lang='en-GB'"].map(|lang| language_for(subject, lang));
    let allowed = if plain == "en" { ["en-GB", "en"] } else { ["en-GB", default.as_str()] };
    assert!(allowed.contains(&dialect.as_str()), "{dialect} instead of {}", allowed.join(" or "));
}

/// RFC 6120 §4.7.4: the value always conforms to the format of language tags, whatever the client has sent.
fn what_is_no_language_is_not_repeated(subject: &Subject) {
    for lang in ["not a language", "'; drop", "&lt;", "abcdefghijklmnop", "e\u{301}n"] {
        let mut romeo = subject.connect();
        romeo.sends_header(&header(&format!("to='$domain' version='1.0' xml:lang=\"{lang}\"")));
        let answer = romeo.receives_header();
        let told = answer.attribute("xml:lang");
        assert!(told.is_some_and(is_language_tag), "{lang}: {}", answer.root);
    }
}

/// RFC 6120 §4.7.4, §12: a stanza without `xml:lang` is delivered with that of the stream it came over, even if the
/// server does not speak it.
fn language_of_the_stream_is_added_to_stanzas(subject: &Subject) {
    let [mut juliet] = subject.login(["juliet/balcony"]);
    for lang in ["de-CH", "tlh"] {
        let mut romeo = speaker(subject, &["en", "en", lang]);
        romeo.sends("<message to='$juliet/balcony' type='chat'><body>wie?</body></message>");
        let message =
            juliet.receives("<message from='*' to='$juliet/balcony' type='chat' id='?'><body>wie?</body></message>");
        assert_eq!(message.attribute("xml:lang"), Some(lang), "{message}");
    }
}

/// RFC 6120 §4.7.4, §4.3.3: a restart replaces the stream, and the language of the former goes with it.
fn language_added_is_that_of_the_current_stream(subject: &Subject) {
    let [mut juliet] = subject.login(["juliet/balcony"]);
    let mut romeo = speaker(subject, &["it", "de", ""]);
    romeo.sends("<message to='$juliet/balcony' type='chat'><body>come?</body></message>");
    let message =
        juliet.receives("<message from='*' to='$juliet/balcony' type='chat' id='?'><body>come?</body></message>");
    let lang = message.attribute("xml:lang");
    assert!(!matches!(lang, Some("it" | "de")), "the language of a replaced stream: {message}");
}

/// RFC 6120 §4.7.4, §12: `xml:lang` that a stanza has, or anything in it, is neither modified nor deleted.
fn language_of_a_stanza_stays_as_it_is(subject: &Subject) {
    let [mut juliet] = subject.login(["juliet/balcony"]);
    let mut romeo = speaker(subject, &["en", "en", "de"]);
    for lang in ["en", "de", "fr-CA", "tlh", "zh-Hant-TW"] {
        romeo.sends(format!(
            "<message to='$juliet/balcony' type='chat' xml:lang='{lang}'><subject xml:lang='la'>quid</subject>\
             <subject xml:lang='en'>what</subject><body>?</body></message>"
        ));
        juliet.receives(format!(
            "<message from='*' to='$juliet/balcony' type='chat' id='?' xml:lang='{lang}'>\
             <subject xml:lang='la'>quid</subject><subject xml:lang='en'>what</subject><body>?</body></message>"
        ));
    }
}

/// The language in which a stream is answered.
fn language_for(subject: &Subject, lang: &str) -> String {
    let mut romeo = subject.connect();
    romeo.sends_header(&header(&format!("to='$domain' version='1.0' {lang}")));
    romeo.receives_header().attribute("xml:lang").unwrap_or_default().to_owned()
}

/// Romeo with a bound resource, whose three streams had these languages.
fn speaker(subject: &Subject, languages: &[&str; 3]) -> Client {
    let open = |client: &mut Client, lang: &str| -> Features {
        let lang = if lang.is_empty() { String::new() } else { format!("xml:lang='{lang}'") };
        client.sends_header(&header(&format!("to='$domain' version='1.0' {lang}")));
        client.receives_header();
        client.receives_features()
    };
    let mut romeo = subject.connect();
    open(&mut romeo, languages[0]);
    romeo.starts_tls();
    let features = open(&mut romeo, languages[1]);
    romeo.authenticates("romeo", &features);
    open(&mut romeo, languages[2]);
    romeo.requests_resource(None);
    romeo
}

/// Does it have the form of a language tag (RFC 5646 §2.1)?
fn is_language_tag(tag: &str) -> bool {
    tag.split('-').all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}
