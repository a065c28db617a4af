//! RFC 6120 §10.4.1: stanzas for a remote domain to which there is a stream.

use super::romeo_writes;
use crate::case;
use crate::case::{Case, Need};
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Should, stanzas_go_over_the_stream_that_is_there, ["10.4.1"], needs[Need::Servers]),
    case!(Should, stanzas_of_everybody_go_over_the_stream_that_is_there, ["10.4.1"], needs[Need::Servers]),
];

/// RFC 6120 §10.4.1: what comes later goes over the stream that exists.
fn stanzas_go_over_the_stream_that_is_there(subject: &Subject) {
    let mut verona = subject.server("verona");
    let mut romeo = romeo_writes(subject, &verona);
    let (first, _) = verona.receives_with_stream();
    for id in ["a", "b", "c"] {
        romeo.sends(format!("<message to='juliet@$verona' type='chat' id='{id}'><body>hi</body></message>"));
        let (place, message) = verona.receives_with_stream();
        assert_eq!((place, message.attribute("id")), (first, Some(id)), "another stream: {message}");
    }
}

/// RFC 6120 §10.4.1: the stream is that of the two domains: everybody's stanzas go over it, to whatever address.
fn stanzas_of_everybody_go_over_the_stream_that_is_there(subject: &Subject) {
    let mut verona = subject.server("verona");
    let _romeo = romeo_writes(subject, &verona);
    let (first, _) = verona.receives_with_stream();
    let [mut nurse] = subject.login(["nurse/house"]);
    for to in ["$verona", "juliet@$verona/balcony", "friar@$verona"] {
        nurse.sends(format!("<message to='{to}' type='chat' id='a'><body>hi</body></message>"));
        let (place, message) = verona.receives_with_stream();
        assert_eq!((place, message.attribute("id")), (first, Some("a")), "another stream: {message}");
    }
}
