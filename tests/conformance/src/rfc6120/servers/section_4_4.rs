//! RFC 6120 §4.4: closing streams between servers.

use super::{Stage, message_from, romeo_writes};
use crate::case;
use crate::case::{Case, Need};
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, closing_tag_of_a_server_is_answered, ["4.4", "9.2.4"], needs[Need::Servers]),
    case!(Must, server_stream_ends_with_close_notify, ["4.4"], needs[Need::Servers]),
    case!(Must, what_a_server_sent_before_its_closing_tag_is_delivered, ["4.4", "4.5"], needs[Need::Servers]),
    case!(Must, subject_closes_the_stream_that_the_receiving_server_closes, ["4.4", "9.2.4"], needs[Need::Servers]),
    case!(
        Must,
        stanza_after_a_closed_stream_opens_another,
        ["4.4", "10.4.2", "stream-reconnect"],
        needs[Need::Servers]
    ),
];

/// RFC 6120 §4.4: the closing tag of an initiating server is answered, however far the stream has got.
fn closing_tag_of_a_server_is_answered(subject: &Subject) {
    let verona = subject.server("verona");
    for stage in Stage::ALL {
        stage.reach(&verona).closes();
    }
}

/// RFC 6120 §4.4, security warning: TLS is ended with close_notify before TCP is.
fn server_stream_ends_with_close_notify(subject: &Subject) {
    let verona = subject.server("verona");
    for stage in [Stage::Secure, Stage::Authenticated] {
        let mut stream = stage.reach(&verona);
        stream.closes();
        assert!(stream.tls().is_none(), "TCP ended without close_notify at {stage:?}");
    }
}

/// RFC 6120 §4.4: what was sent before the closing tag is processed.
fn what_a_server_sent_before_its_closing_tag_is_delivered(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let verona = subject.server("verona");
    let mut stream = verona.authenticated();
    let messages: String = (0..20).map(|number| message_from(verona.domain(), &number.to_string())).collect();
    stream.sends(format!("{messages}</stream:stream>"));
    for number in 0..20 {
        romeo.receives(message_from("$verona", &number.to_string()));
    }
    stream.receives_close();
}

/// RFC 6120 §4.4: the subject answers the closing tag of a receiving server with its own.
fn subject_closes_the_stream_that_the_receiving_server_closes(subject: &Subject) {
    let mut verona = subject.server("verona");
    let _romeo = romeo_writes(subject, &verona);
    let (place, _) = verona.receives_with_stream();
    let stream = &mut verona.incoming()[place].client;
    stream.sends("</stream:stream>");
    stream.receives_close();
    stream.hangs_up();
    stream.receives_end();
}

/// RFC 6120 §3.3, §10.4.2: after that, what is sent opens a new stream. What comes too soon after the end, while the subject
/// has not put the stream away, may still fail with it.
fn stanza_after_a_closed_stream_opens_another(subject: &Subject) {
    let mut verona = subject.server("verona");
    let mut romeo = romeo_writes(subject, &verona);
    let (place, _) = verona.receives_with_stream();
    let mut first = verona.incoming().remove(place).client;
    first.closes();
    for id in ["a", "b", "c", "d"] {
        romeo.sends(format!("<message to='juliet@$verona' type='chat' id='{id}'><body>again</body></message>"));
        if let Some(message) = verona.receives_within(subject.seconds(2.0)) {
            assert_eq!(message.attribute("from"), Some(romeo.jid()), "{message}");
            return;
        }
    }
    panic!("no new stream was opened");
}
