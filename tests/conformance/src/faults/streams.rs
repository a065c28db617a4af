//! Faults of streams: headers, features, errors and ends (RFC 6120 §4).

use super::tools::{
    attribute_of, edit, edit_header, first, is_features, is_stream_error, move_to, never_raises, rename, swallow,
    with_attribute,
};
use super::{Fault, Unit};
use crate::ns;
use crate::tree::{Element, Node};

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "header-without-id",
        section: "4.7.3",
        what: "leaves the id out of the stream header",
        meddle: |_, unit| edit_header(unit, |tag| with_attribute(tag, "id", None)),
    },
    Fault {
        name: "stream-id-reused",
        section: "4.7.3",
        what: "gives every stream the same id",
        meddle: |view, unit| {
            edit_header(unit, |tag| {
                let own = attribute_of(tag, "id").unwrap_or_default();
                let id = view.everywhere.entry("id").or_insert(own);
                with_attribute(tag, "id", Some(id))
            })
        },
    },
    Fault {
        name: "stream-id-guessable",
        section: "4.7.3",
        what: "counts its streams",
        meddle: |view, unit| {
            edit_header(unit, |tag| {
                let id = view.everywhere.entry("count").or_default();
                id.push('1');
                with_attribute(tag, "id", Some(&id.len().to_string()))
            })
        },
    },
    Fault {
        name: "header-without-from",
        section: "4.7.1",
        what: "does not say in its header who it is",
        meddle: |_, unit| edit_header(unit, |tag| with_attribute(tag, "from", None)),
    },
    Fault {
        name: "header-from-another",
        section: "4.7.1",
        what: "says in its header that it is another",
        meddle: |_, unit| edit_header(unit, |tag| with_attribute(tag, "from", Some("another.example"))),
    },
    Fault {
        name: "header-without-to",
        section: "4.7.2",
        what: "does not answer a header's from with to",
        meddle: |_, unit| edit_header(unit, |tag| with_attribute(tag, "to", None)),
    },
    Fault {
        name: "header-without-lang",
        section: "4.7.4",
        what: "does not say the default language of its stream",
        meddle: |_, unit| edit_header(unit, |tag| with_attribute(tag, "xml:lang", None)),
    },
    Fault {
        name: "header-without-version",
        section: "4.7.5",
        what: "leaves the version out of the stream header",
        meddle: |_, unit| edit_header(unit, |tag| with_attribute(tag, "version", None)),
    },
    Fault {
        name: "header-of-version-2",
        section: "4.7.5",
        what: "answers version 1.0 with version 2.0",
        meddle: |_, unit| edit_header(unit, |tag| with_attribute(tag, "version", Some("2.0"))),
    },
    Fault {
        name: "streams-of-another-namespace",
        section: "4.8.1",
        what: "uses another namespace for the stream root",
        meddle: |_, unit| edit_header(unit, |tag| tag.replace(ns::STREAM, "http://etherx.jabber.org/stream")),
    },
    Fault {
        name: "content-of-servers",
        section: "4.8.2",
        what: "declares jabber:server on a client stream",
        meddle: |_, unit| edit_header(unit, |tag| tag.replace(ns::CLIENT, ns::SERVER)),
    },
    Fault {
        name: "no-features",
        section: "4.3.2",
        what: "sends no features on its first stream",
        meddle: |view, unit| swallow(unit, |element| is_features(element) && !view.is_protected()),
    },
    Fault {
        name: "no-features-after-restart",
        section: "4.3.4",
        what: "sends no features after SASL",
        meddle: |view, unit| swallow(unit, |element| is_features(element) && view.is_authenticated()),
    },
    Fault {
        name: "no-header-before-error",
        section: "4.9.1.2",
        what: "sends an error during set-up without a header before it",
        meddle: |view, unit| match (&unit, view.here.remove("header")) {
            (Unit::Header(text), _) => {
                view.here.insert("header", text.clone());
                Vec::new()
            }
            (_, Some(_)) if unit.element().is_some_and(|element| is_stream_error(&element)) => vec![unit],
            (_, Some(header)) => vec![Unit::Header(header), unit],
            (_, None) => vec![unit],
        },
    },
    Fault {
        name: "error-without-close",
        section: "4.9.1.1",
        what: "does not close the stream after an error",
        meddle: |view, unit| {
            if matches!(unit, Unit::Close(_)) && view.has_failed() { Vec::new() } else { vec![unit] }
        },
    },
    Fault {
        name: "connection-stays-after-error",
        section: "4.9.1.1",
        what: "keeps the connection after an error",
        meddle: |view, unit| if unit == Unit::End && view.has_failed() { Vec::new() } else { vec![unit] },
    },
    Fault {
        name: "goes-on-after-error",
        section: "4.9.1.1",
        what: "sends a stanza between a stream error and the closing tag",
        meddle: |view, unit| {
            if matches!(unit, Unit::Close(_)) && view.has_failed() {
                return vec![Unit::Element("<iq type='result' id='after'/>".to_owned()), unit];
            }
            vec![unit]
        },
    },
    Fault {
        name: "stream-error-of-another-namespace",
        section: "4.9.2",
        what: "takes the conditions of stanza errors for stream errors",
        meddle: |_, unit| edit(unit, |element| is_stream_error(element) && move_to(first(element), ns::STANZA_ERRORS)),
    },
    Fault {
        name: "stream-error-without-condition",
        section: "4.9.2",
        what: "sends stream errors that have no defined condition",
        meddle: |_, unit| {
            edit(unit, |element| {
                if is_stream_error(element) {
                    element.children.clear();
                }
                is_stream_error(element)
            })
        },
    },
    Fault {
        name: "stream-error-with-text-first",
        section: "4.9.2",
        what: "puts the text before the condition",
        meddle: |_, unit| {
            edit(unit, |element| {
                let text = Element {
                    name: "text".to_owned(),
                    namespace: ns::STREAM_ERRORS.to_owned(),
                    children: vec![Node::Text("wrong".to_owned())],
                    ..Element::default()
                };
                if is_stream_error(element) {
                    element.children.retain(|node| !matches!(node, Node::Element(child) if child.name == "text"));
                    element.children.insert(0, Node::Element(text));
                }
                is_stream_error(element)
            })
        },
    },
    Fault {
        name: "stream-errors-undefined",
        section: "4.9.3",
        what: "calls every stream error undefined-condition",
        meddle: |_, unit| {
            edit(unit, |element| is_stream_error(element) && rename(first(element), "undefined-condition"))
        },
    },
    Fault {
        name: "never-closes",
        section: "4.4",
        what: "does not answer the closing tag",
        meddle: |view, unit| {
            if matches!(unit, Unit::Close(_)) && view.is_closing() && !view.has_failed() {
                return Vec::new();
            }
            vec![unit]
        },
    },
    Fault {
        name: "connection-stays-after-close",
        section: "4.4",
        what: "keeps the connection when both have closed their streams",
        meddle: |view, unit| {
            if unit == Unit::End && view.is_closing() && !view.has_failed() { Vec::new() } else { vec![unit] }
        },
    },
    Fault {
        name: "unknown-host-welcome",
        section: "4.9.3.6",
        what: "takes streams for domains that it does not host",
        meddle: |view, unit| never_raises(view, unit, "host-unknown"),
    },
    Fault {
        name: "strangers-welcome",
        section: "4.9.3.12",
        what: "takes stanzas from who is not authenticated",
        meddle: |view, unit| never_raises(view, unit, "not-authorized"),
    },
    Fault {
        name: "older-stream-stays",
        section: "4.9.3.3",
        what: "gives a resource away without ending the stream that had it",
        meddle: |view, unit| never_raises(view, unit, "conflict"),
    },
    Fault {
        name: "silence-for-ever",
        section: "4.9.3.4",
        what: "never gives up on a silent peer",
        meddle: |view, unit| never_raises(view, unit, "connection-timeout"),
    },
    Fault {
        name: "foreign-sender-on-stream",
        section: "4.9.3.9",
        what: "does not mind a from that is not the client's",
        meddle: |view, unit| never_raises(view, unit, "invalid-from"),
    },
    Fault {
        name: "no-limits",
        section: "4.9.3.14",
        what: "never says policy-violation",
        meddle: |view, unit| never_raises(view, unit, "policy-violation"),
    },
    Fault {
        name: "streams-survive-new-password",
        section: "4.9.3.16",
        what: "keeps streams whose credentials have changed",
        meddle: |view, unit| never_raises(view, unit, "reset"),
    },
    Fault {
        name: "goes-without-a-word",
        section: "4.9.3.20",
        what: "shuts down without telling",
        meddle: |_, unit| {
            swallow(unit, |element| {
                is_stream_error(element) && element.elements().any(|child| child.name == "system-shutdown")
            })
        },
    },
    Fault {
        name: "other-host-nowhere",
        section: "4.9.3.19",
        what: "says see-other-host, but not which",
        meddle: |_, unit| {
            edit(unit, |element| {
                let condition = first(element).filter(|condition| condition.name == "see-other-host");
                condition.is_some_and(|condition| {
                    condition.children.clear();
                    true
                })
            })
        },
    },
];
