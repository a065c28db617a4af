//! RFC 6120 §7: resource binding.

mod section_7_1;
mod section_7_2;
mod section_7_3_1;
mod section_7_3_2;
mod section_7_4;
mod section_7_5;
mod section_7_6;
mod section_7_6_1;
mod section_7_6_2;
mod section_7_7_1;
mod section_7_7_2_1;
mod section_7_7_2_2;
mod section_7_7_3;

use crate::Element;
use crate::case::Case;
use crate::client::Client;
use crate::ns;
use crate::tree::escape;

/// The cases of each file.
pub(super) const FILES: &[&[Case]] = &[
    section_7_1::CASES,
    section_7_2::CASES,
    section_7_3_1::CASES,
    section_7_3_2::CASES,
    section_7_4::CASES,
    section_7_5::CASES,
    section_7_6::CASES,
    section_7_6_1::CASES,
    section_7_6_2::CASES,
    section_7_7_1::CASES,
    section_7_7_2_1::CASES,
    section_7_7_2_2::CASES,
    section_7_7_3::CASES,
];

/// What comes of a request to bind a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// The full JID.
    Jid(String),
    /// The stanza error's type and condition.
    Error(String, String),
}

impl Bound {
    /// The resourcepart.
    fn resource(&self) -> Option<&str> {
        match self {
            Bound::Jid(jid) => jid.split_once('/').map(|(_, resource)| resource),
            Bound::Error(..) => None,
        }
    }
}

/// Asks for this resource, or for any.
fn ask(client: &mut Client, id: &str, resource: Option<&str>) {
    let resource = resource.map(|name| format!("<resource>{}</resource>", escape(name))).unwrap_or_default();
    client.sends_bytes(format!("<iq type='set' id='{id}'><bind xmlns='{}'>{resource}</bind></iq>", ns::BIND));
}

/// Asks for a resource and reads the answer, whatever it is.
#[track_caller]
pub(super) fn bind(client: &mut Client, id: &str, resource: Option<&str>) -> Bound {
    ask(client, id, resource);
    let answer = client.receives_any();
    read(&answer, id)
}

/// Reads the answer to a request to bind (§7.6.1).
#[track_caller]
fn read(answer: &Element, id: &str) -> Bound {
    assert!(answer.is("iq", ns::CLIENT), "an answer to the request was due: {answer}");
    assert_eq!(answer.attribute("id"), Some(id), "the id is that of the request: {answer}");
    match answer.attribute("type") {
        Some("result") => {
            let bind = answer.child("bind", ns::BIND).unwrap_or_else(|| panic!("<bind/> was due: {answer}"));
            let jid = bind.child("jid", ns::BIND).unwrap_or_else(|| panic!("<jid/> was due: {answer}"));
            Bound::Jid(jid.text())
        }
        Some("error") => {
            let error = answer.child("error", ns::CLIENT).unwrap_or_else(|| panic!("<error/> was due: {answer}"));
            let condition = error.elements().find(|child| child.namespace == ns::STANZA_ERRORS && child.name != "text");
            let condition = condition.unwrap_or_else(|| panic!("a defined condition was due: {answer}"));
            Bound::Error(error.attribute("type").unwrap_or_default().to_owned(), condition.name.clone())
        }
        _ => panic!("a result or an error was due: {answer}"),
    }
}
