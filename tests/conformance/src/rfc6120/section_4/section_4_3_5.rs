//! RFC 6120 §4.3.5: completion of stream negotiation.

use crate::case;
use crate::case::Case;
use crate::subject::{Stage, Subject};

pub(super) const CASES: &[Case] = &[
    case!(Must, stanza_to_another_before_completion_is_refused, ["4.3.5", "4.9.3.12", "stream-negotiation-complete"]),
    case!(Must, every_kind_of_stanza_is_refused_before_completion, ["4.3.5", "4.9.3.12"]),
    case!(Must, completed_stream_carries_stanzas, ["4.3.5", "stream-negotiation-complete"]),
    case!(Must, completed_stream_gets_no_more_features, ["4.3.5", "stream-negotiation-complete"]),
];

/// The stages before completion.
const EARLY: [Stage; 3] = [Stage::Clear, Stage::Secure, Stage::Authenticated];

/// RFC 6120 §4.3.5: a stanza to another entity before negotiation is complete ends the stream with `not-authorized`
/// and is not accepted.
fn stanza_to_another_before_completion_is_refused(subject: &Subject) {
    let [mut juliet] = subject.login(["juliet/balcony"]);
    for stage in EARLY {
        let mut romeo = subject.at(stage, "romeo");
        romeo.notes(&format!("{stage:?}"));
        romeo.sends("<message to='$juliet/balcony' type='chat'><body>too early</body></message>");
        romeo.receives_stream_error("not-authorized");
        // The stream is over, so what it would have done is done.
        juliet.settles();
    }
}

/// RFC 6120 §4.3.5: the rule is for messages, presence and IQ alike.
fn every_kind_of_stanza_is_refused_before_completion(subject: &Subject) {
    let [mut juliet] = subject.login(["juliet/balcony"]);
    for stage in EARLY {
        for stanza in [
            "<presence to='$juliet/balcony'/>",
            "<iq to='$juliet/balcony' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
        ] {
            let mut romeo = subject.at(stage, "romeo");
            romeo.notes(&format!("{stage:?}"));
            romeo.sends(stanza);
            romeo.receives_stream_error("not-authorized");
            juliet.settles();
        }
    }
}

/// RFC 6120 §4.3.5: after completion the initiating entity is cleared to send stanzas as long as the stream lasts.
fn completed_stream_carries_stanzas(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for id in ["1", "2"] {
        romeo.sends(format!("<message to='$juliet/balcony' id='{id}' type='chat'><body>now</body></message>"));
        juliet.receives(format!(
            "<message from='$romeo/orchard' to='$juliet/balcony' id='{id}' type='chat'><body>now</body></message>"
        ));
    }
}

/// RFC 6120 §4.3.5: after completion the receiving entity sends no further features.
fn completed_stream_gets_no_more_features(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    // Each time, nothing but the answer has come.
    romeo.settles();
    romeo.becomes_available();
    romeo.settles();
}
