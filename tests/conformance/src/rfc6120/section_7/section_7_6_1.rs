//! RFC 6120 §7.6.1: the success case of a resource that the server makes.

use crate::Element;
use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] =
    &[case!(Must, result_has_the_full_jid, ["7.6.1"]), case!(Must, result_has_the_id_of_the_request, ["7.6.1"])];

/// RFC 6120 §7.6.1: the answer is an IQ of type `result`, with `<bind/>` and in it `<jid/>`: the full JID, nothing around it.
fn result_has_the_full_jid(subject: &Subject) {
    let (mut romeo, _) = subject.authenticated("romeo");
    romeo.sends("<iq id='tn281v37' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    let answer = romeo.receives(
        "<iq id='tn281v37' type='result' from='?' to='?'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <jid>*</jid></bind></iq>",
    );
    let jid = answer.elements().flat_map(Element::elements).map(Element::text).collect::<String>();
    assert_eq!(jid.trim(), jid, "white space around the address");
    let (bare, resource) = jid.split_once('/').unwrap_or_else(|| panic!("no full JID: {jid}"));
    assert_eq!(bare, subject.account("romeo").jid);
    assert!(!resource.is_empty(), "{jid}");
}

/// RFC 6120 §7.6.1, §8.1.3: the answer has the `id` of the request, whatever that is.
fn result_has_the_id_of_the_request(subject: &Subject) {
    for id in ["1", "tn281v37", "a b", "ä&amp;&apos;&lt;", &"x".repeat(200)] {
        let (mut romeo, _) = subject.authenticated("romeo");
        romeo.sends(format!("<iq id='{id}' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"));
        romeo.receives(format!(
            "<iq id='{id}' type='result' from='?' to='?'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <jid>*</jid></bind></iq>"
        ));
    }
}
