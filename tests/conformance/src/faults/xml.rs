//! Faults of the XML itself (RFC 6120 §11).

use super::tools::{edit, edit_header, is_message};
use super::{Fault, Unit};
use crate::tree::Node;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "comments",
        section: "11.1",
        what: "puts a comment before every message",
        meddle: |_, unit| before_messages(unit, "<!-- a comment -->"),
    },
    Fault {
        name: "processing-instructions",
        section: "11.1",
        what: "puts a processing instruction before every message",
        meddle: |_, unit| before_messages(unit, "<?a b?>"),
    },
    Fault {
        name: "document-type",
        section: "11.1",
        what: "puts a document type declaration before the stream header",
        meddle: |_, unit| edit_header(unit, |tag| tag.replace("<stream:stream", "<!DOCTYPE stream><stream:stream")),
    },
    Fault {
        name: "other-entities",
        section: "11.1",
        what: "refers to an entity that nobody has defined",
        meddle: |_, unit| before_messages(unit, "<message><body>&eacute;</body></message>"),
    },
    Fault {
        name: "text-between-stanzas",
        section: "11.7",
        what: "puts text between stanzas",
        meddle: |_, unit| before_messages(unit, "text"),
    },
    Fault {
        name: "unbound-prefix",
        section: "11.3",
        what: "uses a prefix that is not bound",
        meddle: |_, unit| before_messages(unit, "<x:message/>"),
    },
    Fault {
        name: "declared-as-latin-1",
        section: "11.6",
        what: "declares another encoding than UTF-8",
        meddle: |_, unit| {
            edit_header(unit, |tag| {
                let root = tag.find("<stream:stream").map_or(tag, |at| &tag[at..]);
                format!("<?xml version='1.0' encoding='ISO-8859-1'?>{root}")
            })
        },
    },
    Fault {
        name: "white-space-trimmed",
        section: "11.7",
        what: "takes white space off the text in stanzas",
        meddle: |_, unit| {
            edit(unit, |element| {
                let mut changed = false;
                for node in &mut element.children {
                    if let Node::Element(child) = node
                        && child.name == "body"
                    {
                        let text: String = child.text().split_whitespace().collect::<Vec<_>>().join(" ");
                        child.children = vec![Node::Text(text)];
                        changed = true;
                    }
                }
                changed
            })
        },
    },
];

fn before_messages(unit: Unit, text: &str) -> Vec<Unit> {
    if unit.element().is_some_and(|element| is_message(&element)) {
        return vec![Unit::Element(text.to_owned()), unit];
    }
    vec![unit]
}
