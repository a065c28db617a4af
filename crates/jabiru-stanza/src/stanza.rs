//! Stanzas: message, presence and IQ with their common attributes (RFC 6120 §8.1 and §8.2).

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use jabiru_xml::{Element, Node, RawElement, Rewrite};
use jid::{BareJid, Jid};

use crate::{Condition, ContentNamespace, StanzaError, StreamCondition, StreamError, address, ns};

/// A stanza as it was read, with what routing needs of it.
///
/// Cloning costs one reference count and the `to` address.
#[derive(Clone, Debug)]
pub struct Stanza {
    raw: RawElement,
    kind: StanzaKind,
    to: Option<Jid>,
    /// `to` in `raw` is absent or not in its prepared form, so it has to be written anew.
    to_differs: bool,
    from: Option<Arc<Jid>>,
    /// The default language of the stream it came on.
    lang: Option<Arc<str>>,
}

/// Which stanza, and of what type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StanzaKind {
    /// `<message/>` (§8.2.1)
    Message(MessageType),
    /// `<presence/>` (§8.2.2)
    Presence(PresenceType),
    /// `<iq/>` (§8.2.3)
    Iq(IqType),
}

/// Types of messages (RFC 6121 §5.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageType {
    /// No type, `normal`, or a type nobody knows.
    Normal,
    /// Part of a one-to-one conversation.
    Chat,
    /// Part of a conversation in a room.
    Groupchat,
    /// An alert, without expectation of a reply.
    Headline,
    /// The answer to a message that could not be delivered.
    Error,
}

/// Types of presence (RFC 6121 §4.7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PresenceType {
    /// No type: the sender is available.
    Available,
    /// The sender is no longer available.
    Unavailable,
    /// A request to subscribe.
    Subscribe,
    /// A granted request.
    Subscribed,
    /// The end of a subscription, by the subscriber.
    Unsubscribe,
    /// A refused request, or the end of a granted one.
    Unsubscribed,
    /// A server's question for current presence.
    Probe,
    /// The answer to presence that could not be delivered.
    Error,
}

/// Types of IQ (RFC 6120 §8.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IqType {
    /// Asks for information.
    Get,
    /// Brings information or asks for an action.
    Set,
    /// The answer to a request.
    Result,
    /// The answer to a request that failed.
    Error,
}

/// Why an element is no stanza that can be processed.
#[derive(Debug)]
pub enum StanzaFault {
    /// The stream can't go on.
    Stream(StreamError),
    /// The stanza is refused; [`StanzaError::reply_to`] makes the answer, if it may have one.
    Stanza {
        /// The refused stanza, without a `to` if that was the trouble.
        stanza: Box<Stanza>,
        /// What is wrong with it.
        error: StanzaError,
    },
}

impl Stanza {
    /// Takes a first-level element of a stream with this content.
    ///
    /// `from` is not looked at: on a client stream the server stamps it
    /// ([`set_from`](Self::set_from)), on a server stream it must be checked first.
    ///
    /// # Errors
    /// [`StanzaFault::Stream`] with `unsupported-stanza-type` for another element (§4.9.3.24) and
    /// `invalid-namespace` for a stanza in the other content namespace (§4.9.3.10).
    /// [`StanzaFault::Stanza`] with `jid-malformed` for an impossible `to` (§8.3.3.8) and
    /// `bad-request` for a presence type that is none, an IQ without `id` or of no type, a request
    /// without exactly one child, a result with more than one (§8.2.3), an IQ that carries an `<error/>` without being
    /// of type `error`, and whatever is of that type and carries none (§8.3.1 rules 4 and 7).
    pub fn parse(raw: RawElement, content: ContentNamespace) -> Result<Stanza, StanzaFault> {
        if raw.namespace() != content.as_str() {
            let condition = if matches!(raw.namespace(), ns::CLIENT | ns::SERVER) {
                StreamCondition::InvalidNamespace
            } else {
                StreamCondition::UnsupportedStanzaType
            };
            return Err(StanzaFault::Stream(StreamError::new(condition)));
        }
        let Some((kind, problem)) = read_kind(&raw) else {
            return Err(StanzaFault::Stream(StreamError::new(StreamCondition::UnsupportedStanzaType)));
        };
        let (to, to_differs, malformed) = match raw.attribute("to") {
            None => (None, false, false),
            Some(text) => match address(&text) {
                Ok(to) => {
                    let differs = to.as_str() != text;
                    (Some(to), differs, false)
                }
                Err(_) => (None, false, true),
            },
        };
        let stanza = Stanza { raw, kind, to, to_differs, from: None, lang: None };
        let error = if malformed { Some(StanzaError::new(Condition::JidMalformed)) } else { problem };
        match error {
            None => Ok(stanza),
            Some(error) => Err(StanzaFault::Stanza { stanza: Box::new(stanza), error }),
        }
    }

