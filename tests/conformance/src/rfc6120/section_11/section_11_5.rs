//! RFC 6120 §11.5: inclusion of an XML declaration.

use super::{header_behind, outcome_of_header};
use crate::case;
use crate::case::Case;
use crate::client::HEADER;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Should, declaration_precedes_the_response_header, ["11.5"]),
    case!(Must, declaration_of_the_server_is_one_of_xml, ["11.5", "11.8"]),
    case!(Must, header_without_declaration_is_accepted, ["11.5"]),
    case!(Must, declaration_in_every_form_is_accepted, ["11.5"]),
    case!(Must, standalone_is_ignored_or_ends_the_stream, ["11.5"]),
    case!(Should, standalone_that_ends_the_stream_is_restricted_xml, ["11.5"]),
    case!(Must, malformed_declaration_is_refused, ["11.5", "11.3"]),
    case!(Must, declaration_within_the_stream_is_refused, ["11.5", "11.3"]),
];

/// RFC 6120 §11.5: before the stream header an XML declaration is sent.
fn declaration_precedes_the_response_header(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.opens();
    assert!(romeo.heard().starts_with("<?xml "), "{}", romeo.heard());
}

/// RFC 6120 §11.5, §11.6, §11.8: the declaration, if there is one, follows XML: version 1.0, no encoding but UTF-8, no
/// standalone document declaration; nothing comes before it.
fn declaration_of_the_server_is_one_of_xml(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.opens();
    let heard = romeo.heard();
    let Some(start) = heard.find("<?xml") else { return };
    assert_eq!(start, 0, "something came before the declaration: {heard}");
    let declaration = heard.split("?>").next().unwrap_or_default();
    let rest = declaration.trim_start_matches("<?xml").replace('"', "'");
    let mut parts = rest.split_whitespace();
    assert_eq!(parts.next(), Some("version='1.0'"), "{declaration}");
    if let Some(encoding) = parts.next() {
        assert_eq!(encoding.to_ascii_lowercase(), "encoding='utf-8'", "{declaration}");
    }
    assert_eq!(parts.next(), None, "{declaration}");
}

/// RFC 6120 §11.5: the declaration is not obligatory (SHOULD).
fn header_without_declaration_is_accepted(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.sends_header(&header_behind(""));
    let outcome = outcome_of_header(&mut romeo);
    assert!(outcome.is_ok(), "{outcome:?}");
}

/// RFC 6120 §11.5: the rules of XML say what forms it has.
fn declaration_in_every_form_is_accepted(subject: &Subject) {
    for declaration in [
        "<?xml version='1.0'?>",
        "<?xml version=\"1.0\"?>",
        "<?xml version='1.0' encoding='UTF-8'?>",
        "<?xml version='1.0' encoding='utf-8'?>",
        "<?xml  version = '1.0'\tencoding = \"UTF-8\" ?>",
        "<?xml version='1.0'?>\r\n",
    ] {
        let mut romeo = subject.connect();
        romeo.sends_header(&header_behind(declaration));
        let outcome = outcome_of_header(&mut romeo);
        assert!(outcome.is_ok(), "{declaration}: {outcome:?}");
    }
}

/// RFC 6120 §11.5: a standalone document declaration of `no` is ignored, or ends the stream with an error.
fn standalone_is_ignored_or_ends_the_stream(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.sends_header(&header_behind("<?xml version='1.0' encoding='UTF-8' standalone='no'?>"));
    if outcome_of_header(&mut romeo).is_err() {
        romeo.receives_end();
    }
}

/// RFC 6120 §11.5: the error is `restricted-xml`.
fn standalone_that_ends_the_stream_is_restricted_xml(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.sends_header(&header_behind("<?xml version='1.0' encoding='UTF-8' standalone='no'?>"));
    if let Err(condition) = outcome_of_header(&mut romeo) {
        assert_eq!(condition, "restricted-xml");
    }
}

/// RFC 6120 §11.5, §11.3: a declaration that XML does not know is not well-formed.
fn malformed_declaration_is_refused(subject: &Subject) {
    for declaration in
        ["<?xml?>", "<?xml encoding='UTF-8'?>", "<?xml version='1.0' version='1.0'?>", " <?xml version='1.0'?>"]
    {
        let mut romeo = subject.connect();
        romeo.sends_header(&header_behind(declaration));
        let outcome = outcome_of_header(&mut romeo);
        assert!(outcome.is_err(), "{declaration:?} was accepted");
    }
}

/// RFC 6120 §11.5, §11.3: XML has a declaration only at the very beginning of a stream.
fn declaration_within_the_stream_is_refused(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    romeo.sends("<?xml version='1.0'?><iq to='$domain' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>");
    romeo.receives_stream_error_of(&["not-well-formed", "restricted-xml", "bad-format"]);
    let mut juliet = subject.connect();
    juliet.opens();
    juliet.sends(HEADER);
    juliet.receives_stream_error_of(&["not-well-formed", "restricted-xml", "bad-format"]);
}
