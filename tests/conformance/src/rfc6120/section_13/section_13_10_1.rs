//! RFC 6120 §13.10.1: IP addresses.

use crate::case;
use crate::case::Case;
use crate::client::Client;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[case!(Must, address_of_a_connection_is_not_told, ["13.10.1", "13.10"])];

/// RFC 6120 §13.10.1: the network address of a client, and the way by which it comes in, are not made public: nothing that
/// another account gets, be it a stanza or an error, has it.
fn address_of_a_connection_is_not_told(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    let address = romeo.socket().local_addr().expect("it is connected");
    let jid = juliet.jid().to_owned();
    romeo.sends("<presence to='$juliet'/>");
    romeo.sends_bytes(format!("<message to='{jid}' type='chat'><body>hi</body></message>"));
    romeo.sends_bytes(format!("<presence to='{jid}'/>"));
    juliet.collects_from(&mut romeo);
    let (bare, full) = (subject.account("romeo").jid, romeo.jid().to_owned());
    for (number, query) in ["jabber:iq:version", "jabber:iq:last", "jabber:iq:browse"].iter().enumerate() {
        for to in [&bare, &full, &subject.domain().to_owned()] {
            juliet.sends_bytes(format!("<iq type='get' to='{to}' id='q{number}'><query xmlns='{query}'/></iq>"));
        }
    }
    juliet.sends("<iq type='get' to='$romeo' id='vcard'><vCard xmlns='vcard-temp'/></iq>");
    juliet.sends("<iq type='get' to='$domain' id='info'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
    juliet.sends("<iq type='get' to='$domain' id='items'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>");
    juliet.collects();
    juliet.collects_from(&mut romeo);
    silent_about(&juliet, &address.ip().to_string());
    silent_about(&juliet, &format!(":{}", address.port()));
    silent_about(&juliet, &format!("'{}'", address.port()));
}

/// Nothing that has come since the stream was opened contains this.
#[track_caller]
fn silent_about(client: &Client, text: &str) {
    assert!(!client.heard().contains(text), "{text} was told: {}", client.heard());
}