    /// A stanza of our own making, in the namespace `jabber:client`, with `from` as stated in it.
    ///
    /// # Errors
    /// As [`parse`](Self::parse); `jid-malformed` for an impossible `from` too.
    pub fn build(element: &Element) -> Result<Stanza, StanzaFault> {
        let mut stanza = Stanza::parse(element.to_raw(ns::CLIENT), ContentNamespace::Client)?;
        match stanza.raw.attribute("from").map(|from| address(&from)) {
            None => Ok(stanza),
            Some(Ok(from)) => {
                stanza.from = Some(Arc::new(from));
                Ok(stanza)
            }
            Some(Err(_)) => {
                Err(StanzaFault::Stanza { stanza: Box::new(stanza), error: StanzaError::new(Condition::JidMalformed) })
            }
        }
    }

    /// States who sent the stanza; written instead of what it said itself (§8.1.2.1).
    pub fn set_from(&mut self, from: impl Into<Arc<Jid>>) {
        self.from = Some(from.into());
    }

    /// States the default language of the stream that the stanza came on; written if the stanza
    /// has no `xml:lang` of its own (§4.7.4, §8.1.5).
    pub fn set_lang(&mut self, lang: impl Into<Arc<str>>) {
        self.lang = Some(lang.into());
    }

    /// States whom the stanza is for; written instead of what it said itself.
    pub fn set_to(&mut self, to: Jid) {
        self.to = Some(to);
        self.to_differs = true;
    }

    /// Which stanza, and of what type.
    #[must_use]
    pub fn kind(&self) -> StanzaKind {
        self.kind
    }

    /// The prepared `to`.
    #[must_use]
    pub fn to(&self) -> Option<&Jid> {
        self.to.as_ref()
    }

    /// The sender, if it was stated by [`set_from`](Self::set_from).
    #[must_use]
    pub fn from(&self) -> Option<&Arc<Jid>> {
        self.from.as_ref()
    }

