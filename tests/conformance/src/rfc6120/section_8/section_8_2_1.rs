//! RFC 6120 §8.2.1: messages.

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Should, message_is_pushed_to_who_it_is_for, ["8.2.1", "8.2", "stanza-kind-message"]),
    case!(Should, message_is_not_answered_by_the_server, ["8.2.1", "stanza-kind-message"]),
    case!(Should, message_without_content_is_delivered, ["8.2.1", "stanza-kind-message"]),
];

/// RFC 6120 §8.2.1: a message with `to` is delivered to whom it names, and to nobody else.
fn message_is_pushed_to_who_it_is_for(subject: &Subject) {
    let [mut romeo, mut juliet, mut nurse] = subject.login(["romeo/orchard", "juliet/balcony", "nurse/kitchen"]);
    romeo.sends("<message to='$juliet' id='a' type='chat'><body>Art thou not Capulet?</body></message>");
    juliet.receives(
        "<message from='$romeo/orchard' to='$juliet' id='a' type='chat'><body>Art thou not Capulet?</body></message>",
    );
    nurse.hears_nothing_from(&mut romeo);
}

/// RFC 6120 §8.2.1: a message is pushed, not a request: who sends one that can be delivered hears nothing of it.
fn message_is_not_answered_by_the_server(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for kind in ["normal", "chat", "headline"] {
        romeo.sends(format!("<message to='$juliet' id='a' type='{kind}'><body>hi</body></message>"));
        juliet.receives(format!("<message from='*' to='$juliet' id='a' type='{kind}'><body>hi</body></message>"));
        romeo.settles();
    }
}

/// RFC 6120 §8.2.1: what is in a message is for its recipient to judge, and be it nothing.
fn message_without_content_is_delivered(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for content in ["", "<subject>A subject</subject>", "<body/>", "<thread>e0ffe42b28561960c6b12b944a092794</thread>"]
    {
        romeo.sends(format!("<message to='$juliet/balcony' id='a' type='chat'>{content}</message>"));
        juliet.receives(format!(
            "<message from='$romeo/orchard' to='$juliet/balcony' id='a' type='chat'>{content}</message>"
        ));
    }
}
