//! RFC 6120 §4.3.3, §4.3.4: stream restarts, and the features after them.

use super::{ANY_CONDITION, header, three_headers};
use crate::case;
use crate::case::Case;
use crate::client::HEADER;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, restart_makes_a_new_stream_id, ["4.3.3", "4.7.3", "stream-negotiation-restart"]),
    case!(Must, replaced_stream_is_not_closed, ["4.3.3", "stream-negotiation-restart"]),
    case!(Must, restart_keeps_the_connection, ["4.3.3"]),
    case!(Must, stanza_in_place_of_the_restart_is_not_processed, ["4.3.3", "stream-negotiation-restart"]),
    case!(Must, features_are_sent_after_every_restart, ["4.3.4", "stream-negotiation-features"]),
    case!(Should, response_header_follows_an_xml_declaration, ["4.3.3", "11.5"]),
];

/// RFC 6120 §4.3.3: a new initial header is answered with a new stream ID, never with that of the stream before.
fn restart_makes_a_new_stream_id(subject: &Subject) {
    let [clear, secure, authenticated] = three_headers(subject, &header("to='$domain' version='1.0'"))
        .map(|header| header.attribute("id").map(str::to_owned));
    assert!(clear.is_some() && secure.is_some() && authenticated.is_some(), "an id is missing");
    assert!(clear != secure && secure != authenticated && clear != authenticated, "an id was used again: {clear:?}");
}

/// RFC 6120 §4.3.3: the stream that a restart replaces gets no closing tag.
fn replaced_stream_is_not_closed(subject: &Subject) {
    let (mut romeo, features) = subject.secure();
    romeo.authenticates("romeo", &features);
    // Without a new parser: whatever came between the success and the new header is in what was heard.
    romeo.sends(HEADER);
    let heard = romeo.hears("features");
    assert!(!heard.contains("</stream:stream"), "the replaced stream was closed: {heard}");
}

/// RFC 6120 §4.3.3: the parties go on over the same connection, which is not terminated.
fn restart_keeps_the_connection(subject: &Subject) {
    let mut romeo = subject.connect();
    let before = romeo.socket().local_addr().expect("it is connected");
    romeo.opens();
    let features = romeo.starts_tls().opens();
    romeo.authenticates("romeo", &features).opens();
    romeo.binds("orchard").settles();
    assert_eq!(romeo.socket().local_addr().ok(), Some(before));
}

/// RFC 6120 §4.3.3: after SASL the stream is replaced, so a request that comes in place of the new header belongs to
/// no stream.
fn stanza_in_place_of_the_restart_is_not_processed(subject: &Subject) {
    let (mut romeo, features) = subject.secure();
    romeo.authenticates("romeo", &features);
    romeo.sends_header("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    romeo.receives_stream_error_of(&ANY_CONDITION);
}

/// RFC 6120 §4.3.4: an updated list of features follows each restart; what was negotiated is not in it.
fn features_are_sent_after_every_restart(subject: &Subject) {
    let mut romeo = subject.connect();
    assert!(romeo.opens().starttls().is_some(), "STARTTLS was due");
    let secure = romeo.starts_tls().opens();
    assert!(secure.starttls().is_none(), "STARTTLS is over: {}", secure.0);
    assert!(!secure.mechanisms().is_empty(), "SASL was due: {}", secure.0);
    let authenticated = romeo.authenticates("romeo", &secure).opens();
    assert!(authenticated.mechanisms().is_empty(), "SASL is over: {}", authenticated.0);
    assert!(authenticated.bind(), "resource binding was due: {}", authenticated.0);
}

/// RFC 6120 §4.3.3, §11.5: an XML declaration precedes the response header of every stream.
fn response_header_follows_an_xml_declaration(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.opens();
    assert!(romeo.heard().starts_with("<?xml "), "{}", romeo.heard());
    let features = romeo.starts_tls().opens();
    assert!(romeo.heard().starts_with("<?xml "), "{}", romeo.heard());
    romeo.authenticates("romeo", &features).opens();
    assert!(romeo.heard().starts_with("<?xml "), "{}", romeo.heard());
}
