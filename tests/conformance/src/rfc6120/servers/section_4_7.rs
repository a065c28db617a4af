//! RFC 6120 §4.7: the attributes of stream headers between servers.

use super::{three_initial_headers, three_responses};
use crate::case;
use crate::case::{Case, Need};
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(
        Must,
        response_to_a_server_is_from_the_domain,
        ["4.7.1", "stream-attribute-response-from"],
        needs[Need::Servers]
    ),
    case!(
        Must,
        second_domain_answers_servers_as_itself,
        ["4.7.1", "stream-attribute-response-from"],
        needs[Need::Servers, Need::SecondDomain]
    ),
    case!(Must, response_to_a_server_is_to_its_domain, ["4.7.2", "stream-attribute-response-to"], needs[Need::Servers]),
    case!(Must, response_to_a_server_has_an_id, ["4.7.3", "stream-attribute-response-id"], needs[Need::Servers]),
    case!(Must, id_of_an_initiating_server_is_passed_over, ["4.7.3"], needs[Need::Servers]),
    case!(Must, response_to_a_server_tells_a_language, ["4.7.4"], needs[Need::Servers]),
    case!(Must, response_to_a_server_tells_the_version, ["4.7.5"], needs[Need::Servers]),
    case!(
        Must,
        header_of_the_subject_is_from_its_domain,
        ["4.7.1", "stream-attribute-initial-from"],
        needs[Need::Servers]
    ),
    case!(
        Must,
        header_of_the_subject_is_to_the_other_domain,
        ["4.7.2", "stream-attribute-initial-to"],
        needs[Need::Servers]
    ),
    case!(Must, header_of_the_subject_has_no_id, ["4.7.3"], needs[Need::Servers]),
    case!(
        Should,
        header_of_the_subject_tells_its_language,
        ["4.7.4", "stream-attribute-initial-lang"],
        needs[Need::Servers]
    ),
    case!(Must, header_of_the_subject_tells_the_version, ["4.7.5"], needs[Need::Servers]),
];

/// RFC 6120 §4.7.1: the response header is from the domain that the initiating server asked for, on every stream.
fn response_to_a_server_is_from_the_domain(subject: &Subject) {
    let verona = subject.server("verona");
    for header in three_responses(&verona, &verona.header()) {
        assert_eq!(header.attribute("from"), Some(subject.domain()));
    }
}

/// RFC 6120 §4.7.1: with several domains, the one that the server asked for answers.
fn second_domain_answers_servers_as_itself(subject: &Subject) {
    let verona = subject.server("verona");
    let mut stream = verona.connects();
    stream.sends_header(&verona.header().replace("$domain", "$other"));
    assert_eq!(stream.receives_header().attribute("from"), Some(subject.expand("$other").as_str()));
    stream.receives_features();
}

/// RFC 6120 §4.7.2: the response header is to the domain in `from` of the initial one.
fn response_to_a_server_is_to_its_domain(subject: &Subject) {
    let verona = subject.server("verona");
    for header in three_responses(&verona, &verona.header()) {
        assert_eq!(header.attribute("to"), Some(verona.domain()));
    }
}

/// RFC 6120 §4.7.3: every response header has an id; that of a new connection is no other's.
fn response_to_a_server_has_an_id(subject: &Subject) {
    let verona = subject.server("verona");
    let mut ids = Vec::new();
    for _ in 0..2 {
        for header in three_responses(&verona, &verona.header()) {
            let id = header.attribute("id").unwrap_or_default().to_owned();
            assert!(!id.is_empty() && !ids.contains(&id), "{id:?} among {ids:?}");
            ids.push(id);
        }
    }
}

/// RFC 6120 §4.7.3: an id in the initial header is silently ignored.
fn id_of_an_initiating_server_is_passed_over(subject: &Subject) {
    let verona = subject.server("verona");
    for header in three_responses(&verona, &verona.header().replace(" to=", " id='mine' to=")) {
        assert_ne!(header.attribute("id"), Some("mine"));
    }
}

/// RFC 6120 §4.7.4: the response header tells the language of the stream.
fn response_to_a_server_tells_a_language(subject: &Subject) {
    let verona = subject.server("verona");
    for header in three_responses(&verona, &verona.header()) {
        assert!(header.attribute("xml:lang").is_some_and(|lang| !lang.is_empty()), "{header:?}");
    }
}

/// RFC 6120 §4.7.5: the response to `1.0` is `1.0`.
fn response_to_a_server_tells_the_version(subject: &Subject) {
    let verona = subject.server("verona");
    for header in three_responses(&verona, &verona.header()) {
        assert_eq!(header.attribute("version"), Some("1.0"));
    }
}

/// RFC 6120 §4.7.1: as initiating server the subject says which domain it acts for, on every stream.
fn header_of_the_subject_is_from_its_domain(subject: &Subject) {
    let mut verona = subject.server("verona");
    for header in three_initial_headers(subject, &mut verona) {
        assert_eq!(header.attribute("from"), Some(subject.domain()));
    }
}

/// RFC 6120 §4.7.2: and which domain it wants to communicate with: that of the address, not the host that it was found at.
fn header_of_the_subject_is_to_the_other_domain(subject: &Subject) {
    let mut verona = subject.server("verona");
    for header in three_initial_headers(subject, &mut verona) {
        assert_eq!(header.attribute("to"), Some(verona.domain()));
    }
}

/// RFC 6120 §4.7.3: an initial header has no id.
fn header_of_the_subject_has_no_id(subject: &Subject) {
    let mut verona = subject.server("verona");
    for header in three_initial_headers(subject, &mut verona) {
        assert_eq!(header.attribute("id"), None);
    }
}

/// RFC 6120 §4.7.4: an initial header should tell the language of the stream.
fn header_of_the_subject_tells_its_language(subject: &Subject) {
    let mut verona = subject.server("verona");
    for header in three_initial_headers(subject, &mut verona) {
        assert!(header.attribute("xml:lang").is_some_and(|lang| !lang.is_empty()), "{header:?}");
    }
}

/// RFC 6120 §4.7.5: an initial header has the highest version that is supported: `1.0`.
fn header_of_the_subject_tells_the_version(subject: &Subject) {
    let mut verona = subject.server("verona");
    for header in three_initial_headers(subject, &mut verona) {
        assert_eq!(header.attribute("version"), Some("1.0"));
    }
}
