//! `<db:result/>` and `<db:verify/>`, read and written (XEP-0220 §2, §6.1).

use jabiru_stanza::{
    Condition, ContentNamespace, DomainPart, RawElement, StanzaError, StreamCondition, StreamError, ns,
};
use jabiru_xml::escape;

use super::{DomainPair, KeyAnswer, KeyToVerify};
use crate::opening;

/// The four things that are said in Server Dialback, in the order of XEP-0220 §1.4.
///
/// A pair is always that of the key: its sender domain is whose key it is, whichever way an element goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DialbackElement {
    /// Step 1: initiating server to receiving server.
    Key { pair: DomainPair, key: String },
    /// Step 2: receiving server to authoritative server.
    Verify(KeyToVerify),
    /// Step 3: authoritative server to receiving server.
    Verified { pair: DomainPair, stream_id: String, answer: KeyAnswer },
    /// Step 4: receiving server to initiating server.
    Result { pair: DomainPair, answer: KeyAnswer },
}

impl DialbackElement {
    /// Reads a first-level element; `None` for one of another namespace.
    ///
    /// # Errors
    /// `improper-addressing` without two domains (RFC 6120 §4.9.3.7), `unsupported-stanza-type` for another element of
    /// the namespace (§4.9.3.24), `invalid-xml` for what the schema does not know (§4.9.3.11).
    pub(crate) fn read(element: &RawElement) -> Option<Result<DialbackElement, StreamError>> {
        (element.namespace() == ns::DIALBACK).then(|| DialbackElement::of(element))
    }

    fn of(element: &RawElement) -> Result<DialbackElement, StreamError> {
        let verify = match element.name() {
            "result" => false,
            "verify" => true,
            _ => return Err(StreamError::new(StreamCondition::UnsupportedStanzaType)),
        };
        let (from, to) = (address(element, "from")?, address(element, "to")?);
        let answer = answer(element)?;
        let key = || element.text().trim().to_owned();
        if !verify {
            return Ok(match answer {
                None => DialbackElement::Key { pair: DomainPair::new(from, to), key: key() },
                Some(answer) => DialbackElement::Result { pair: DomainPair::new(to, from), answer },
            });
        }
        let stream_id = element.attribute("id").filter(|id| !id.is_empty());
        let stream_id = stream_id.ok_or_else(|| invalid("a verification needs the id of a stream"))?.into_owned();
        Ok(match answer {
            None => DialbackElement::Verify(KeyToVerify { pair: DomainPair::new(to, from), stream_id, key: key() }),
            Some(answer) => DialbackElement::Verified { pair: DomainPair::new(from, to), stream_id, answer },
        })
    }

    /// Appends it for a stream whose header declares the prefix `db`.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let (name, from, to, id, answer, key) = match self {
            DialbackElement::Key { pair, key } => ("db:result", &pair.sender, &pair.target, None, None, key.as_str()),
            DialbackElement::Verify(KeyToVerify { pair, stream_id, key }) => {
                ("db:verify", &pair.target, &pair.sender, Some(stream_id), None, key.as_str())
            }
            DialbackElement::Verified { pair, stream_id, answer } => {
                ("db:verify", &pair.sender, &pair.target, Some(stream_id), Some(answer), "")
            }
            DialbackElement::Result { pair, answer } => {
                ("db:result", &pair.target, &pair.sender, None, Some(answer), "")
            }
        };
        let kind = answer.map(|answer| match answer {
            KeyAnswer::Valid => "valid",
            KeyAnswer::Invalid => "invalid",
            KeyAnswer::Error(_) => "error",
        });
        out.push(b'<');
        out.extend_from_slice(name.as_bytes());
        let attributes = [("from", Some(from.as_str())), ("to", Some(to.as_str()))];
        for (name, value) in attributes.into_iter().chain([("id", id.map(String::as_str)), ("type", kind)]) {
            if let Some(value) = value {
                out.extend_from_slice(format!(" {name}='").as_bytes());
                escape::attribute(out, value);
                out.push(b'\'');
            }
        }
        match answer {
            Some(KeyAnswer::Valid | KeyAnswer::Invalid) => {
                out.extend_from_slice(b"/>");
                return;
            }
            Some(KeyAnswer::Error(error)) => {
                out.push(b'>');
                error.to_element_in(ContentNamespace::Server).write(out, ns::SERVER);
            }
            None => {
                out.push(b'>');
                escape::text(out, key);
            }
        }
        out.extend_from_slice(format!("</{name}>").as_bytes());
    }
}

