//! RFC 6120 §8.1.3: `id`.

use super::UNKNOWN;
use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, answer_has_the_id_of_the_request, ["8.1.3", "8.2.3", "stanza-attribute-id", "stanza-iq-id"]),
    case!(Must, error_of_a_message_has_its_id, ["8.1.3", "8.3.1", "stanza-attribute-id", "stanza-error-id"]),
    case!(Must, id_of_another_client_is_delivered_as_it_is, ["8.1.3", "stanza-attribute-id"]),
    case!(Must, id_with_white_space_written_as_references_stays_the_same, ["8.1.3", "stanza-attribute-id"]),
    case!(Must, same_id_may_be_used_again, ["8.1.3", "stanza-attribute-id"]),
];

/// Ids as they are written in XML: nothing forbids any of them.
fn odd_ids() -> Vec<String> {
    let mut ids: Vec<String> = [
        "1",
        "with space",
        " around ",
        "&lt;&gt;&amp;&apos;&quot;",
        "../../etc/passwd",
        "'; DROP TABLE users; --",
        "$",
        "Žluťoučký kůň",
        "\u{1f339}\u{200d}\u{5d0}",
        "]]&gt;",
    ]
    .map(|id| id.replace('\'', "&apos;").replace('$', "&#36;"))
    .into();
    ids.push("0123456789abcdef".repeat(64));
    ids
}

/// RFC 6120 §8.1.3: a response and an error have the id of the request, whatever it is.
fn answer_has_the_id_of_the_request(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    for id in odd_ids() {
        for payload in ["<ping xmlns='urn:xmpp:ping'/>".to_owned(), format!("<q xmlns='{UNKNOWN}'/>")] {
            romeo.sends(format!("<iq type='get' id='{id}' to='$domain'>{payload}</iq>"));
            romeo.receives(format!("<iq type='*' id='{id}' from='?' to='?'>...</iq>"));
        }
    }
}

/// RFC 6120 §8.1.3, §8.3.1: the error of a message has its id, whatever it is.
fn error_of_a_message_has_its_id(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    romeo.waits(Some(subject.seconds(20.0)));
    for id in odd_ids() {
        romeo.sends(format!("<message to='somebody@$remote' id='{id}' type='chat'><body>hi</body></message>"));
        romeo.receives(format!("<message type='error' id='{id}' from='?' to='?'>...</message>"));
    }
}

/// RFC 6120 §8.1.3: the id is for the two ends; servers between them leave it alone.
fn id_of_another_client_is_delivered_as_it_is(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for id in odd_ids() {
        for kind in ["message", "presence"] {
            romeo.sends(format!("<{kind} to='$juliet/balcony' id='{id}'/>"));
            juliet.receives(format!("<{kind} from='$romeo/orchard' to='$juliet/balcony' id='{id}'/>"));
        }
    }
    romeo.sends("<message to='$juliet/balcony'/><presence to='$juliet/balcony'/>");
    juliet.receives("<message from='$romeo/orchard' to='$juliet/balcony'/>");
    juliet.receives("<presence from='$romeo/orchard' to='$juliet/balcony'/>");
}

/// RFC 6120 §8.1.3: a tab or a line end in an id, which only a reference can bring there (XML 1.0 §3.3.3), is answered
/// as such, not as a space.
fn id_with_white_space_written_as_references_stays_the_same(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let id = "tab&#9;line&#10;end";
    romeo.sends(format!("<iq type='get' id='{id}' to='$domain'><q xmlns='{UNKNOWN}'/></iq>"));
    romeo.receives(format!("<iq type='error' id='{id}' from='?' to='?'>...</iq>"));
}

/// RFC 6120 §8.1.3: whether ids are unique is the sender's business: each request is answered.
fn same_id_may_be_used_again(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let request = "<iq type='get' id='again' to='$domain'><ping xmlns='urn:xmpp:ping'/></iq>";
    romeo.sends(request).sends(request).sends(request);
    for _ in 0..3 {
        romeo.receives("<iq type='*' id='again' from='?' to='?'>...</iq>");
    }
    romeo.settles();
}
