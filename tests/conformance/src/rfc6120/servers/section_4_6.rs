//! RFC 6120 §4.6: silent servers.

use super::{Stage, romeo_writes};
use crate::case;
use crate::case::{Case, Need};
use crate::client::{Item, Next};
use crate::ns;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, white_space_on_a_server_stream_is_nothing, ["4.6.1", "11.7"], needs[Need::Servers]),
    case!(
        Should,
        server_that_never_authenticates_is_ended,
        ["4.6", "4.9.3.4", "13.12"],
        needs[Need::ServersShortTimeouts]
    ),
    case!(
        Must,
        subject_does_not_wait_for_a_silent_server_for_ever,
        ["4.6", "10.4.3", "8.3.3.17"],
        needs[Need::ServersShortTimeouts]
    ),
];

/// RFC 6120 §4.6.1, §11.7: white space between stanzas keeps the connection, and means nothing.
fn white_space_on_a_server_stream_is_nothing(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let verona = subject.server("verona");
    let mut stream = verona.authenticated();
    stream.sends(" \n\t ");
    stream.sends(super::message_from(verona.domain(), "a"));
    romeo.receives(super::message_from("$verona", "a"));
}

/// RFC 6120 §4.6.4, §13.12: who opens a stream and does not go on with it does not keep it; the error is
/// `connection-timeout`, if one is sent.
fn server_that_never_authenticates_is_ended(subject: &Subject) {
    let verona = subject.server("verona");
    for stage in [Stage::Clear, Stage::Secure] {
        let mut stream = stage.reach(&verona);
        stream.waits(Some(subject.seconds(12.0)));
        match stream.receives_next() {
            Next::Item(Item::Element(error)) => {
                let condition = error.elements().next().map(|child| child.name.as_str());
                assert!(error.is("error", ns::STREAM), "{error}");
                let allowed = [Some("connection-timeout"), Some("policy-violation"), Some("not-authorized")];
                assert!(allowed.contains(&condition), "{error}");
            }
            Next::Item(Item::Close) | Next::End(_) => {}
            other => panic!("the end of a stream that does not go on was due: {other:?}"),
        }
    }
}

/// RFC 6120 §10.4.3: a receiving server that says nothing is given up: the sender is told `remote-server-timeout`.
fn subject_does_not_wait_for_a_silent_server_for_ever(subject: &Subject) {
    let mut verona = subject.server("verona");
    let mut romeo = romeo_writes(subject, &verona);
    // It listens, and never answers.
    let _stream = verona.accepts();
    romeo.waits(Some(subject.seconds(30.0)));
    super::is_told(&mut romeo, "first", &["remote-server-timeout"]);
}
