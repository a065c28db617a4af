//! Stanza errors (RFC 6120 §8.3).

use std::fmt;

use jabiru_xml::{Element, Node, RawElement};
use jid::Jid;

use crate::error_text::ErrorText;
use crate::{ContentNamespace, IqType, MessageType, PresenceType, Stanza, StanzaKind, ns};

/// Why a stanza was not processed, as its sender gets to see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StanzaError {
    kind: ErrorType,
    condition: Condition,
    by: Option<Jid>,
    /// Boxed, as the next is, since hardly any error has one and errors travel in every `Result`.
    text: Option<Box<ErrorText>>,
    application: Option<Box<Element>>,
}

/// What the sender can do about it (§8.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorType {
    /// Retry after providing credentials.
    Auth,
    /// Do not retry.
    Cancel,
    /// Nothing: it was only a warning.
    Continue,
    /// Retry after changing what was sent.
    Modify,
    /// Retry after waiting.
    Wait,
}

impl StanzaError {
    /// An error of this condition with the type that RFC 6120 §8.3.3 recommends for it.
    #[must_use]
    pub fn new(condition: Condition) -> StanzaError {
        StanzaError { kind: condition.default_type(), condition, by: None, text: None, application: None }
    }

    /// Chooses another type.
    #[must_use]
    pub fn with_type(mut self, kind: ErrorType) -> StanzaError {
        self.kind = kind;
        self
    }

    /// States which entity found the error, if it is not the one addressed (§8.3.2).
    #[must_use]
    pub fn with_by(mut self, by: Jid) -> StanzaError {
        self.by = Some(by);
        self
    }

