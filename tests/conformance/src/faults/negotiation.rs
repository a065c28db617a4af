//! Faults of STARTTLS, SASL and resource binding (RFC 6120 §5 to §7).

use super::tools::{
    child, drop_children, edit, first, has_condition, is_features, is_stream_error, move_to, rename, set, swallow,
};
use super::{Fault, Unit, View};
use crate::ns;
use crate::tree::{Element, Node};

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "starttls-voluntary",
        section: "5.3.1",
        what: "does not say that STARTTLS is required",
        meddle: |_, unit| {
            edit(unit, |element| {
                child(element, "starttls")
                    .is_some_and(|starttls| drop_children(starttls, |inner| inner.name == "required"))
            })
        },
    },
    Fault {
        name: "plain-before-tls",
        section: "6.3.4",
        what: "offers PLAIN in clear",
        meddle: |view, unit| {
            edit(unit, |element| {
                let wanted = is_features(element) && !view.is_protected();
                if wanted {
                    element.children.push(Node::Element(mechanisms("PLAIN")));
                }
                wanted
            })
        },
    },
    Fault {
        name: "starttls-within-tls",
        section: "5.4.3.3",
        what: "offers STARTTLS again under TLS",
        meddle: |view, unit| {
            edit(unit, |element| {
                let wanted = is_features(element) && view.is_protected();
                if wanted {
                    element
                        .children
                        .insert(0, Node::Element(Element::parse(&format!("<starttls xmlns='{}'/>", ns::TLS))));
                }
                wanted
            })
        },
    },
    Fault {
        name: "stream-survives-tls-failure",
        section: "5.4.2.2",
        what: "keeps the stream after a failure of STARTTLS",
        meddle: |view, unit| {
            let failed = view.has_come(|element| element.is("failure", ns::TLS));
            if failed && matches!(unit, Unit::Close(_) | Unit::End) { Vec::new() } else { vec![unit] }
        },
    },
    Fault {
        name: "no-scram-sha-1",
        section: "13.8",
        what: "has not the mechanism that everybody must have",
        meddle: |_, unit| {
            edit(unit, |element| {
                child(element, "mechanisms")
                    .is_some_and(|list| drop_children(list, |inner| inner.text().starts_with("SCRAM-SHA-1")))
            })
        },
    },
    Fault {
        name: "unprotected-plus",
        section: "6.3.4",
        what: "offers channel binding in clear",
        meddle: |view, unit| {
            edit(unit, |element| {
                let wanted = is_features(element) && !view.is_protected();
                if wanted {
                    element.children.push(Node::Element(mechanisms("SCRAM-SHA-1-PLUS")));
                }
                wanted
            })
        },
    },
    Fault {
        name: "any-password",
        section: "6.5.10",
        what: "lets everybody in, whatever the password",
        meddle: |_, unit| {
            edit(unit, |element| {
                let wanted = element.is("failure", ns::SASL) && has_condition(element, "not-authorized");
                if wanted {
                    element.children.clear();
                }
                wanted && rename(Some(element), "success")
            })
        },
    },
    Fault {
        name: "sasl-failures-all-alike",
        section: "6.5",
        what: "calls every SASL failure not-authorized",
        meddle: |_, unit| {
            edit(unit, |element| element.is("failure", ns::SASL) && rename(first(element), "not-authorized"))
        },
    },
    Fault {
        name: "sasl-failure-without-condition",
        section: "6.4.5",
        what: "sends SASL failures that have no condition",
        meddle: |_, unit| {
            edit(unit, |element| {
                let wanted = element.is("failure", ns::SASL);
                if wanted {
                    element.children.clear();
                }
                wanted
            })
        },
    },
    Fault {
        name: "sasl-failure-of-another-namespace",
        section: "6.4.5",
        what: "takes stream error conditions for SASL failures",
        meddle: |_, unit| {
            edit(unit, |element| element.is("failure", ns::SASL) && move_to(first(element), ns::STREAM_ERRORS))
        },
    },
    Fault {
        name: "abort-ignored",
        section: "6.4.4",
        what: "does not answer an abort",
        meddle: |_, unit| swallow(unit, |element| has_condition(element, "aborted") && element.is("failure", ns::SASL)),
    },
    Fault {
        name: "success-unproved",
        section: "6.4.6",
        what: "does not prove in SCRAM that it knows the password, too",
        meddle: |_, unit| {
            edit(unit, |element| {
                let wanted = element.is("success", ns::SASL) && !element.children.is_empty();
                if wanted {
                    element.children.clear();
                }
                wanted
            })
        },
    },
    Fault {
        name: "mechanisms-after-success",
        section: "6.4.6",
        what: "offers SASL to who is authenticated",
        meddle: |view, unit| {
            edit(unit, |element| {
                let wanted = is_features(element) && view.is_authenticated();
                if wanted {
                    element.children.push(Node::Element(mechanisms("SCRAM-SHA-1")));
                }
                wanted
            })
        },
    },
    Fault {
        name: "guesses-unlimited",
        section: "6.4.5",
        what: "lets a stream guess as often as it likes",
        meddle: |view, unit| {
            let guesses = view.has_come(|element| element.is("failure", ns::SASL)) && !view.is_authenticated();
            if guesses && unit.element().is_some_and(|element| is_stream_error(&element)) {
                view.here.insert("swallowed", String::new());
            }
            if view.here.contains_key("swallowed") { Vec::new() } else { vec![unit] }
        },
    },
    Fault {
        name: "no-binding-offered",
        section: "7.4",
        what: "does not offer resource binding",
        meddle: |_, unit| {
            edit(unit, |element| is_features(element) && drop_children(element, |inner| inner.name == "bind"))
        },
    },
    Fault {
        name: "binding-offered-too-early",
        section: "7.3.1",
        what: "offers resource binding to who is not authenticated",
        meddle: |view, unit| {
            edit(unit, |element| {
                let wanted = is_features(element) && !view.is_authenticated() && view.is_protected();
                if wanted {
                    element.children.push(Node::Element(Element::parse(&format!("<bind xmlns='{}'/>", ns::BIND))));
                }
                wanted
            })
        },
    },
    Fault {
        name: "bound-to-another-account",
        section: "7.7.1",
        what: "says that somebody else's address was bound",
        meddle: |_, unit| edit(unit, |element| bound_jid(element, |jid| format!("x{jid}"))),
    },
    Fault {
        name: "generated-resource-reused",
        section: "7.6",
        what: "makes the same resource for everybody",
        meddle: |view, unit| {
            let generated = !view.sent.contains("<resource>");
            edit(unit, |element| {
                generated
                    && bound_jid(element, |jid| {
                        format!("{}/always-the-same", jid.split('/').next().unwrap_or_default())
                    })
            })
        },
    },
    Fault {
        name: "binding-refused-by-wrong-type",
        section: "7.7.2",
        what: "gives errors of binding the type auth",
        meddle: |view, unit| {
            let bound = is_bound(view);
            edit(unit, |element| {
                !bound
                    && element.name == "iq"
                    && child(element, "error").is_some_and(|error| set(error, "type", "auth"))
            })
        },
    },
    Fault {
        name: "any-resource-bound",
        section: "7.7.2.1",
        what: "never says bad-request to who asks for a resource",
        meddle: |view, unit| only_while_binding(view, unit, "bad-request"),
    },
];

/// Swallows this stanza error before a resource is bound.
fn only_while_binding(view: &View<'_>, unit: Unit, condition: &str) -> Vec<Unit> {
    let bound = is_bound(view);
    swallow(unit, |element| element.name == "iq" && has_condition(element, condition) && !bound)
}

/// Has the server bound a resource?
fn is_bound(view: &View<'_>) -> bool {
    view.has_come(|element| element.child("bind", ns::BIND).is_some_and(|bind| !bind.children.is_empty()))
}

/// Changes the JID in the answer to a request to bind.
fn bound_jid(element: &mut Element, change: impl FnOnce(&str) -> String) -> bool {
    let jid = child(element, "bind").and_then(|bind| child(bind, "jid"));
    jid.is_some_and(|jid| {
        jid.children = vec![Node::Text(change(&jid.text()))];
        true
    })
}

fn mechanisms(name: &str) -> Element {
    Element::parse(&format!("<mechanisms xmlns='{}'><mechanism>{name}</mechanism></mechanisms>", ns::SASL))
}