    /// The `id` (§8.1.3).
    #[must_use]
    pub fn id(&self) -> Option<Cow<'_, str>> {
        self.raw.attribute("id")
    }

    /// The element as it was read: its `from` and `to` are what the sender wrote.
    #[must_use]
    pub fn raw(&self) -> &RawElement {
        &self.raw
    }

    /// The only child of an IQ request, or the first child of anything else.
    #[must_use]
    pub fn payload(&self) -> Option<Node<'_>> {
        self.raw.children().next()
    }

    /// Is this an answer that itself is never answered: of type `error`, or an IQ result
    /// (§8.2.3, §8.3.1)?
    #[must_use]
    pub fn is_response(&self) -> bool {
        matches!(
            self.kind,
            StanzaKind::Message(MessageType::Error)
                | StanzaKind::Presence(PresenceType::Error)
                | StanzaKind::Iq(IqType::Result | IqType::Error)
        )
    }

    /// The priority that presence states, −128 to 127; 0 if it states none (RFC 6121 §4.7.2.3).
    ///
    /// # Errors
    /// `bad-request` if it is no number in that range, or stated more than once.
    pub fn priority(&self) -> Result<i8, StanzaError> {
        let mut stated =
            self.raw.children().filter(|child| child.name() == "priority" && child.namespace() == self.raw.namespace());
        let priority = match stated.next() {
            None => Some(0),
            Some(priority) => priority.text().trim().parse().ok(),
        };
        match (priority, stated.next()) {
            (Some(priority), None) => Ok(priority),
            _ => {
                Err(StanzaError::new(Condition::BadRequest).with_text("priority must be one integer from -128 to 127"))
            }
        }
    }

    /// The result of this IQ request, addressed to its sender. Nothing for another stanza.
    #[must_use]
    pub fn result(&self, payload: Option<Element>) -> Option<Stanza> {
        if !matches!(self.kind, StanzaKind::Iq(IqType::Get | IqType::Set)) {
            return None;
        }
        let mut answer = Element::new("iq", ns::CLIENT).with_attribute("type", "result");
        if let Some(id) = self.id() {
            answer.set_attribute("id", Some(&id));
        }
        if let Some(payload) = payload {
            answer.push_child(payload);
        }
        Some(self.answered_by(&answer, StanzaKind::Iq(IqType::Result)))
    }

    /// The sender's server, if that is who judges this stanza: its `to` is no address.
    pub(crate) fn judged_by_server(&self) -> Option<Jid> {
        if self.to.is_some() || self.raw.attribute("to").is_none() {
            return None;
        }
        Some(BareJid::from_parts(None, self.from.as_ref()?.domain()).into())
    }

    /// Turns `answer` around: from whom this stanza was for, to whom it came from.
    pub(crate) fn answered_by(&self, answer: &Element, kind: StanzaKind) -> Stanza {
        Stanza {
            raw: answer.to_raw(ns::CLIENT),
            kind,
            to: self.from.as_deref().cloned(),
            to_differs: true,
            from: self.to.clone().or_else(|| self.judged_by_server()).map(Arc::new),
            lang: None,
        }
    }

    /// Appends the stanza as it stands in a stream of this content namespace: from and to as
    /// stated by the setters, the language of its stream if it states none itself.
    pub fn write(&self, out: &mut Vec<u8>, content_namespace: &str) {
        let from = ("from", self.from.as_deref().map(Jid::as_str));
        let to = ("to", self.to.as_ref().map(Jid::as_str));
        let both = [from, to];
        let attributes = match (from.1.is_some(), self.to_differs) {
            (true, true) => &both[..],
            (true, false) => &both[..1],
            (false, true) => &both[1..],
            (false, false) => &[],
        };
        self.raw.write(out, &Rewrite { content_namespace, attributes, lang: self.lang.as_deref() });
    }
}

impl fmt::Display for StanzaFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StanzaFault::Stream(error) => write!(f, "stream error {error}"),
            StanzaFault::Stanza { error, .. } => write!(f, "stanza error {error}"),
        }
    }
}

impl std::error::Error for StanzaFault {}

/// The kind, and what is wrong within it. `None`: no stanza at all.
fn read_kind(raw: &RawElement) -> Option<(StanzaKind, Option<StanzaError>)> {
    let stated = raw.attribute("type");
    let stated = stated.as_deref();
    Some(match raw.name() {
        "message" => {
            let kind = match stated {
                Some("chat") => MessageType::Chat,
                Some("groupchat") => MessageType::Groupchat,
                Some("headline") => MessageType::Headline,
                Some("error") => MessageType::Error,
                // RFC 6121 §5.2.2: a type that is not understood counts as "normal".
                _ => MessageType::Normal,
            };
            let problem = if kind == MessageType::Error { without_error(raw) } else { None };
            (StanzaKind::Message(kind), problem)
        }
        "presence" => {
            let (kind, problem) = match stated {
                None => (PresenceType::Available, None),
                Some("unavailable") => (PresenceType::Unavailable, None),
                Some("subscribe") => (PresenceType::Subscribe, None),
                Some("subscribed") => (PresenceType::Subscribed, None),
                Some("unsubscribe") => (PresenceType::Unsubscribe, None),
                Some("unsubscribed") => (PresenceType::Unsubscribed, None),
                Some("probe") => (PresenceType::Probe, None),
                Some("error") => (PresenceType::Error, without_error(raw)),
                Some(_) => (PresenceType::Available, bad_request("unknown type of presence")),
            };
            (StanzaKind::Presence(kind), problem)
        }
        "iq" => {
            let (kind, problem) = match stated {
                Some("get") => (IqType::Get, None),
                Some("set") => (IqType::Set, None),
                Some("result") => (IqType::Result, None),
                Some("error") => (IqType::Error, None),
                _ => (IqType::Get, bad_request("type must be get, set, result or error")),
            };
            let problem = problem.or_else(|| {
                if raw.attribute("id").is_none() {
                    return bad_request("an IQ needs an id");
                }
                let children = raw.children().take(2).count();
                match kind {
                    IqType::Get | IqType::Set if children != 1 => bad_request("a request needs exactly one child"),
                    IqType::Result if children > 1 => bad_request("a result has at most one child"),
                    IqType::Error => without_error(raw),
                    _ if error_of(raw).is_some() => bad_request("an error is of type error"),
                    IqType::Get | IqType::Set | IqType::Result => None,
                }
            });
            (StanzaKind::Iq(kind), problem)
        }
        _ => return None,
    })
}

