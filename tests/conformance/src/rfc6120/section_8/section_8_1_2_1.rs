//! RFC 6120 §8.1.2.1: `from` on client streams.

use super::UNKNOWN;
use crate::case;
use crate::case::Case;
use crate::client::Client;
use crate::ns;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, from_is_stamped_on_every_kind, ["8.1.2.1", "8.1.2", "stanza-attribute-from-stamp"]),
    case!(Must, own_address_in_from_becomes_the_full_jid, ["8.1.2.1", "stanza-attribute-from-stamp"]),
    case!(Must, resource_that_the_server_made_is_stamped, ["8.1.2.1", "stanza-attribute-from-stamp"]),
    case!(
        Must,
        message_is_never_relayed_in_the_name_of_another,
        ["8.1.2.1", "stanza-attribute-from-stamp", "stanza-attribute-from", "4.9.3.9"]
    ),
    case!(
        Must,
        presence_is_never_relayed_in_the_name_of_another,
        ["8.1.2.1", "stanza-attribute-from-stamp", "stanza-attribute-from", "4.9.3.9"]
    ),
    case!(
        Must,
        request_to_the_server_is_never_taken_as_that_of_another,
        ["8.1.2.1", "stanza-attribute-from-stamp", "4.9.3.9"]
    ),
    case!(Must, subscription_is_stamped_with_the_bare_jid, ["8.1.2.1", "stanza-attribute-from-stamp"]),
    case!(Must, server_speaks_as_its_domain, ["8.1.2.1", "stanza-attribute-from"]),
    case!(Must, server_speaks_for_an_account_as_that_account, ["8.1.2.1", "stanza-attribute-from"]),
];

/// RFC 6120 §8.1.2.1: the full JID of the sender is added to messages, presence and IQs that came without `from`, and
/// none is delivered without one.
fn from_is_stamped_on_every_kind(subject: &Subject) {
    let [mut orchard, mut garden] = subject.login(["romeo/orchard", "romeo/garden"]);
    for (kind, rest) in [
        ("message", "<body>hi</body>"),
        ("presence", "<status>up</status>"),
        ("iq", "<q xmlns='urn:example:question'/>"),
    ] {
        let type_ = if kind == "iq" { "type='get'" } else { "" };
        orchard.sends(format!("<{kind} to='$romeo/garden' id='a' {type_}>{rest}</{kind}>"));
        garden.receives(format!("<{kind} from='$romeo/orchard' to='$romeo/garden' id='a' {type_}>{rest}</{kind}>"));
    }
}

/// RFC 6120 §8.1.2.1: `from` with the sender's own full or bare JID is delivered with the full one.
fn own_address_in_from_becomes_the_full_jid(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for from in ["$romeo/orchard", "$romeo"] {
        for kind in ["message", "presence"] {
            romeo.sends(format!("<{kind} from='{from}' to='$juliet/balcony' id='a'/>"));
            juliet.receives(format!("<{kind} from='$romeo/orchard' to='$juliet/balcony' id='a'/>"));
        }
    }
}

/// RFC 6120 §8.1.2.1: the stamp is the address that the server determined, also where it made the resource itself.
fn resource_that_the_server_made_is_stamped(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo", "juliet/balcony"]);
    let from = crate::tree::escape(romeo.jid());
    romeo.sends("<message to='$juliet/balcony' id='a' type='chat'/>");
    juliet.receives(format!("<message from='{from}' to='$juliet/balcony' id='a' type='chat'/>"));
}

/// Addresses that are not romeo's, as a server may understand them or not.
const NOT_HIS: [&str; 7] = [
    "$nurse/kitchen",
    "$nurse",
    "$romeo/elsewhere",
    "$domain",
    "mallory@$remote/cell",
    "$juliet/phone",
    "@@not an address@@",
];

/// RFC 6120 §8.1.2.1: a message with another's address in `from` comes with the true one, or (§4.9.3.9) its stream
/// is ended.
fn message_is_never_relayed_in_the_name_of_another(subject: &Subject) {
    is_never_relayed_in_the_name_of_another(subject, "message");
}

/// RFC 6120 §8.1.2.1: presence with another's address in `from` comes with the true one, or (§4.9.3.9) its stream is
/// ended.
fn presence_is_never_relayed_in_the_name_of_another(subject: &Subject) {
    is_never_relayed_in_the_name_of_another(subject, "presence");
}

