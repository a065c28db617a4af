//! A request to bind a resource on a stream that has one.
//!
//! A stream has one resource (RFC 6120 §7.1); a second is not allowed, which has its own condition (§7.6.2.2).

use jabiru_stanza::{Condition, FullJid, IqType, Stanza, StanzaError, StanzaKind, ns};

/// What it is answered with, if it is one: to the server, to the client's own account, or to nobody (§10.3.3).
pub(crate) fn refusal(stanza: &Stanza, own: &FullJid) -> Option<StanzaError> {
    if stanza.kind() != StanzaKind::Iq(IqType::Set) || !stanza.payload()?.is("bind", ns::BIND) {
        return None;
    }
    let to_us = stanza.to().is_none_or(|to| {
        to.resource().is_none() && to.domain() == own.domain() && to.node().is_none_or(|node| own.node() == Some(node))
    });
    to_us.then(|| StanzaError::new(Condition::NotAllowed).with_text("this stream has its resource already"))
}

#[cfg(test)]
mod tests {
    use jabiru_stanza::{ContentNamespace, RawElement};

    use super::*;

    #[test]
    fn which_requests_are_refused() {
        let own = FullJid::new("juliet@im.example/balcony").unwrap();
        for (attributes, payload, expected) in [
            ("type='set' id='1'", "bind", true),
            ("type='set' id='1' to='im.example'", "bind", true),
            ("type='set' id='1' to='juliet@im.example'", "bind", true),
            ("type='set' id='1' to='romeo@im.example'", "bind", false),
            ("type='set' id='1' to='juliet@im.example/balcony'", "bind", false),
            ("type='set' id='1' to='other.example'", "bind", false),
            ("type='get' id='1'", "bind", false),
            ("type='set' id='1'", "other", false),
        ] {
            let xml = format!("<iq {attributes}><{payload} xmlns='{}'/></iq>", ns::BIND);
            let raw = RawElement::parse(&xml, ns::CLIENT).unwrap();
            let stanza = Stanza::parse(raw, ContentNamespace::Client).unwrap();
            assert_eq!(refusal(&stanza, &own).is_some(), expected, "{xml}");
        }
    }
}
