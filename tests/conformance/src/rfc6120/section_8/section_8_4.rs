//! RFC 6120 §8.4: extended content.

use super::{UNKNOWN, of_any_type};
use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, unknown_elements_are_delivered_unmodified, ["8.4", "stanza-extension"]),
    case!(Must, extension_attributes_are_delivered_unmodified, ["8.4", "stanza-extension"]),
    case!(May, extension_attributes_of_known_elements_are_delivered, ["8.4", "stanza-extension"]),
    case!(Must, examples_of_extended_content_are_delivered_unmodified, ["8.4", "stanza-extension"]),
    case!(Must, character_data_is_delivered_unmodified, ["8.4", "stanza-extension", "11.1"]),
    case!(Must, large_stanza_is_delivered_unmodified, ["8.4", "stanza-extension"]),
    case!(Must, unknown_content_of_presence_is_delivered_unmodified, ["8.4", "stanza-extension"]),
    case!(Must, unknown_content_of_iqs_is_delivered_unmodified, ["8.4", "stanza-extension"]),
    case!(Should, prefixes_are_kept, ["8.4", "stanza-extension"]),
    case!(Must, unknown_request_to_the_server_is_service_unavailable, ["8.4", "8.3.3.19", "stanza-extension"]),
    case!(Must, unknown_request_to_an_account_is_service_unavailable, ["8.4", "8.3.3.19", "10.5.3.2"]),
    case!(Must, unknown_message_to_the_server_is_ignored_or_refused, ["8.4", "10.5.1", "stanza-extension"]),
    case!(Must, unknown_child_of_presence_does_not_matter, ["8.4", "stanza-extension"]),
];

/// Has romeo send a message with this content, and juliet get it as it was.
#[track_caller]
fn is_delivered(subject: &Subject, contents: &[&str]) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for content in contents {
        romeo.sends(format!("<message to='$juliet/balcony' id='a' type='chat'>{content}</message>"));
        juliet.receives(format!(
            "<message from='$romeo/orchard' to='$juliet/balcony' id='a' type='chat'>{content}</message>"
        ));
    }
}

/// RFC 6120 §8.4: elements of unknown namespaces are delivered as they are, with and without prefix, nested, next to
/// each other, and of no namespace.
fn unknown_elements_are_delivered_unmodified(subject: &Subject) {
    is_delivered(
        subject,
        &[
            "<x xmlns='urn:example:x'/>",
            "<x xmlns='urn:example:x'>text</x><y xmlns='urn:example:y'><z/></y><x xmlns='urn:example:x'/>",
            "<p:x xmlns:p='urn:example:p'><p:y/><z/></p:x>",
            "<x xmlns='urn:example:x'><y xmlns='urn:example:y'><z xmlns='urn:example:x'/></y>tail</x>",
            "<x xmlns='urn:example:x' xmlns:a='urn:example:a'><a:y xmlns:a='urn:example:b'><a:z/></a:y><a:z/></x>",
            "<x xmlns='urn:example:x'><y xmlns=''/></x>",
            "<body>known</body><body xmlns='urn:example:x'>unknown</body>",
            "<message xmlns='urn:example:x'><iq xmlns='jabber:server'/><presence/></message>",
            "<x xmlns='urn:example:x'>a<y/>b<y/>c</x>",
        ],
    );
}

/// RFC 6120 §8.4: attributes of other namespaces are delivered as they are with the unknown elements that have them.
fn extension_attributes_are_delivered_unmodified(subject: &Subject) {
    is_delivered(
        subject,
        &[
            "<x xmlns='urn:example:x' a='1' xmlns:p='urn:example:p' p:a='2' xmlns:q='urn:example:q' q:a='3'/>",
            "<x xmlns='urn:example:x' xmlns:p='urn:example:p'><y p:deep='yes' p:to='no' to='nobody' from='nobody' id='0'/></x>",
        ],
    );
}

/// RFC 6120 §8.4: such attributes are allowed on the stanza itself and on its elements of the content namespace, too.
/// (No sentence says that a server that knows those has to hand them on, and who writes them should not.)
fn extension_attributes_of_known_elements_are_delivered(subject: &Subject) {
    is_delivered(subject, &["<body xmlns:p='urn:example:p' p:style='loud'>hi</body>"]);
    let [mut romeo, mut juliet] = subject.login(["romeo/garden", "juliet/chamber"]);
    for kind in ["message", "presence"] {
        let attribute = "xmlns:p='urn:example:p' p:mood='gay' p:to='mantua' p:from='verona'";
        romeo.sends(format!("<{kind} to='$juliet/chamber' id='a' {attribute}/>"));
        juliet.receives(format!("<{kind} from='$romeo/garden' to='$juliet/chamber' id='a' {attribute}/>"));
    }
}

/// RFC 6120 §8.4: the examples of that section, but for the hash of an avatar, which is the server's to write by now
/// (XEP-0398).
fn examples_of_extended_content_are_delivered_unmodified(subject: &Subject) {
    is_delivered(
        subject,
        &[
            "<body>Hello?</body><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>\
             <p style='font-weight:bold'>Hello?</p></body></html>",
        ],
    );
    let [mut romeo, mut juliet] = subject.login(["romeo/garden", "juliet/chamber"]);
    let content = "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://code.google.com/p/exodus' \
                   ver='QgayPKawpkPSDYmwT/WM94uAlu0='/>";
    romeo.sends(format!("<presence to='$juliet/chamber' id='a'>{content}</presence>"));
    juliet.receives(format!("<presence from='$romeo/garden' to='$juliet/chamber' id='a'>{content}</presence>"));
}

