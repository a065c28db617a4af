//! RFC 6120 §8.3.3, §8.3.4: the defined conditions, as one client states them and another reads them.

use crate::case;
use crate::case::Case;
use crate::client::STANZA_CONDITIONS;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(
        Must,
        every_condition_is_relayed_in_messages,
        [
            "8.3.3",
            "8.3.3.1",
            "8.3.3.2",
            "8.3.3.3",
            "8.3.3.4",
            "8.3.3.5",
            "8.3.3.6",
            "8.3.3.7",
            "8.3.3.8",
            "8.3.3.9",
            "8.3.3.10",
            "8.3.3.11",
            "8.3.3.12",
            "8.3.3.13",
            "8.3.3.14",
            "8.3.3.15",
            "8.3.3.16",
            "8.3.3.17",
            "8.3.3.18",
            "8.3.3.19",
            "8.3.3.20",
            "8.3.3.21",
            "8.3.3.22",
            "stanza-error"
        ]
    ),
    case!(Must, every_condition_is_relayed_in_presence, ["8.3.3", "stanza-error"]),
    case!(Must, every_condition_is_relayed_in_iqs, ["8.3.3", "8.3.4", "stanza-error"]),
    case!(Must, every_type_of_error_is_relayed, ["8.3.3", "8.3.2", "stanza-error"]),
];

/// RFC 6120 §8.3.3: each of the 22 conditions passes from one client to another in a message as it was written, with
/// `by`, texts in their languages and an application-specific condition.
fn every_condition_is_relayed_in_messages(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for condition in STANZA_CONDITIONS {
        let error = error(condition);
        romeo.sends(format!("<message to='$juliet/balcony' id='a' type='error'><body>hi</body>{error}</message>"));
        juliet.receives(format!(
            "<message from='$romeo/orchard' to='$juliet/balcony' id='a' type='error'><body>hi</body>{error}</message>"
        ));
    }
    romeo.settles();
}

/// RFC 6120 §8.3.3: the same in presence.
fn every_condition_is_relayed_in_presence(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for condition in STANZA_CONDITIONS {
        let error = error(condition);
        romeo.sends(format!("<presence to='$juliet/balcony' id='a' type='error'>{error}</presence>"));
        juliet.receives(format!(
            "<presence from='$romeo/orchard' to='$juliet/balcony' id='a' type='error'>{error}</presence>"
        ));
    }
    romeo.settles();
}

/// RFC 6120 §8.3.3: the same in answers to requests.
fn every_condition_is_relayed_in_iqs(subject: &Subject) {
    let [mut orchard, mut garden] = subject.login(["romeo/orchard", "romeo/garden"]);
    for condition in STANZA_CONDITIONS {
        let question = "<q xmlns='urn:example:question'/>";
        orchard.sends(format!("<iq type='get' id='{condition}' to='$romeo/garden'>{question}</iq>"));
        garden.receives(format!(
            "<iq type='get' id='{condition}' from='$romeo/orchard' to='$romeo/garden'>{question}</iq>"
        ));
        let error = error(condition);
        garden.sends(format!("<iq type='error' id='{condition}' to='$romeo/orchard'>{question}{error}</iq>"));
        orchard.receives(format!(
            "<iq type='error' id='{condition}' from='$romeo/garden' to='$romeo/orchard'>{question}{error}</iq>"
        ));
    }
    orchard.settles();
    garden.settles();
}

/// RFC 6120 §8.3.3: the type that is recommended for a condition is only that: any of the five passes with any.
fn every_type_of_error_is_relayed(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for kind in ["auth", "cancel", "continue", "modify", "wait"] {
        let error = format!("<error type='{kind}'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>");
        romeo.sends(format!("<message to='$juliet/balcony' id='a' type='error'>{error}</message>"));
        juliet.receives(format!(
            "<message from='$romeo/orchard' to='$juliet/balcony' id='a' type='error'>{error}</message>"
        ));
    }
}

/// An error with everything that it may have.
fn error(condition: &str) -> String {
    let address = if matches!(condition, "gone" | "redirect") { "xmpp:romeo@afterlife.example" } else { "" };
    format!(
        "<error type='modify' by='somebody@elsewhere.example/there'>\
         <{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>{address}</{condition}>\
         <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>&lt;{condition}&gt; &amp; more</text>\
         <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='cs'>Žluťoučký kůň</text>\
         <too-many-parameters xmlns='urn:example:errors' limit='3'><given>4</given></too-many-parameters></error>"
    )
}
