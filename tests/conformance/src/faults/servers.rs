//! Faults of streams between servers (RFC 6120 §4 to §6, §8.1, §10.4; XEP-0220), in either direction.

use super::tools::{
    child, drop_children, edit, edit_header, has_condition, is_features, is_stanza_error, move_to, never_raises,
    rename, set, stanza_error, swallow, unset, with_attribute,
};
use super::{Fault, Unit, View};
use crate::ns;
use crate::tree::{Element, Node};

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "servers-get-client-streams",
        section: "4.8.3",
        what: "declares jabber:client on streams between servers",
        meddle: |view, unit| {
            on_server_streams(view, unit, |_, unit| {
                edit_header(unit, |tag| {
                    let quoted = |quote: char| format!("{quote}{}{quote}", ns::SERVER);
                    tag.replace(&quoted('\''), "'jabber:client'").replace(&quoted('"'), "'jabber:client'")
                })
            })
        },
    },
    Fault {
        name: "initiating-server-nameless",
        section: "4.7.1",
        what: "does not say which domain it opens a stream for",
        meddle: |view, unit| when_initiating(view, unit, |tag| with_attribute(tag, "from", None)),
    },
    Fault {
        name: "initiating-server-aimless",
        section: "4.7.2",
        what: "does not say which domain it opens a stream to",
        meddle: |view, unit| when_initiating(view, unit, |tag| with_attribute(tag, "to", None)),
    },
    Fault {
        name: "initiating-server-with-id",
        section: "4.7.3",
        what: "sends an id in its initial headers",
        meddle: |view, unit| when_initiating(view, unit, |tag| with_attribute(tag, "id", Some("mine"))),
    },
    Fault {
        name: "stanza-before-proof",
        section: "4.3.5",
        what: "sends a stanza before the other server knows who it is",
        meddle: |view, unit| {
            let first = view.received.len() == 1 && is_initiating(view);
            let stanza = format!("<message xmlns='{}' from='a@b.example' to='c@d.example'/>", ns::SERVER);
            if first { vec![Unit::Element(stanza), unit] } else { vec![unit] }
        },
    },
    Fault {
        name: "keys-in-clear",
        section: "5.4.2.1",
        what: "sends a key of dialback where STARTTLS is due",
        meddle: |view, unit| {
            let initiating = is_initiating(view);
            edit(unit, |element| {
                initiating && element.is("starttls", ns::TLS) && move_to(Some(element), ns::DIALBACK) && {
                    rename(Some(element), "result")
                }
            })
        },
    },
    Fault {
        name: "external-for-nobody",
        section: "6.3.4",
        what: "does not offer EXTERNAL to servers",
        meddle: |view, unit| {
            on_server_streams(view, unit, |_, unit| {
                edit(unit, |element| is_features(element) && drop_children(element, |inner| inner.name == "mechanisms"))
            })
        },
    },
    Fault {
        name: "acts-for-anybody",
        section: "6.3.8",
        what: "lets a server act for a domain that it has not proved",
        meddle: |view, unit| {
            on_server_streams(view, unit, |_, unit| {
                edit(unit, |element| {
                    let wanted = element.is("failure", ns::SASL) && has_condition(element, "invalid-authzid");
                    if wanted {
                        element.children.clear();
                    }
                    wanted && rename(Some(element), "success")
                })
            })
        },
    },
    Fault {
        name: "proves-another-domain",
        section: "6.3.8",
        what: "asks for another domain than its own in EXTERNAL",
        meddle: |_, unit| {
            edit(unit, |element| {
                let wanted = element.is("auth", ns::SASL);
                if wanted {
                    // another.example
                    element.children = vec![Node::Text("YW5vdGhlci5leGFtcGxl".to_owned())];
                }
                wanted
            })
        },
    },
    Fault {
        name: "any-address-between-servers",
        section: "8.1.1.2",
        what: "does not mind stanzas of servers without to or from",
        meddle: |view, unit| never_raises(view, unit, "improper-addressing"),
    },
    Fault {
        name: "stanza-from-nobody",
        section: "8.1.2.2",
        what: "sends stanzas to other servers without from",
        meddle: |view, unit| {
            on_server_streams(view, unit, |_, unit| edit(unit, |element| is_stanza(element) && unset(element, "from")))
        },
    },
    Fault {
        name: "both-directions-on-one-stream",
        section: "4.5",
        what: "sends stanzas on a stream that another server has opened",
        meddle: |view, unit| {
            let closing = matches!(unit, Unit::Close(_)) && view.is_authenticated() && view.sent.contains(ns::SERVER);
            let stanza = format!("<message xmlns='{}' from='a@b.example' to='c@d.example'/>", ns::SERVER);
            if closing && !is_initiating(view) { vec![Unit::Element(stanza), unit] } else { vec![unit] }
        },
    },
    Fault {
        name: "stanzas-for-servers-lost",
        section: "10.4.2",
        what: "loses what is for other servers",
        meddle: |view, unit| on_server_streams(view, unit, |_, unit| swallow(unit, is_stanza)),
    },
    Fault {
        name: "every-failure-is-not-found",
        section: "10.4.3",
        what: "says of domains that it finds, but can't reach, that they do not exist",
        meddle: |_, unit| {
            edit(unit, |element| {
                let wanted = is_stanza_error(element) && has_condition(element, "remote-server-timeout");
                let condition =
                    |error: &mut Element| rename(child(error, "remote-server-timeout"), "remote-server-not-found");
                wanted && stanza_error(element).is_some_and(condition)
            })
        },
    },
    Fault {
        name: "every-key-is-valid",
        section: "13.5",
        what: "takes every key of dialback for valid",
        meddle: |_, unit| {
            edit(unit, |element| {
                let wanted = element.is("result", ns::DIALBACK) && element.attribute("type").is_some();
                wanted && set(element, "type", "valid")
            })
        },
    },
    Fault {
        name: "vouches-for-every-key",
        section: "13.5",
        what: "says of every key that it is its own",
        meddle: |_, unit| {
            edit(unit, |element| {
                let wanted = element.is("verify", ns::DIALBACK) && element.attribute("type").is_some();
                wanted && set(element, "type", "valid")
            })
        },
    },
    Fault {
        name: "vouches-for-no-key",
        section: "13.5",
        what: "does not know its own keys",
        meddle: |_, unit| {
            edit(unit, |element| {
                let wanted = element.is("verify", ns::DIALBACK) && element.attribute("type") == Some("valid");
                wanted && set(element, "type", "invalid")
            })
        },
    },
    Fault {
        name: "verifies-another-stream",
        section: "13.5",
        what: "asks for the verification of a key with another id than that of its stream",
        meddle: |_, unit| {
            edit(unit, |element| {
                let wanted = element.is("verify", ns::DIALBACK) && element.attribute("type").is_none();
                wanted && set(element, "id", "another")
            })
        },
    },
    Fault {
        name: "same-key-every-time",
        section: "13.5",
        what: "has one key of dialback for all of its streams",
        meddle: |view, unit| {
            let everywhere = &mut *view.everywhere;
            edit(unit, |element| {
                let wanted = element.is("result", ns::DIALBACK) && element.attribute("type").is_none();
                if wanted {
                    let key = everywhere.entry("key").or_insert_with(|| element.text()).clone();
                    element.children = vec![Node::Text(key)];
                }
                wanted
            })
        },
    },
    Fault {
        name: "dialback-undeclared",
        section: "4.8.4",
        what: "does not declare dialback in its headers",
        meddle: |view, unit| {
            on_server_streams(view, unit, |_, unit| {
                edit_header(unit, |tag| tag.replace(ns::DIALBACK, "urn:example:no-dialback"))
            })
        },
    },
];