    /// Adds an English text for people.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> StanzaError {
        self.text = Some(Box::new(ErrorText::new("en", text)));
        self
    }

    /// The same in another language, named by its tag (`xml:lang`; BCP 47).
    #[must_use]
    pub fn with_text_in(mut self, lang: &str, text: impl Into<String>) -> StanzaError {
        self.text = Some(Box::new(ErrorText::new(lang, text)));
        self
    }

    /// Adds an application-specific condition (§8.3.4).
    #[must_use]
    pub fn with_application(mut self, condition: Element) -> StanzaError {
        self.application = Some(Box::new(condition));
        self
    }

    /// The defined condition.
    #[must_use]
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// The type.
    #[must_use]
    pub fn error_type(&self) -> ErrorType {
        self.kind
    }

    /// The text, if there is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.text.as_ref().map(|text| text.text.as_str())
    }

    /// The language of the text, if it is stated.
    #[must_use]
    pub fn lang(&self) -> Option<&str> {
        self.text.as_ref()?.lang.as_deref()
    }

    /// Which entity found the error, if it is stated (§8.3.2).
    #[must_use]
    pub fn by(&self) -> Option<&Jid> {
        self.by.as_ref()
    }

    /// The application-specific condition, if there is one (§8.3.4).
    #[must_use]
    pub fn application(&self) -> Option<&Element> {
        self.application.as_deref()
    }

    /// The stanza that tells the sender of `refused` about it: same kind and id, addresses turned
    /// around. `None` if `refused` is itself a response: an error is never answered (§8.3.1).
    ///
    /// A malformed `to` can't become a `from` (§8.3.1 rule 2): then the answer comes from the sender's own server,
    /// which is also named as who found the error. The answer to an IQ without `id` has an empty one (rule 3).
    #[must_use]
    pub fn reply_to(&self, refused: &Stanza) -> Option<Stanza> {
        if self.by.is_none()
            && let Some(server) = refused.judged_by_server()
        {
            return self.clone().with_by(server).reply_to(refused);
        }
        if refused.is_response() {
            return None;
        }
        let (name, kind) = match refused.kind() {
            StanzaKind::Message(_) => ("message", StanzaKind::Message(MessageType::Error)),
            StanzaKind::Presence(_) => ("presence", StanzaKind::Presence(PresenceType::Error)),
            StanzaKind::Iq(_) => ("iq", StanzaKind::Iq(IqType::Error)),
        };
        let mut reply = Element::new(name, ns::CLIENT).with_attribute("type", "error");
        match (refused.id(), kind) {
            (Some(id), _) => reply.set_attribute("id", Some(&id)),
            (None, StanzaKind::Iq(_)) => reply.set_attribute("id", Some("")),
            (None, StanzaKind::Message(_) | StanzaKind::Presence(_)) => {}
        }
        reply.push_child(self.to_element());
        Some(refused.answered_by(&reply, kind))
    }

    /// `<error/>` as a tree, in the namespace `jabber:client`.
    #[must_use]
    pub fn to_element(&self) -> Element {
        self.to_element_in(ContentNamespace::Client)
    }

    /// `<error/>` as a tree, as it stands on a stream with this content.
    #[must_use]
    pub fn to_element_in(&self, content: ContentNamespace) -> Element {
        let mut error = Element::new("error", content.as_str());
        error.set_attribute("by", self.by.as_ref().map(Jid::as_str));
        error.set_attribute("type", Some(self.kind.name()));
        let mut condition = Element::new(self.condition.name(), ns::STANZA_ERROR);
        if let Condition::Gone(Some(address)) | Condition::Redirect(Some(address)) = &self.condition {
            condition.push_text(address);
        }
        error.push_child(condition);
        if let Some(text) = &self.text {
            error.push_child(text.to_element(ns::STANZA_ERROR));
        }
        if let Some(application) = &self.application {
            error.push_child(Element::clone(application));
        }
        error
    }

    /// Reads the `<error/>` child of a stanza of type `error`. A condition that is not defined
    /// reads as `undefined-condition`, a type that is not defined as `cancel`; of several texts or
    /// application-specific conditions the first counts. `None` without such a child.
    #[must_use]
    pub fn parse(stanza: &RawElement) -> Option<StanzaError> {
        stanza.child("error", stanza.namespace()).map(|error| StanzaError::read(&error))
    }

    /// Reads `<error/>` itself, wherever it stands; as [`parse`](Self::parse) does.
    #[must_use]
    pub fn read(error: &Node<'_>) -> StanzaError {
        let mut found = StanzaError::new(Condition::UndefinedCondition);
        for child in error.children() {
            if child.namespace() != ns::STANZA_ERROR {
                found.application.get_or_insert_with(|| Box::new(child.to_element()));
            } else if child.name() == "text" {
                found.text.get_or_insert_with(|| Box::new(ErrorText::read(&child)));
            } else if let Some(condition) = Condition::from_name(child.name(), &child.text()) {
                found.condition = condition;
            }
        }
        found.kind = error.attribute("type").and_then(|kind| ErrorType::from_name(&kind)).unwrap_or(ErrorType::Cancel);
        found.by = error.attribute("by").and_then(|by| Jid::new(&by).ok());
        found
    }
}

impl From<Condition> for StanzaError {
    fn from(condition: Condition) -> StanzaError {
        StanzaError::new(condition)
    }
}

impl fmt::Display for StanzaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.condition.name())?;
        match &self.text {
            Some(text) => write!(f, " ({})", text.text),
            None => Ok(()),
        }
    }
}

impl std::error::Error for StanzaError {}

impl ErrorType {
    /// The value of the attribute.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ErrorType::Auth => "auth",
            ErrorType::Cancel => "cancel",
            ErrorType::Continue => "continue",
            ErrorType::Modify => "modify",
            ErrorType::Wait => "wait",
        }
    }

    fn from_name(name: &str) -> Option<ErrorType> {
        [ErrorType::Auth, ErrorType::Cancel, ErrorType::Continue, ErrorType::Modify, ErrorType::Wait]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

macro_rules! conditions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $kind:ident;)*) => {
        /// The defined conditions of stanza errors (RFC 6120 §8.3.3).
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Condition {
            $($(#[$doc])* $variant,)*
            /// Nobody is at this address any more; a URI of the new one, if known (§8.3.3.5).
            Gone(Option<String>),
            /// Ask at this URI instead, if stated (§8.3.3.14).
            Redirect(Option<String>),
        }

        impl Condition {
            /// The element's name.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $(Condition::$variant => $name,)*
                    Condition::Gone(_) => "gone",
                    Condition::Redirect(_) => "redirect",
                }
            }

            /// The type that goes with it, as RFC 6120 §8.3.3 recommends.
            #[must_use]
            pub fn default_type(&self) -> ErrorType {
                match self {
                    $(Condition::$variant => ErrorType::$kind,)*
                    Condition::Gone(_) => ErrorType::Cancel,
                    Condition::Redirect(_) => ErrorType::Modify,
                }
            }

            fn from_name(name: &str, content: &str) -> Option<Condition> {
                let address = || Some(content.trim()).filter(|text| !text.is_empty()).map(str::to_owned);
                match name {
                    $($name => Some(Condition::$variant),)*
                    "gone" => Some(Condition::Gone(address())),
                    "redirect" => Some(Condition::Redirect(address())),
                    _ => None,
                }
            }

            #[cfg(test)]
            fn all() -> Vec<Condition> {
                vec![$(Condition::$variant,)* Condition::Gone(Some("xmpp:a@b".into())), Condition::Redirect(None)]
            }
        }
    };
}

