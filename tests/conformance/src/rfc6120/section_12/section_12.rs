//! RFC 6120 §12: internationalization: UTF-8, `xml:lang`, addresses.

use crate::case;
use crate::case::Case;
use crate::client::{Client, Item, Next};
use crate::ns;
use crate::subject::Subject;
use crate::tree::Element;

pub(super) const CASES: &[Case] = &[
    case!(Must, content_in_any_script_arrives, ["12", "11.6"]),
    case!(Must, names_and_values_in_any_script_arrive, ["12"]),
    case!(Must, resource_in_any_script_is_an_address, ["12", "4.3.6"]),
    case!(Must, address_is_found_however_it_is_written, ["12"]),
    case!(Must, address_that_can_not_be_prepared_is_refused, ["12"]),
    case!(Should, stanza_gets_the_language_of_its_stream, ["12", "4.7.4"]),
    case!(Must, language_of_a_stanza_is_not_changed, ["12", "4.7.4"]),
    case!(Should, answers_of_the_server_tell_their_language, ["12"]),
];

/// RFC 6120 §12, §11.6: text in any script arrives as it was sent, neither composed nor decomposed.
fn content_in_any_script_arrives(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for text in ["cafe\u{301}", "café", "ﬁ Å \u{212B}", "שלום\u{200F}", "👩\u{200D}🚀", "ꙮ 𒀀", "i\u{307}İıI"]
    {
        romeo.sends(format!("<message to='$juliet/balcony' type='chat' id='1'><body>{text}</body></message>"));
        juliet.receives(format!(
            "<message from='$romeo/orchard' to='$juliet/balcony' type='chat' id='1'><body>{text}</body></message>"
        ));
    }
}

/// RFC 6120 §12: so do attributes, and names of elements, of extensions.
fn names_and_values_in_any_script_arrive(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for content in ["<имя xmlns='urn:example:имя' ключ='значение'/>", "<x xmlns='urn:example:x' a='日本語'>한국어</x>"]
    {
        romeo.sends(format!("<message to='$juliet/balcony' type='chat' id='1'>{content}</message>"));
        juliet.receives(format!(
            "<message from='$romeo/orchard' to='$juliet/balcony' type='chat' id='1'>{content}</message>"
        ));
    }
}

/// RFC 6120 §12, §4.3.6: a resourcepart may be of any script (RFC 6122 §2.4); under it the client is known.
fn resource_in_any_script_is_an_address(subject: &Subject) {
    let [mut juliet] = subject.login(["juliet/balcony"]);
    for resource in ["балкон", "出口", "gården", "two words", "a/b@c"] {
        let mut romeo = subject.bound(&format!("romeo/{resource}"));
        assert_eq!(romeo.jid(), subject.expand(&format!("$romeo/{resource}")));
        juliet.sends(format!("<message to='$romeo/{resource}' type='chat' id='1'><body>hi</body></message>"));
        romeo.receives(format!(
            "<message from='$juliet/balcony' to='$romeo/{resource}' type='chat' id='1'><body>hi</body></message>"
        ));
    }
}

/// RFC 6120 §12 with RFC 6122 §2: addresses are prepared before they are compared: capital letters make no difference
/// in localpart and domainpart, but in the resourcepart.
fn address_is_found_however_it_is_written(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/Balcony"]);
    let upper = subject.expand("$juliet").to_uppercase();
    romeo.sends(format!("<message to='{upper}/Balcony' type='chat' id='1'><body>hi</body></message>"));
    juliet.receives("<message from='$romeo/orchard' to='*' type='chat' id='1'><body>hi</body></message>");
    romeo.sends("<iq to='$juliet/balcony' type='get' id='2'><ping xmlns='urn:xmpp:ping'/></iq>");
    let answer = romeo.receives_any();
    assert_eq!((answer.attribute("id"), answer.attribute("type")), (Some("2"), Some("error")), "{answer}");
    juliet.settles();
}