/// Meddles with streams between servers alone.
fn on_server_streams(
    view: &mut View<'_>,
    unit: Unit,
    meddle: impl FnOnce(&mut View<'_>, Unit) -> Vec<Unit>,
) -> Vec<Unit> {
    let is_one = |text: &str| text.contains(ns::SERVER);
    if is_one(view.sent) || is_one(unit.text()) || view.received.iter().any(|unit| is_one(unit.text())) {
        meddle(view, unit)
    } else {
        vec![unit]
    }
}

/// Changes the headers of streams that the server has opened itself.
fn when_initiating(view: &mut View<'_>, unit: Unit, change: impl FnOnce(&str) -> String) -> Vec<Unit> {
    if view.received.is_empty() && view.sent.is_empty() || is_initiating(view) {
        edit_header(unit, change)
    } else {
        vec![unit]
    }
}

/// Has the server opened this connection? Then its header came first, and ours, with an id, was the answer.
fn is_initiating(view: &View<'_>) -> bool {
    let first = view.received.first().map(Unit::text).unwrap_or_default();
    let ours = view.sent.split('>').find(|tag| tag.contains("<stream:stream"));
    first.contains(ns::SERVER) && ours.is_none_or(|tag| tag.contains(" id='"))
}

fn is_stanza(element: &Element) -> bool {
    let of_streams = [ns::CLIENT, ns::SERVER].contains(&element.namespace.as_str());
    of_streams && ["message", "presence", "iq"].contains(&element.name.as_str())
}
