//! RFC 6120 §11.7: white space.

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, white_space_may_separate_first_level_elements, ["11.7"]),
    case!(Must, white_space_within_stanzas_arrives, ["11.7"]),
    case!(Must, much_white_space_is_no_element, ["11.7"]),
];

/// RFC 6120 §11.7: either entity may send white space between stanzas, and between other first-level elements.
fn white_space_may_separate_first_level_elements(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for space in [" ", "\n", "\t", "\r\n", " \n\t \r "] {
        romeo.sends(format!(
            "{space}<message to='$juliet/balcony' type='chat' id='1'><body>a</body></message>{space}\
             <message to='$juliet/balcony' type='chat' id='2'><body>b</body></message>{space}"
        ));
        for (id, text) in [("1", "a"), ("2", "b")] {
            juliet.receives(format!(
                "<message from='$romeo/orchard' to='$juliet/balcony' type='chat' id='{id}'><body>{text}</body></message>"
            ));
        }
    }
    romeo.settles();
}

/// RFC 6120 §11.7: within a stanza white space is content like any other (XML 1.0 §2.10).
fn white_space_within_stanzas_arrives(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for text in ["  leading", "trailing  ", "two\nlines", "a\t\tb", " "] {
        romeo.sends(format!("<message to='$juliet/balcony' type='chat' id='1'><body>{text}</body></message>"));
        let message = juliet.receives(
            "<message from='$romeo/orchard' to='$juliet/balcony' type='chat' id='1'><body>*</body></message>",
        );
        let body = message.elements().next().map(crate::tree::Element::text);
        assert_eq!(body.as_deref(), Some(text), "{message}");
    }
}

/// RFC 6120 §11.7: however much of it comes, it is none of the elements whose size is limited (§4.9.3.14).
fn much_white_space_is_no_element(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    for _ in 0..20 {
        romeo.sends(" ".repeat(1000));
    }
    romeo.settles();
}