fn is_never_relayed_in_the_name_of_another(subject: &Subject, kind: &str) {
    let [mut juliet, mut nurse] = subject.login(["juliet/balcony", "nurse/kitchen"]);
    let mut romeo = None;
    for from in NOT_HIS {
        let mut sender = romeo.take().unwrap_or_else(|| subject.bound("romeo/orchard"));
        // The recipient's own address only on messages: presence of one's own is no surprise.
        let from = if kind == "presence" && from.starts_with("$juliet") { "$nurse/elsewhere" } else { from };
        sender.sends(format!("<{kind} from='{from}' to='$juliet/balcony' id='spoof'/>"));
        let refused = is_refused(&mut sender);
        for come in juliet.collects_from(&mut nurse) {
            assert_eq!(come.attribute("from"), Some(sender.jid()), "sent as {from}: {come}");
            assert!(refused.is_none(), "refused, but delivered: {come}");
        }
        if refused != Some(Refused::Stream) {
            romeo = Some(sender);
        }
    }
}

/// RFC 6120 §8.1.2.1: a request is answered to who has sent it, not to the address that stands in `from`.
fn request_to_the_server_is_never_taken_as_that_of_another(subject: &Subject) {
    let [mut juliet, mut nurse] = subject.login(["juliet/balcony", "nurse/kitchen"]);
    let mut romeo = subject.bound("romeo/orchard");
    romeo.sends("<iq from='$juliet/balcony' to='$domain' id='spoof' type='get'><ping xmlns='urn:xmpp:ping'/></iq>");
    let answer = romeo.receives_any();
    if answer.is("error", ns::STREAM) {
        assert!(answer.child("invalid-from", ns::STREAM_ERRORS).is_some(), "{answer}");
    } else {
        assert_eq!(answer.attribute("id"), Some("spoof"), "{answer}");
        assert!(answer.attribute("to").is_none_or(|to| to == romeo.jid()), "{answer}");
    }
    juliet.hears_nothing_from(&mut nurse);
}

/// What a server refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    /// The stanza alone.
    Stanza,
    /// The whole stream.
    Stream,
}

/// What the server thinks of what was sent last, with the id `spoof`.
#[track_caller]
fn is_refused(client: &mut Client) -> Option<Refused> {
    // The stream may be gone by now.
    let _ = client.tries_to_send(b"<iq type='get' id='still-there'><ping xmlns='urn:xmpp:ping'/></iq>");
    let mut answer = client.receives_any();
    let mut refused = None;
    if answer.attribute("id") == Some("spoof") && answer.attribute("type") == Some("error") {
        refused = Some(Refused::Stanza);
        answer = client.receives_any();
    }
    if answer.is("error", ns::STREAM) {
        assert!(answer.child("invalid-from", ns::STREAM_ERRORS).is_some(), "invalid-from was due: {answer}");
        client.receives_close();
        return Some(Refused::Stream);
    }
    assert_eq!(answer.attribute("id"), Some("still-there"), "{answer}");
    refused
}

/// RFC 6120 §8.1.2.1: presence that concerns a subscription comes from the bare JID.
fn subscription_is_stamped_with_the_bare_jid(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    romeo.sends("<presence to='$juliet' id='a' type='subscribe'/>");
    let come = juliet.collects_from(&mut romeo);
    let Some(request) = come.iter().find(|element| element.attribute("type") == Some("subscribe")) else {
        subject.not_tried("the server has no subscriptions");
    };
    let from = request.attribute("from").map(str::to_owned);
    // What has begun is taken back, so that it does not come to the next who uses these accounts.
    juliet.sends("<presence to='$romeo' type='unsubscribed'/>");
    juliet.collects();
    romeo.sends(
        "<iq type='set' id='b'><query xmlns='jabber:iq:roster'><item jid='$juliet' subscription='remove'/></query></iq>",
    );
    romeo.collects();
    juliet.collects();
    assert_eq!(from, Some(subject.account("romeo").jid));
}

/// RFC 6120 §8.1.2.1: what the server says on its own behalf comes from the domain that the stream is for.
fn server_speaks_as_its_domain(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    for payload in ["<ping xmlns='urn:xmpp:ping'/>".to_owned(), format!("<q xmlns='{UNKNOWN}'/>")] {
        romeo.sends(format!("<iq type='get' id='a' to='$domain'>{payload}</iq>"));
        romeo.receives("<iq type='*' id='a' from='$domain' to='?'>...</iq>");
    }
}

/// RFC 6120 §8.1.2.1: what the server says on behalf of the client's account comes from its bare JID, or without
/// `from`.
fn server_speaks_for_an_account_as_that_account(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    for to in ["", "to='$romeo'"] {
        for payload in ["<ping xmlns='urn:xmpp:ping'/>".to_owned(), format!("<q xmlns='{UNKNOWN}'/>")] {
            romeo.sends(format!("<iq type='get' id='a' {to}>{payload}</iq>"));
            let answer = romeo.receives("<iq type='*' id='a' from='?' to='?'>...</iq>");
            let account = subject.account("romeo").jid;
            assert!(answer.attribute("from").is_none_or(|from| from == account), "{answer}");
        }
    }
}
