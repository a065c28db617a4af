//! RFC 6120 §4.9.3.21: `undefined-condition`, for reasons that have no condition of their own.

use crate::case;
use crate::case::{Case, Need, Verb};
use crate::client::{Item, Next};
use crate::ns;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[case!(
    Should,
    moved_account_loses_its_streams_for_a_reason_that_is_told,
    ["4.9.3.21", "4.9.4"],
    needs[Need::Admin(Verb::Move)]
)];

/// RFC 6120 §4.9.3.21, §4.9.4: for the stream of an account that has moved there is no condition; `undefined-condition`
/// should then not stand alone, but beside one that the server defines in a namespace of its own.
fn moved_account_loses_its_streams_for_a_reason_that_is_told(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    subject.admin(Verb::Move, &["$romeo", "xmpp:romeo@elsewhere.example"]);
    let error = match romeo.receives_next() {
        Next::Item(Item::Element(error)) => error,
        other => subject.not_tried(&format!("the server ends the stream without an error: {other:?}")),
    };
    assert!(error.is("error", ns::STREAM), "{error}");
    if !error.elements().any(|child| child.is("undefined-condition", ns::STREAM_ERRORS)) {
        subject.not_tried(&format!("the server has another reason: {error}"));
    }
    let own = error.elements().find(|child| child.namespace != ns::STREAM_ERRORS);
    assert!(own.is_some(), "no condition of the application beside undefined-condition: {error}");
    romeo.receives_close();
}
