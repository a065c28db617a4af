//! Faults of delivery: order, number and place (RFC 6120 §10), and what it tells of others (§13).

use super::tools::{
    as_unit, edit, first, has_condition, is_last, is_message, is_stanza_error, rename, stanza_error, swallow,
};
use super::{Fault, Unit};
use crate::ns;
use crate::tree::Element;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "messages-swapped",
        section: "10.1",
        what: "delivers two messages in the wrong order",
        meddle: |view, unit| {
            let is_one = unit.element().is_some_and(|element| is_message(&element));
            match (is_one, view.here.remove("held")) {
                (true, None) if view.received.last().is_none_or(|last| *last != unit) => {
                    view.here.insert("held", unit.text().to_owned());
                    Vec::new()
                }
                (_, Some(held)) => vec![unit, Unit::Element(held)],
                (_, None) => vec![unit],
            }
        },
    },
    Fault {
        name: "messages-twice",
        section: "10.1",
        what: "delivers every message twice",
        meddle: |_, unit| match unit.element() {
            Some(element) if is_message(&element) => vec![unit.clone(), unit],
            _ => vec![unit],
        },
    },
    Fault {
        name: "messages-lost",
        section: "10.5.4",
        what: "loses every message to a full JID",
        meddle: |_, unit| {
            swallow(unit, |element| is_message(element) && element.attribute("to").is_some_and(|to| to.contains('/')))
        },
    },
    Fault {
        name: "copies-to-everybody",
        section: "10.5.4",
        what: "delivers a message to resources that it is not for",
        meddle: |_, unit| match unit.element() {
            Some(mut last) if is_last(&last) => {
                last.attributes.insert("id".to_owned(), "stray".to_owned());
                vec![as_unit(&last), unit]
            }
            _ => vec![unit],
        },
    },
    Fault {
        name: "presence-lost",
        section: "8.2.2",
        what: "loses directed presence",
        meddle: |_, unit| {
            swallow(unit, |element| element.is("presence", ns::CLIENT) && element.attribute("type").is_none())
        },
    },
    Fault {
        name: "remote-domains-ignored",
        section: "10.4",
        what: "says nothing of domains that it can't reach",
        meddle: |_, unit| {
            swallow(unit, |element| {
                is_stanza_error(element)
                    && (has_condition(element, "remote-server-not-found")
                        || has_condition(element, "remote-server-timeout"))
            })
        },
    },
    Fault {
        name: "unknown-accounts-ignored",
        section: "10.5.3.1",
        what: "does not answer requests to accounts that do not exist",
        meddle: |_, unit| swallow(unit, |element| is_stanza_error(element) && is_from_nobody(element)),
    },
    Fault {
        name: "tells-who-exists",
        section: "13.11",
        what: "has another error for accounts that do not exist",
        meddle: |_, unit| {
            edit(unit, |element| {
                is_from_nobody(element)
                    && stanza_error(element).is_some_and(|error| rename(first(error), "item-not-found"))
            })
        },
    },
];

fn is_from_nobody(element: &Element) -> bool {
    is_stanza_error(element) && element.attribute("from").is_some_and(|from| from.starts_with("nobody-is-here@"))
}
