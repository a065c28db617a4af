//! RFC 6120 §7.1: fundamentals of resource binding.

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, stanza_for_others_before_binding_ends_the_stream, ["7.1", "7.3.1", "bind-mtn", "13.12"]),
    case!(Should, account_has_several_resources, ["7.1"]),
    case!(Must, full_jid_is_the_address_on_the_stream, ["7.1", "bind-support"]),
];

/// RFC 6120 §7.1: a stanza for anybody but the server and the account, before a resource is bound, is not processed and
/// closes the stream with `not-authorized`.
fn stanza_for_others_before_binding_ends_the_stream(subject: &Subject) {
    let [mut juliet, mut witness] = subject.login(["juliet/balcony", "nurse/house"]);
    for stanza in [
        "<message to='$juliet' type='chat'><body>who is it?</body></message>",
        "<presence to='$juliet' type='subscribe'/>",
        "<iq to='$juliet' type='get' id='version'><query xmlns='jabber:iq:version'/></iq>",
    ] {
        let (mut romeo, _) = subject.authenticated("romeo");
        romeo.sends(stanza);
        romeo.receives_stream_error("not-authorized");
    }
    // Had one been routed, it would have come before what the witness says after the last stream error.
    juliet.hears_nothing_from(&mut witness);
}

/// RFC 6120 §7.1: an account may have several connected resources, each with its stream, told apart by resourcepart.
fn account_has_several_resources(subject: &Subject) {
    let [mut orchard, mut hall, mut juliet] = subject.login(["romeo/orchard", "romeo/hall", "juliet/balcony"]);
    juliet.sends_bytes(format!("<message to='{}' type='chat'><body>to the hall</body></message>", hall.jid()));
    juliet.sends_bytes(format!("<message to='{}' type='chat'><body>to the orchard</body></message>", orchard.jid()));
    let from = juliet.jid();
    hall.receives(format!("<message from='{from}' to='*' type='chat'><body>to the hall</body>...</message>"));
    orchard.receives(format!("<message from='{from}' to='*' type='chat'><body>to the orchard</body>...</message>"));
}

/// RFC 6120 §7.1: with the resource the address on the stream is a full JID: that is whom others hear from, and where they
/// reach the client.
fn full_jid_is_the_address_on_the_stream(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    let (from, to) = (romeo.jid().to_owned(), juliet.jid().to_owned());
    romeo.sends_bytes(format!("<message to='{to}' type='chat' id='1'><body>hi</body></message>"));
    juliet.receives(format!("<message from='{from}' to='{to}' type='chat' id='1'><body>hi</body>...</message>"));
    juliet.sends_bytes(format!("<message to='{from}' type='chat' id='2'><body>hi</body></message>"));
    romeo.receives(format!("<message from='{to}' to='{from}' type='chat' id='2'><body>hi</body>...</message>"));
}