/// RFC 6120 §12 with RFC 6122 §2: what can't be prepared is no address, and nobody has it.
fn address_that_can_not_be_prepared_is_refused(subject: &Subject) {
    let long = "a".repeat(1024);
    for to in
        ["ro\u{200E}meo\u{E000}@$domain", "a b@$domain", "a&quot;b@$domain", "@$domain", &format!("{long}@$domain")]
    {
        let mut romeo = subject.bound("romeo/orchard");
        romeo.sends(format!("<iq to='{to}' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>"));
        match romeo.receives_next() {
            Next::Item(Item::Element(next)) if next.is("error", ns::STREAM) => romeo.receives_close(),
            Next::Item(Item::Element(next)) => {
                assert_eq!((next.attribute("type"), next.attribute("id")), (Some("error"), Some("1")), "{to}: {next}");
            }
            other => panic!("{to}: an error was due: {other:?}"),
        }
    }
}

/// RFC 6120 §12, §4.7.4: a server applies the default `xml:lang` of the stream to stanzas that it delivers for a
/// connected entity: messages, presence and IQ alike.
fn stanza_gets_the_language_of_its_stream(subject: &Subject) {
    // Resources of one account share presence, so that requests are delivered, too (RFC 6121 §8.5.3.1).
    let mut house = subject.bound("romeo/house");
    let mut romeo = speaker(subject, "cy");
    for stanza in [
        "<message to='$romeo/house' type='chat' id='1'><body>helo</body></message>",
        "<presence to='$romeo/house' id='2'><status>helo</status></presence>",
        "<iq to='$romeo/house' type='get' id='3'><ping xmlns='urn:xmpp:ping'/></iq>",
    ] {
        romeo.sends(stanza);
        let received = house.receives_any();
        assert_eq!(received.attribute("xml:lang"), Some("cy"), "{received}");
    }
}

/// RFC 6120 §12: `xml:lang` of stanzas is neither modified nor deleted.
fn language_of_a_stanza_is_not_changed(subject: &Subject) {
    // Resources of one account share presence, so that requests are delivered, too (RFC 6121 §8.5.3.1).
    let mut house = subject.bound("romeo/house");
    let mut romeo = speaker(subject, "cy");
    for stanza in [
        "<message to='$romeo/house' type='chat' id='1' xml:lang='br'><body xml:lang='kw'>hi</body></message>",
        "<presence to='$romeo/house' id='2' xml:lang='br'><status xml:lang='kw'>hi</status></presence>",
        "<iq to='$romeo/house' type='get' id='3' xml:lang='br'><x xmlns='urn:example:x' xml:lang='kw'/></iq>",
    ] {
        romeo.sends(stanza);
        let received = house.receives_any();
        assert_eq!(received.attribute("xml:lang"), Some("br"), "{received}");
        let within = received.elements().next().and_then(|child| child.attribute("xml:lang"));
        assert_eq!(within, Some("kw"), "{received}");
    }
}

/// RFC 6120 §12, §8.3.2: text for people that the server itself writes tells its language, by its own `xml:lang` or by
/// that of what it is in.
fn answers_of_the_server_tell_their_language(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    let of_stream = romeo.header().attribute("xml:lang").map(str::to_owned);
    for request in [
        "<iq to='$nobody' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<iq to='$domain' type='get' id='1'><x xmlns='urn:example:unknown'/></iq>",
    ] {
        romeo.sends(request);
        let answer = romeo.receives_any();
        for text in answer.elements().flat_map(Element::elements).filter(|child| child.name == "text") {
            let told = text.attribute("xml:lang").or(answer.attribute("xml:lang")).or(of_stream.as_deref());
            assert!(told.is_some(), "{answer}");
        }
    }
}

/// Romeo on a stream of this language, bound and not available.
fn speaker(subject: &Subject, language: &str) -> Client {
    let (mut romeo, features) = subject.secure();
    romeo.authenticates("romeo", &features);
    romeo.sends_header(&format!(
        "<?xml version='1.0'?><stream:stream to='$domain' version='1.0' xml:lang='{language}' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'>"
    ));
    romeo.receives_header();
    romeo.receives_features();
    romeo.requests_resource(None);
    romeo
}