fn address(element: &RawElement, name: &str) -> Result<DomainPart, StreamError> {
    let domain = element.attribute(name).and_then(|address| opening::domain(&address));
    domain.ok_or_else(|| {
        StreamError::new(StreamCondition::ImproperAddressing)
            .with_text("dialback needs a domain in from and another in to")
    })
}

/// What the `type` says; `None` without one, in a request.
fn answer(element: &RawElement) -> Result<Option<KeyAnswer>, StreamError> {
    match element.attribute("type").as_deref() {
        None => Ok(None),
        Some("valid") => Ok(Some(KeyAnswer::Valid)),
        Some("invalid") => Ok(Some(KeyAnswer::Invalid)),
        Some("error") => Ok(Some(KeyAnswer::Error(error(element)))),
        Some(_) => Err(invalid("type is valid, invalid or error")),
    }
}

/// The error of an answer. It is implicitly of the namespace `jabber:server`, which some take for that of the answer.
fn error(element: &RawElement) -> StanzaError {
    let error = element.children().find(|child| child.is("error", ns::SERVER) || child.is("error", ns::DIALBACK));
    let Some(error) = error else { return Condition::UndefinedCondition.into() };
    // XEP-0220 §2.5 has a condition that RFC 6120 has not.
    if error.child("remote-connection-failed", ns::STANZA_ERROR).is_some() {
        return StanzaError::new(Condition::RemoteServerTimeout).with_text("remote-connection-failed");
    }
    StanzaError::read(&error)
}

