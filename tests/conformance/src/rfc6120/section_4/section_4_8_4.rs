//! RFC 6120 §4.8.4: other namespaces.

use super::ANY_CONDITION;
use crate::case;
use crate::case::Case;
use crate::client::{Item, Next};
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, arbitrary_elements_are_not_delivered, ["4.8.4"]),
    case!(Must, arbitrary_elements_are_ignored_or_end_the_stream, ["4.8.4", "4.9.3.24"]),
    case!(Should, arbitrary_elements_that_end_the_stream_are_called_unsupported, ["4.8.4", "4.9.3.24"]),
];

/// First-level elements that are no stanzas, of which two look as if they were, and one has their namespace.
const ARBITRARY: [&str; 4] = [
    "<ns1:foo xmlns:ns1='http://example.org/ns1' from='$romeo/orchard' to='$juliet/balcony'><ns1:bar/></ns1:foo>",
    "<ns2:message xmlns:ns2='http://example.org/ns2' from='$romeo/orchard' to='$juliet/balcony'><body>hi</body></ns2:message>",
    "<iq xmlns='urn:example:iq' from='$romeo/orchard' to='$juliet/balcony' type='get' id='1'><q/></iq>",
    "<pubsub from='$romeo/orchard' to='$juliet/balcony'><create/></pubsub>",
];

/// RFC 6120 §4.8.4: data of another namespace that is addressed to another entity is neither routed nor delivered.
fn arbitrary_elements_are_not_delivered(subject: &Subject) {
    let [mut juliet, mut nurse] = subject.login(["juliet/balcony", "nurse/house"]);
    for element in ARBITRARY {
        let mut romeo = subject.bound("romeo/orchard");
        romeo.sends(element);
        // An error, or nothing if it is ignored: then what follows it is answered.
        romeo.sends_bytes(b"<iq type='get' id='after'><ping xmlns='urn:xmpp:ping'/></iq>");
        let _ = romeo.receives_next();
        juliet.hears_nothing_from(&mut nurse);
    }
}

/// RFC 6120 §4.8.4: such data is ignored, or ends the stream with an error.
fn arbitrary_elements_are_ignored_or_end_the_stream(subject: &Subject) {
    for element in ARBITRARY {
        let mut romeo = subject.bound("romeo/orchard");
        romeo.sends(element);
        romeo.sends("<iq to='$domain' type='get' id='after'><ping xmlns='urn:xmpp:ping'/></iq>");
        match romeo.receives_next() {
            Next::Item(Item::Element(next)) if next.name == "error" => {
                assert!(next.elements().any(|child| ANY_CONDITION.contains(&child.name.as_str())), "{next}");
                romeo.receives_close();
            }
            Next::Item(Item::Element(next)) => assert_eq!(next.attribute("id"), Some("after"), "{next}"),
            other => panic!("the element was to be ignored, or to end the stream with an error: {other:?}"),
        }
    }
}

/// RFC 6120 §4.8.4: the error, if there is one, is `unsupported-stanza-type`.
fn arbitrary_elements_that_end_the_stream_are_called_unsupported(subject: &Subject) {
    for element in ARBITRARY {
        let mut romeo = subject.bound("romeo/orchard");
        romeo.sends(element);
        romeo.sends("<iq to='$domain' type='get' id='after'><ping xmlns='urn:xmpp:ping'/></iq>");
        let next = romeo.receives_any();
        if next.name == "error" {
            assert!(next.elements().any(|child| child.name == "unsupported-stanza-type"), "{next}");
        }
    }
}