/// RFC 6120 §8.4: text is delivered as it is, however it was written: references, CDATA, white space, any script.
fn character_data_is_delivered_unmodified(subject: &Subject) {
    is_delivered(
        subject,
        &[
            "<body>&lt;b&gt; &amp;amp; &apos;&quot;</body>",
            "<body><![CDATA[<b>&amp;</b> ]] > ']]></body>",
            "<body>a<![CDATA[]]>b<![CDATA[c]]><![CDATA[]]]]><![CDATA[>]]></body>",
            "<body>&#x1F339;&#8203;&#x5d0;&#9;tab&#10;line</body>",
            "<body>  leading, trailing  \n and \t inner  </body>",
            "<body>Δευτέρα \u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} \u{0627}\u{0644}\u{0639} e\u{301} \u{fffd}</body>",
            "<x xmlns='urn:example:x' quote='&apos;&quot;' less='&lt;' amp='&amp;' greater='>' end=']]&gt;'/>",
            "<body>]]&gt;</body>",
        ],
    );
}

/// RFC 6120 §8.4: size is no reason to change a stanza; one of nearly 10000 octets, which every server takes (§13.12),
/// arrives whole.
fn large_stanza_is_delivered_unmodified(subject: &Subject) {
    let many = "<y a='1'/>".repeat(700);
    let long = "&lt;0123456789 ".repeat(600);
    let deep = format!("{}{}", "<d>".repeat(40), "</d>".repeat(40));
    is_delivered(
        subject,
        &[
            &format!("<x xmlns='urn:example:x'>{many}</x>"),
            &format!("<body>{long}</body>"),
            &format!("<x xmlns='urn:example:x'>{deep}</x>"),
        ],
    );
}

/// RFC 6120 §8.4: unknown content of presence is delivered as it is.
fn unknown_content_of_presence_is_delivered_unmodified(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for kind in ["", "type='unavailable'"] {
        let content = "<x xmlns='urn:example:x'>1<y xmlns='urn:example:y' z='&lt;'/></x><status>gone</status>";
        romeo.sends(format!("<presence to='$juliet/balcony' id='a' {kind}>{content}</presence>"));
        juliet.receives(format!(
            "<presence from='$romeo/orchard' to='$juliet/balcony' id='a' {kind}>{content}</presence>"
        ));
    }
}

/// RFC 6120 §8.4: unknown content of IQs is delivered as it is.
fn unknown_content_of_iqs_is_delivered_unmodified(subject: &Subject) {
    let [mut orchard, mut garden] = subject.login(["romeo/orchard", "romeo/garden"]);
    for kind in ["get", "set", "result"] {
        let content = "<p:x xmlns:p='urn:example:x' p:a='1'>1<y xmlns='urn:example:y' z='&lt;'/></p:x>";
        orchard.sends(format!("<iq to='$romeo/garden' id='a' type='{kind}'>{content}</iq>"));
        garden.receives(format!("<iq from='$romeo/orchard' to='$romeo/garden' id='a' type='{kind}'>{content}</iq>"));
    }
}

/// RFC 6120 §8.4: servers try to keep prefixes, although nobody may depend on them.
fn prefixes_are_kept(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    romeo
        .sends("<message to='$juliet/balcony' id='a'><unusual:x xmlns:unusual='urn:example:x'>1</unusual:x></message>");
    juliet.receives(
        "<message from='$romeo/orchard' to='$juliet/balcony' id='a'><x xmlns='urn:example:x'>1</x></message>",
    );
    assert!(juliet.heard().contains("<unusual:x"), "the prefix is another one, or none");
}

/// RFC 6120 §8.4: a get or set for the server itself whose payload is of an unknown namespace gets
/// `service-unavailable`.
fn unknown_request_to_the_server_is_service_unavailable(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    for kind in ["get", "set"] {
        for payload in [format!("<q xmlns='{UNKNOWN}'/>"), format!("<p:q xmlns:p='{UNKNOWN}'><p:r/>text</p:q>")] {
            romeo.sends(format!("<iq type='{kind}' id='a' to='$domain'>{payload}</iq>"));
            romeo.receives_stanza_error_of("a", &of_any_type(&["service-unavailable"]));
        }
    }
}

/// RFC 6120 §8.4: so does one that the server answers for an account, its own or another, whose resources do not see
/// it (§10.5.3.2).
fn unknown_request_to_an_account_is_service_unavailable(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for to in ["", "to='$romeo'", "to='$juliet'"] {
        for kind in ["get", "set"] {
            romeo.sends(format!("<iq type='{kind}' id='a' {to}><q xmlns='{UNKNOWN}'/></iq>"));
            romeo.receives_stanza_error_of("a", &of_any_type(&["service-unavailable"]));
        }
    }
    juliet.hears_nothing_from(&mut romeo);
}

/// RFC 6120 §8.4: a message for the server itself whose only child it does not understand is ignored as a whole or
/// answered by an error, which SHOULD be `service-unavailable`.
fn unknown_message_to_the_server_is_ignored_or_refused(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    romeo.sends(format!("<message id='a' to='$domain'><x xmlns='{UNKNOWN}'/></message>"));
    for answer in romeo.collects() {
        assert_eq!(answer.attribute("id"), Some("a"), "{answer}");
        assert!(answer.name == "message" && answer.attribute("type") == Some("error"), "{answer}");
    }
}

/// RFC 6120 §8.4: presence with nothing but unknown content counts as presence without: it makes a resource available.
fn unknown_child_of_presence_does_not_matter(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let mut juliet = subject.bound("juliet/balcony");
    juliet.sends(format!("<presence><x xmlns='{UNKNOWN}'><priority>-1</priority></x></presence>"));
    juliet.settles();
    romeo.sends("<message to='$juliet' id='a' type='chat'><body>hi</body></message>");
    juliet.receives("<message from='$romeo/orchard' to='$juliet' id='a' type='chat'><body>hi</body></message>");
}