fn invalid(text: &'static str) -> StreamError {
    StreamError::new(StreamCondition::InvalidXml).with_text(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(xml: &str) -> RawElement {
        let xml = xml.replacen(' ', " xmlns:db='jabber:server:dialback' ", 1);
        RawElement::parse(&xml, ns::SERVER).unwrap()
    }

    fn pair() -> DomainPair {
        DomainPair::new("capulet.example".parse().unwrap(), "montague.example".parse().unwrap())
    }

    /// The examples of XEP-0220 §2, each read and written as it stands there.
    #[test]
    fn everything_round_trips() {
        let error = || KeyAnswer::from(Condition::ItemNotFound);
        let id = || "417GAF25".to_owned();
        for (element, xml) in [
            (
                DialbackElement::Key { pair: pair(), key: "b483".to_owned() },
                "<db:result from='capulet.example' to='montague.example'>b483</db:result>",
            ),
            (
                DialbackElement::Result { pair: pair(), answer: KeyAnswer::Valid },
                "<db:result from='montague.example' to='capulet.example' type='valid'/>",
            ),
            (
                DialbackElement::Result { pair: pair(), answer: KeyAnswer::Invalid },
                "<db:result from='montague.example' to='capulet.example' type='invalid'/>",
            ),
            (
                DialbackElement::Result { pair: pair(), answer: error() },
                "<db:result from='montague.example' to='capulet.example' type='error'><error type='cancel'>\
                 <item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></db:result>",
            ),
            (
                DialbackElement::Verify(KeyToVerify { pair: pair(), stream_id: id(), key: "225c".to_owned() }),
                "<db:verify from='montague.example' to='capulet.example' id='417GAF25'>225c</db:verify>",
            ),
            (
                DialbackElement::Verified { pair: pair(), stream_id: id(), answer: KeyAnswer::Valid },
                "<db:verify from='capulet.example' to='montague.example' id='417GAF25' type='valid'/>",
            ),
            (
                DialbackElement::Verified { pair: pair(), stream_id: id(), answer: error() },
                "<db:verify from='capulet.example' to='montague.example' id='417GAF25' type='error'>\
                 <error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></db:verify>",
            ),
        ] {
            let mut out = Vec::new();
            element.write(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), xml);
            assert_eq!(DialbackElement::read(&raw(xml)), Some(Ok(element)), "{xml}");
        }
    }

    /// What does harm to an attribute or a text is written so that it does none.
    #[test]
    fn what_is_echoed_is_escaped() {
        let stream_id = "'/><evil/>&".to_owned();
        let element = DialbackElement::Verify(KeyToVerify { pair: pair(), stream_id, key: "<k>&".to_owned() });
        let mut out = Vec::new();
        element.write(&mut out);
        assert_eq!(DialbackElement::read(&raw(&String::from_utf8(out).unwrap())), Some(Ok(element)));
    }

    #[test]
    fn what_others_write() {
        for (xml, expected) in [
            ("<db:result from='a.example' to='b.example'>\n  key\n</db:result>", Ok("Key")),
            ("<db:result from='A.example' to='B.EXAMPLE'>key</db:result>", Ok("Key")),
            ("<db:result to='b.example'>key</db:result>", Err("improper-addressing")),
            ("<db:result from='a.example'>key</db:result>", Err("improper-addressing")),
            ("<db:result from='x@a.example' to='b.example'>key</db:result>", Err("improper-addressing")),
            ("<db:result from='a.example' to=''>key</db:result>", Err("improper-addressing")),
            ("<db:result from='a.example' to='b.example' type='maybe'/>", Err("invalid-xml")),
            ("<db:verify from='a.example' to='b.example'>key</db:verify>", Err("invalid-xml")),
            ("<db:verify from='a.example' to='b.example' id=''>key</db:verify>", Err("invalid-xml")),
            ("<db:verify from='a.example' to='b.example' id='1' type='error'/>", Ok("Verified")),
            ("<db:other from='a.example' to='b.example'/>", Err("unsupported-stanza-type")),
        ] {
            let read = DialbackElement::read(&raw(xml)).unwrap();
            match (&read, expected) {
                (Ok(element), Ok(name)) => assert!(format!("{element:?}").starts_with(name), "{xml}: {element:?}"),
                (Err(error), Err(condition)) => assert_eq!(error.condition().name(), condition, "{xml}"),
                _ => panic!("{xml}: {read:?}"),
            }
            if let Ok(DialbackElement::Key { pair, key }) = read {
                assert_eq!((pair.to_string().as_str(), key.as_str()), ("a.example -> b.example", "key"));
            }
        }
        assert_eq!(DialbackElement::read(&RawElement::parse("<presence/>", ns::SERVER).unwrap()), None);
    }

    /// XEP-0220 §2.5: errors by condition, wherever the other side puts them, and relayed as the table there says.
    #[test]
    fn errors() {
        for (error, read, relayed) in [
            ("<error type='cancel'><item-not-found xmlns='S'/></error>", "item-not-found", "remote-server-not-found"),
            ("<error type='wait'><policy-violation xmlns='S'/></error>", "policy-violation", "remote-server-timeout"),
            ("<db:error><forbidden xmlns='S'/></db:error>", "forbidden", "remote-server-timeout"),
            (
                "<error><remote-connection-failed xmlns='S'/></error>",
                "remote-server-timeout (remote-connection-failed)",
                "remote-server-timeout",
            ),
            ("<error/>", "undefined-condition", "remote-server-timeout"),
            ("", "undefined-condition", "remote-server-timeout"),
        ] {
            let error = error.replace("'S'", "'urn:ietf:params:xml:ns:xmpp-stanzas'");
            let xml = format!("<db:result from='a.example' to='b.example' type='error'>{error}</db:result>");
            match DialbackElement::read(&raw(&xml)) {
                Some(Ok(DialbackElement::Result { answer, .. })) => {
                    assert_eq!(answer.to_string(), read, "{xml}");
                    assert_eq!(answer.relayed().to_string(), relayed, "{xml}");
                }
                other => panic!("{xml}: {other:?}"),
            }
        }
    }
}