fn bad_request(text: &str) -> Option<StanzaError> {
    Some(StanzaError::new(Condition::BadRequest).with_text(text))
}

/// The `<error/>` of a stanza (§8.3.1 rule 4), whatever else is in there.
fn error_of(raw: &RawElement) -> Option<Node<'_>> {
    raw.children().find(|child| child.is("error", raw.namespace()))
}

/// What is wrong with a stanza of type `error` that has none. There is nobody to tell it, but neither is anybody to
/// get such a stanza.
fn without_error(raw: &RawElement) -> Option<StanzaError> {
    if error_of(raw).is_some() { None } else { bad_request("of type error without an error") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(xml: &str) -> Result<Stanza, StanzaFault> {
        Stanza::parse(RawElement::parse(xml, ns::CLIENT).unwrap(), ContentNamespace::Client)
    }

    /// RFC 6120 §8.2 and §8.3.3: what each rule of the syntax leads to.
    #[test]
    fn syntax_of_stanzas() {
        for (xml, expected) in [
            ("<message/>", "ok"),
            ("<message type='odd' to='a@b/c'/>", "ok"),
            ("<presence type='odd'/>", "bad-request"),
            ("<presence to='a@b@c'/>", "jid-malformed"),
            ("<message to=''/>", "jid-malformed"),
            ("<iq type='get' id='1'><q xmlns='urn:q'/></iq>", "ok"),
            ("<iq type='get' id='1'/>", "bad-request"),
            ("<iq type='set' id='1'><a xmlns='urn:q'/><b xmlns='urn:q'/></iq>", "bad-request"),
            ("<iq type='get'><q xmlns='urn:q'/></iq>", "bad-request"),
            ("<iq id='1'><q xmlns='urn:q'/></iq>", "bad-request"),
            ("<iq type='result' id='1'/>", "ok"),
            ("<iq type='result' id='1'><a xmlns='urn:q'/><b xmlns='urn:q'/></iq>", "bad-request"),
            ("<iq type='error' id='1'><a xmlns='urn:q'/><error/></iq>", "ok"),
            ("<iq type='error' id='1'/>", "bad-request"),
            ("<iq type='error' id='1'><error xmlns='urn:q'/></iq>", "bad-request"),
            ("<message type='error'><body/></message>", "bad-request"),
            ("<message type='error'><body/><error/></message>", "ok"),
            ("<presence type='error'/>", "bad-request"),
            ("<presence type='error'><error/></presence>", "ok"),
            ("<iq type='get' id='1'><error/></iq>", "bad-request"),
            ("<iq type='result' id='1'><error/></iq>", "bad-request"),
            ("<iq type='result' id='1'><error xmlns='urn:q'/></iq>", "ok"),
            ("<iq type='GET' id='1'><q xmlns='urn:q'/></iq>", "bad-request"),
            ("<iq type='' id='1'><q xmlns='urn:q'/></iq>", "bad-request"),
            ("<presence type=''/>", "bad-request"),
            ("<presence type='available'/>", "bad-request"),
            ("<message type=''/>", "ok"),
            ("<iq type='get' id=''><q xmlns='urn:q'/></iq>", "ok"),
            ("<message to='@b'/>", "jid-malformed"),
            ("<message to='a@'/>", "jid-malformed"),
            ("<message to='a@b/'/>", "jid-malformed"),
            ("<message to='a@b/\u{85}'/>", "jid-malformed"),
            ("<message to='a b@c'/>", "jid-malformed"),
            ("<message to='a@b c'/>", "jid-malformed"),
            ("<iq to='a@b@c' type='odd'/>", "jid-malformed"),
            ("<note/>", "unsupported-stanza-type"),
            ("<message xmlns='urn:x'/>", "unsupported-stanza-type"),
            ("<message xmlns='jabber:server'/>", "invalid-namespace"),
        ] {
            let found = match parse(xml) {
                Ok(_) => "ok",
                Err(StanzaFault::Stream(error)) => error.condition().name(),
                Err(StanzaFault::Stanza { error, .. }) => error.condition().name(),
            };
            assert_eq!(found, expected, "{xml}");
        }
    }

    #[test]
    fn addresses_are_prepared_and_stamped() {
        let mut stanza = parse("<message from='liar@x' to='JULIET@IM.example/B' id='1'>t</message>").unwrap();
        stanza.set_from(Jid::new("romeo@im.example/o'rchard").unwrap());
        let mut out = Vec::new();
        stanza.write(&mut out, ns::SERVER);
        let read = RawElement::parse(std::str::from_utf8(&out).unwrap(), ns::SERVER).unwrap();
        assert_eq!(read.namespace(), ns::SERVER);
        assert_eq!(read.attribute("from").unwrap(), "romeo@im.example/o'rchard");
        assert_eq!(read.attribute("to").unwrap(), "juliet@im.example/B");
        assert_eq!(read.text(), "t");
        assert_eq!(read.root().attributes().count(), 3);
    }

    /// §8.1.5: the stream's language is added where there is none, and none is ever changed.
    #[test]
    fn language_of_the_stream() {
        for (xml, expected) in [
            ("<message/>", "<message xml:lang='de'/>"),
            ("<message xml:lang='cs'/>", "<message xml:lang='cs'/>"),
            ("<message xml:lang=''/>", "<message xml:lang=''/>"),
            ("<message lang='cs'/>", "<message lang='cs' xml:lang='de'/>"),
            (
                "<message><body xml:lang='cs'>a</body></message>",
                "<message xml:lang='de'><body xml:lang='cs'>a</body></message>",
            ),
        ] {
            let mut stanza = parse(xml).unwrap();
            stanza.set_lang("de");
            let mut out = Vec::new();
            stanza.write(&mut out, ns::CLIENT);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn priorities() {
        for (xml, expected) in [
            ("<presence/>", Some(0)),
            ("<presence><priority>-128</priority></presence>", Some(-128)),
            ("<presence><priority> 5 </priority></presence>", Some(5)),
            ("<presence><priority>128</priority></presence>", None),
            ("<presence><priority/></presence>", None),
            ("<presence><priority>1</priority><priority>1</priority></presence>", None),
            ("<presence><priority xmlns='urn:x'>9</priority></presence>", Some(0)),
        ] {
            assert_eq!(parse(xml).unwrap().priority().ok(), expected, "{xml}");
        }
    }

    #[test]
    fn results_go_back() {
        let mut request = parse("<iq type='get' id='&lt;1' to='im.example'><q xmlns='urn:q'/></iq>").unwrap();
        request.set_from(Jid::new("romeo@im.example/o").unwrap());
        let answer = request.result(Some(Element::new("q", "urn:q"))).unwrap();
        assert_eq!(answer.id().unwrap(), "<1");
        assert_eq!(answer.to().unwrap().as_str(), "romeo@im.example/o");
        assert_eq!(answer.from().unwrap().as_str(), "im.example");
        assert!(answer.is_response() && answer.result(None).is_none());
    }
}
