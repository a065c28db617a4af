//! RFC 6120 §7.3.2: no restart after resource binding.

use crate::case;
use crate::case::Case;
use crate::client::{HEADER, Item, Next};
use crate::ns;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, stanzas_follow_binding_at_once, ["7.3.2", "bind-restart"]),
    case!(Must, stream_is_not_restarted_after_binding, ["7.3.2", "bind-restart"]),
];

/// RFC 6120 §7.3.2: after binding the stream is not restarted: stanzas that follow the request in one breath are processed
/// in the same stream.
fn stanzas_follow_binding_at_once(subject: &Subject) {
    let (mut romeo, _) = subject.authenticated("romeo");
    romeo.sends(
        "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>orchard</resource></bind>\
         </iq><iq type='get' id='ping' to='$domain'><ping xmlns='urn:xmpp:ping'/></iq>",
    );
    let answers = [romeo.receives_any(), romeo.receives_any()];
    let ids: Vec<_> = answers.iter().map(|answer| answer.attribute("id")).collect();
    assert_eq!(ids, [Some("bind"), Some("ping")], "{answers:?}");
    romeo.settles();
}

/// RFC 6120 §7.3.2: a client that restarts the stream after binding all the same gets no new stream.
fn stream_is_not_restarted_after_binding(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    romeo.sends(HEADER);
    loop {
        match romeo.receives_next() {
            Next::Item(Item::Element(element)) => {
                assert!(!element.is("features", ns::STREAM), "features of a new stream: {element}");
                assert!(!element.is("stream", ns::STREAM), "a new stream: {element}");
                if element.is("error", ns::STREAM) {
                    return;
                }
            }
            Next::Item(Item::Header(header)) => panic!("a new stream: {header:?}"),
            Next::Item(Item::Space) => {}
            Next::Item(Item::Close) | Next::End(_) => return,
            Next::Nothing => panic!("a header within a stream was to end it (§4.9.3.13, §4.9.3.1)"),
        }
    }
}
