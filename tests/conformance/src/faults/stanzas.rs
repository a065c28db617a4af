//! Faults of stanzas and their errors (RFC 6120 §8).

use super::tools::{
    as_unit, drop_children, edit, first, has_condition, is_answer, is_message, is_stanza_error, move_to, rename, set,
    stanza_error, swallow, unset,
};
use super::{Fault, Unit, View};
use crate::ns;
use crate::tree::{Element, Node};

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "error-without-id",
        section: "8.1.3",
        what: "drops the id of a stanza in its error",
        meddle: |_, unit| edit(unit, |element| is_stanza_error(element) && unset(element, "id")),
    },
    Fault {
        name: "error-with-another-id",
        section: "8.3.1",
        what: "gives errors an id of its own",
        meddle: |_, unit| edit(unit, |element| is_stanza_error(element) && set(element, "id", "another")),
    },
    Fault {
        name: "error-not-called-error",
        section: "8.3.1",
        what: "sends errors of requests as results",
        meddle: |_, unit| {
            edit(unit, |element| is_answer(element) && is_stanza_error(element) && set(element, "type", "result"))
        },
    },
    Fault {
        name: "error-of-wrong-type",
        section: "8.3.3",
        what: "gives errors the type wait",
        meddle: |_, unit| {
            edit(unit, |element| {
                is_stanza_error(element) && stanza_error(element).is_some_and(|error| set(error, "type", "wait"))
            })
        },
    },
    Fault {
        name: "error-of-unknown-type",
        section: "8.3.2",
        what: "gives errors a type that does not exist",
        meddle: |_, unit| {
            edit(unit, |element| {
                is_stanza_error(element) && stanza_error(element).is_some_and(|error| set(error, "type", "fatal"))
            })
        },
    },
    Fault {
        name: "error-of-another-namespace",
        section: "8.3.2",
        what: "takes stream error conditions for stanza errors",
        meddle: |_, unit| {
            edit(unit, |element| {
                is_stanza_error(element)
                    && stanza_error(element).is_some_and(|error| move_to(first(error), ns::STREAM_ERRORS))
            })
        },
    },
    Fault {
        name: "error-without-condition",
        section: "8.3.2",
        what: "sends stanza errors that have no condition",
        meddle: |_, unit| {
            edit(unit, |element| {
                is_stanza_error(element)
                    && stanza_error(element).is_some_and(|error| {
                        error.children.clear();
                        true
                    })
            })
        },
    },
    Fault {
        name: "errors-undefined",
        section: "8.3.3",
        what: "calls every stanza error undefined-condition",
        meddle: |_, unit| {
            edit(unit, |element| {
                is_stanza_error(element)
                    && stanza_error(element).is_some_and(|error| rename(first(error), "undefined-condition"))
            })
        },
    },
    Fault {
        name: "error-from-the-sender",
        section: "8.3.1",
        what: "sends errors in the name of who caused them",
        meddle: |_, unit| {
            edit(unit, |element| {
                let to = element.attribute("to").unwrap_or_default().to_owned();
                is_stanza_error(element) && set(element, "from", &to)
            })
        },
    },
    Fault {
        name: "error-answered-by-error",
        section: "8.3.1",
        what: "answers an error with an error",
        meddle: |view, unit| answers(view, unit, "type='error'"),
    },
    Fault {
        name: "result-answered-by-error",
        section: "8.2.3",
        what: "answers a result with an error",
        meddle: |view, unit| answers(view, unit, "type='result'"),
    },
    Fault {
        name: "gone-nowhere",
        section: "8.3.3.5",
        what: "says gone without the new address",
        meddle: |_, unit| edit(unit, |element| without_address(element, "gone")),
    },
    Fault {
        name: "redirected-nowhere",
        section: "8.3.3.14",
        what: "says redirect without the other address",
        meddle: |_, unit| edit(unit, |element| without_address(element, "redirect")),
    },
    Fault {
        name: "from-missing",
        section: "8.1.2.1",
        what: "does not stamp the sender's address on messages",
        meddle: |_, unit| edit(unit, |element| is_message(element) && unset(element, "from")),
    },
    Fault {
        name: "from-bare",
        section: "8.1.2.1",
        what: "stamps the sender's bare JID on messages",
        meddle: |_, unit| {
            edit(unit, |element| {
                let from =
                    element.attribute("from").and_then(|from| from.split_once('/')).map(|(bare, _)| bare.to_owned());
                is_message(element) && from.is_some_and(|from| set(element, "from", &from))
            })
        },
    },
    Fault {
        name: "from-another",
        section: "8.1.2.1",
        what: "stamps a wrong address on messages",
        meddle: |_, unit| edit(unit, |element| is_message(element) && set(element, "from", "mallory@im.example/cell")),
    },
    Fault {
        name: "to-missing",
        section: "8.1.1",
        what: "takes the address off messages",
        meddle: |_, unit| edit(unit, |element| is_message(element) && unset(element, "to")),
    },
    Fault {
        name: "id-missing",
        section: "8.1.3",
        what: "takes the id off messages",
        meddle: |_, unit| edit(unit, |element| is_message(element) && unset(element, "id")),
    },
    Fault {
        name: "type-missing",
        section: "8.1.4",
        what: "takes the type off messages",
        meddle: |_, unit| edit(unit, |element| is_message(element) && unset(element, "type")),
    },
    Fault {
        name: "lang-missing",
        section: "8.1.5",
        what: "takes the language off messages",
        meddle: |_, unit| edit(unit, |element| is_message(element) && unset(element, "xml:lang")),
    },
    Fault {
        name: "lang-changed",
        section: "8.1.5",
        what: "puts another language on messages",
        meddle: |_, unit| {
            edit(unit, |element| is_message(element) && unset(element, "xml:lang") && set(element, "xml:lang", "tlh"))
        },
    },
    Fault {
        name: "extensions-lost",
        section: "8.4",
        what: "takes unknown content out of messages",
        meddle: |_, unit| {
            edit(unit, |element| is_message(element) && drop_children(element, |inner| inner.namespace != ns::CLIENT))
        },
    },
    Fault {
        name: "extensions-renamed",
        section: "8.4",
        what: "puts unknown content into its own namespace",
        meddle: |_, unit| {
            edit(unit, |element| {
                let mut changed = false;
                if is_message(element) {
                    for node in &mut element.children {
                        if let Node::Element(inner) = node
                            && inner.namespace != ns::CLIENT
                        {
                            changed |= move_to(Some(inner), ns::CLIENT);
                        }
                    }
                }
                changed
            })
        },
    },
    Fault {
        name: "requests-unanswered",
        section: "8.2.3",
        what: "does not answer requests that it can't fulfil",
        meddle: |_, unit| swallow(unit, |element| is_answer(element) && is_stanza_error(element)),
    },
    Fault {
        name: "requests-answered-twice",
        section: "8.2.3",
        what: "answers requests twice",
        meddle: |_, unit| match unit.element() {
            Some(element) if is_answer(&element) => vec![unit.clone(), unit],
            _ => vec![unit],
        },
    },
    Fault {
        name: "answer-with-another-id",
        section: "8.2.3",
        what: "gives answers an id of its own",
        meddle: |_, unit| edit(unit, |element| is_answer(element) && set(element, "id", "another")),
    },
    Fault {
        name: "bad-requests-welcome",
        section: "8.3.3.1",
        what: "never says bad-request",
        meddle: |_, unit| swallow(unit, |element| is_stanza_error(element) && has_condition(element, "bad-request")),
    },
    Fault {
        name: "malformed-addresses-welcome",
        section: "8.3.3.8",
        what: "never says jid-malformed",
        meddle: |_, unit| swallow(unit, |element| is_stanza_error(element) && has_condition(element, "jid-malformed")),
    },
];

/// Answers a stanza that has this in it, before whatever comes next.
fn answers(view: &mut View<'_>, unit: Unit, mark: &str) -> Vec<Unit> {
    let count = view.sent.matches(mark).count();
    let before = view.here.insert("answered", count.to_string()).and_then(|count| count.parse().ok()).unwrap_or(0);
    if count > before && matches!(unit, Unit::Element(_)) {
        let error = "<message type='error'><error type='cancel'><service-unavailable \
                     xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>";
        return vec![as_unit(&Element::parse(error)), unit];
    }
    vec![unit]
}

/// Takes the character data out of the condition of this name.
fn without_address(element: &mut Element, condition: &str) -> bool {
    let condition = stanza_error(element).and_then(first).filter(|found| found.name == condition);
    condition.is_some_and(|condition| {
        condition.children.clear();
        true
    })
}