conditions! {
    /// Malformed, or a value that can't be processed (§8.3.3.1).
    BadRequest = "bad-request", Modify;
    /// Something of that name exists already (§8.3.3.2).
    Conflict = "conflict", Cancel;
    /// Not implemented here (§8.3.3.3).
    FeatureNotImplemented = "feature-not-implemented", Cancel;
    /// The sender may not do this (§8.3.3.4).
    Forbidden = "forbidden", Auth;
    /// Our own fault (§8.3.3.6).
    InternalServerError = "internal-server-error", Cancel;
    /// There is no such thing (§8.3.3.7).
    ItemNotFound = "item-not-found", Cancel;
    /// An address that is none (§8.3.3.8).
    JidMalformed = "jid-malformed", Modify;
    /// Does not meet the criteria of the recipient or server (§8.3.3.9).
    NotAcceptable = "not-acceptable", Modify;
    /// Nobody may do this (§8.3.3.10).
    NotAllowed = "not-allowed", Cancel;
    /// The sender has to provide credentials first (§8.3.3.11).
    NotAuthorized = "not-authorized", Auth;
    /// A local policy was violated (§8.3.3.12).
    PolicyViolation = "policy-violation", Modify;
    /// The recipient is away for now (§8.3.3.13).
    RecipientUnavailable = "recipient-unavailable", Wait;
    /// The sender has to register first (§8.3.3.15).
    RegistrationRequired = "registration-required", Auth;
    /// There is no such remote server, or it can't be found (§8.3.3.16).
    RemoteServerNotFound = "remote-server-not-found", Cancel;
    /// The remote server was found but did not answer in time (§8.3.3.17).
    RemoteServerTimeout = "remote-server-timeout", Wait;
    /// No resources left for this request (§8.3.3.18).
    ResourceConstraint = "resource-constraint", Wait;
    /// This service is not provided here (§8.3.3.19).
    ServiceUnavailable = "service-unavailable", Cancel;
    /// The sender needs a presence subscription first (§8.3.3.20).
    SubscriptionRequired = "subscription-required", Auth;
    /// None of the others; an application-specific condition says more (§8.3.3.21).
    UndefinedCondition = "undefined-condition", Cancel;
    /// Understood, but not expected at this point (§8.3.3.22).
    UnexpectedRequest = "unexpected-request", Wait;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StanzaFault;

    /// RFC 6120 §8.3.3 has 22 conditions; each survives writing and reading.
    #[test]
    fn every_condition_round_trips() {
        let all = Condition::all();
        assert_eq!(all.len(), 22);
        let raw = RawElement::parse("<message id='m'/>", ns::CLIENT).unwrap();
        let refused = Stanza::parse(raw, ContentNamespace::Client).unwrap();
        for condition in all {
            let error = StanzaError::new(condition)
                .with_by(Jid::new("im.example").unwrap())
                .with_text_in("cs", "why & <what>")
                .with_application(Element::new("too-many", "urn:example:app"));
            let reply = error.reply_to(&refused).unwrap();
            let read = StanzaError::parse(reply.raw()).unwrap();
            assert_eq!((read.lang(), read.text()), (Some("cs"), Some("why & <what>")));
            assert_eq!(read.by().map(Jid::as_str), Some("im.example"));
            assert_eq!(read.application().map(Element::name), Some("too-many"));
            assert_eq!(read, error);
        }
    }

    /// §8.3.2: what is not understood counts as `undefined-condition`, and the rest is read all the same.
    #[test]
    fn what_others_write() {
        for (error, condition, kind, text, application) in [
            ("<error type='wait'><conflict xmlns='S'/></error>", "conflict", ErrorType::Wait, None, None),
            ("<error type='odd'><odd xmlns='S'/></error>", "undefined-condition", ErrorType::Cancel, None, None),
            ("<error/>", "undefined-condition", ErrorType::Cancel, None, None),
            (
                "<error type='auth' code='401'><a xmlns='urn:a'/><text xmlns='S'>t</text><forbidden xmlns='S'/>\
                 <text xmlns='S'>u</text><b xmlns='urn:a'/></error>",
                "forbidden",
                ErrorType::Auth,
                Some("t"),
                Some("a"),
            ),
            (
                "<error type='modify'><redirect xmlns='S'>\n xmpp:a@b </redirect></error>",
                "redirect",
                ErrorType::Modify,
                None,
                None,
            ),
        ] {
            let error = error.replace("'S'", &format!("'{}'", ns::STANZA_ERROR));
            let xml = format!("<message type='error'><body>what was sent</body>{error}</message>");
            let read = StanzaError::parse(&RawElement::parse(&xml, ns::CLIENT).unwrap()).unwrap();
            assert_eq!((read.condition().name(), read.error_type(), read.text()), (condition, kind, text), "{xml}");
            assert_eq!(read.application().map(Element::name), application, "{xml}");
            if let Condition::Redirect(uri) = read.condition() {
                assert_eq!(uri.as_deref(), Some("xmpp:a@b"));
            }
        }
    }

    /// §8.3.1 rules 2 and 3: who the answer comes from, and its id.
    #[test]
    fn addresses_and_id_of_the_answer() {
        for (xml, expected) in [
            ("<message to='B@x/c' id='1'/>", "<message type='error' id='1' from='b@x/c' to='a@im.example/r'>"),
            ("<message to='b@x'/>", "<message type='error' from='b@x' to='a@im.example/r'>"),
            ("<presence/>", "<presence type='error' to='a@im.example/r'>"),
            ("<iq type='get' to='b@x'/>", "<iq type='error' id='' from='b@x' to='a@im.example/r'>"),
            (
                "<message to='b@b@x' id='1'/>",
                "<message type='error' id='1' from='im.example' to='a@im.example/r'><error by='im.example' ",
            ),
        ] {
            let raw = RawElement::parse(xml, ns::CLIENT).unwrap();
            let (mut stanza, error) = match Stanza::parse(raw, ContentNamespace::Client) {
                Ok(stanza) => (stanza, Condition::ServiceUnavailable.into()),
                Err(StanzaFault::Stanza { stanza, error }) => (*stanza, error),
                Err(fault @ StanzaFault::Stream(_)) => panic!("{fault}"),
            };
            stanza.set_from(Jid::new("a@im.example/r").unwrap());
            let mut out = Vec::new();
            error.reply_to(&stanza).unwrap().write(&mut out, ns::CLIENT);
            let written = String::from_utf8(out).unwrap();
            assert!(written.starts_with(expected), "{xml}: {written}");
        }
    }

    /// RFC 6120 §8.3.1: an entity that receives an error must not answer with an error.
    #[test]
    fn responses_are_not_answered() {
        for (xml, answered) in [
            ("<message/>", true),
            ("<message type='error'><error/></message>", false),
            ("<presence type='probe'/>", true),
            ("<presence type='error'><error/></presence>", false),
            ("<iq type='get' id='1'><q xmlns='urn:q'/></iq>", true),
            ("<iq type='result' id='1'/>", false),
            ("<iq type='error' id='1'><error/></iq>", false),
        ] {
            let stanza = Stanza::parse(RawElement::parse(xml, ns::CLIENT).unwrap(), ContentNamespace::Client).unwrap();
            let reply = StanzaError::new(Condition::ServiceUnavailable).reply_to(&stanza);
            assert_eq!(reply.is_some(), answered, "{xml}");
        }
    }
}
