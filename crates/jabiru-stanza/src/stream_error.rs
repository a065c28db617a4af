//! Stream errors: unrecoverable, and followed by the end of the stream (RFC 6120 §4.9).

use std::fmt;

use jabiru_xml::{Element, Limit, RawElement, ReadError, ReadErrorKind};

use crate::error_text::ErrorText;
use crate::{OtherHost, ns};

/// Why a stream is closed, as the other side gets to see it (RFC 6120 §4.9.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamError {
    condition: StreamCondition,
    /// Boxed, as the next is, since hardly any error has one and errors travel in every `Result`.
    text: Option<Box<ErrorText>>,
    application: Option<Box<Element>>,
}

impl StreamError {
    /// An error with this defined condition and nothing else.
    #[must_use]
    pub fn new(condition: StreamCondition) -> StreamError {
        StreamError { condition, text: None, application: None }
    }

    /// Adds an English text for the person who debugs the other side; never a secret.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> StreamError {
        self.text = Some(Box::new(ErrorText::new("en", text)));
        self
    }

    /// The same in another language, named by its tag (`xml:lang`; BCP 47).
    #[must_use]
    pub fn with_text_in(mut self, lang: &str, text: impl Into<String>) -> StreamError {
        self.text = Some(Box::new(ErrorText::new(lang, text)));
        self
    }

    /// Adds an application-specific condition (RFC 6120 §4.9.4).
    #[must_use]
    pub fn with_application(mut self, condition: Element) -> StreamError {
        self.application = Some(Box::new(condition));
        self
    }

    /// The defined condition.
    #[must_use]
    pub fn condition(&self) -> &StreamCondition {
        &self.condition
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

    /// The application-specific condition, if there is one.
    #[must_use]
    pub fn application(&self) -> Option<&Element> {
        self.application.as_deref()
    }

    /// Appends the error as it stands in a stream whose root declares the prefix `stream`
    /// (RFC 6120 §4.8.5), as every stream that Jabiru opens does. The closing tag of the stream
    /// is not part of it.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"<stream:error>");
        let mut condition = Element::new(self.condition.name(), ns::STREAM_ERROR);
        if let StreamCondition::SeeOtherHost(host) = &self.condition {
            condition.push_text(host);
        }
        // No default namespace is assumed: each child declares its own.
        condition.write(out, "");
        if let Some(text) = &self.text {
            text.to_element(ns::STREAM_ERROR).write(out, "");
        }
        if let Some(application) = &self.application {
            application.write(out, "");
        }
        out.extend_from_slice(b"</stream:error>");
    }

    /// Reads `<stream:error/>`. A condition that RFC 6120 does not define reads as
    /// `undefined-condition`; of several texts or application-specific conditions the first counts. `None` if the
    /// element is something else.
    #[must_use]
    pub fn parse(raw: &RawElement) -> Option<StreamError> {
        if !raw.is("error", ns::STREAM) {
            return None;
        }
        let mut error = StreamError::new(StreamCondition::UndefinedCondition);
        for child in raw.children() {
            if child.namespace() != ns::STREAM_ERROR {
                error.application.get_or_insert_with(|| Box::new(child.to_element()));
            } else if child.name() == "text" {
                error.text.get_or_insert_with(|| Box::new(ErrorText::read(&child)));
            } else if let Some(condition) = StreamCondition::from_name(child.name(), &child.text()) {
                error.condition = condition;
            }
        }
        Some(error)
    }
}

/// `see-other-host`: connect there instead (§4.9.3.19).
impl From<&OtherHost> for StreamError {
    fn from(host: &OtherHost) -> StreamError {
        StreamError::new(StreamCondition::SeeOtherHost(host.to_string()))
    }
}

impl From<StreamCondition> for StreamError {
    fn from(condition: StreamCondition) -> StreamError {
        StreamError::new(condition)
    }
}

/// What the reader found wrong, in the words of RFC 6120.
impl From<&ReadError> for StreamError {
    fn from(error: &ReadError) -> StreamError {
        match error.kind {
            ReadErrorKind::NotWellFormed(what) => StreamError::new(StreamCondition::NotWellFormed).with_text(what),
            // §11.1: each of the forbidden features has this one condition.
            ReadErrorKind::Restricted(what) => StreamError::new(StreamCondition::RestrictedXml).with_text(what),
            ReadErrorKind::UnsupportedEncoding(what) => {
                StreamError::new(StreamCondition::UnsupportedEncoding).with_text(what)
            }
            ReadErrorKind::LimitExceeded(limit) => {
                let error = StreamError::new(StreamCondition::PolicyViolation).with_text(match limit {
                    Limit::ElementBytes(max) => format!("element exceeds {max} bytes"),
                    Limit::Depth(max) => format!("elements nested deeper than {max}"),
                    Limit::Attributes(max) => format!("more than {max} attributes"),
                    Limit::NameBytes(max) => format!("name exceeds {max} bytes"),
                    _ => "limit exceeded".to_owned(),
                });
                match limit {
                    // XEP-0205 §4.5
                    Limit::ElementBytes(_) => error.with_application(Element::new("stanza-too-big", ns::ERRORS)),
                    _ => error,
                }
            }
            // §8: only whitespace may stand between first-level elements; §4.9.3.1 is the general condition.
            ReadErrorKind::TextBetweenElements => {
                StreamError::new(StreamCondition::BadFormat).with_text("text between first-level elements")
            }
            // §4.3.3: a stream begins anew after TLS and SASL alone.
            ReadErrorKind::StreamWithinStream => {
                StreamError::new(StreamCondition::BadFormat).with_text("a stream header within the stream")
            }
            _ => StreamError::new(StreamCondition::BadFormat),
        }
    }
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.condition.name())?;
        match &self.text {
            Some(text) => write!(f, " ({})", text.text),
            None => Ok(()),
        }
    }
}

impl std::error::Error for StreamError {}

macro_rules! conditions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// The defined conditions of stream errors (RFC 6120 §4.9.3).
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum StreamCondition {
            $($(#[$doc])* $variant,)*
            /// Connect to this `host` or `host:port` instead (§4.9.3.19); [`OtherHost`] takes it apart.
            SeeOtherHost(String),
        }

        impl StreamCondition {
            /// The element's name.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $(StreamCondition::$variant => $name,)*
                    StreamCondition::SeeOtherHost(_) => "see-other-host",
                }
            }

            fn from_name(name: &str, content: &str) -> Option<StreamCondition> {
                match name {
                    $($name => Some(StreamCondition::$variant),)*
                    "see-other-host" => Some(StreamCondition::SeeOtherHost(content.trim().to_owned())),
                    _ => None,
                }
            }

            #[cfg(test)]
            fn all() -> Vec<StreamCondition> {
                vec![$(StreamCondition::$variant,)* StreamCondition::SeeOtherHost("[2001:db8::1]:5222".to_owned())]
            }
        }
    };
}

conditions! {
    /// XML that can't be processed (§4.9.3.1).
    BadFormat = "bad-format",
    /// A prefix that is not supported, or none where one is needed (§4.9.3.2).
    BadNamespacePrefix = "bad-namespace-prefix",
    /// Another stream took this one's place (§4.9.3.3).
    Conflict = "conflict",
    /// The other side was silent for too long (§4.9.3.4).
    ConnectionTimeout = "connection-timeout",
    /// The domain is no longer serviced here (§4.9.3.5).
    HostGone = "host-gone",
    /// The domain is not serviced here (§4.9.3.6).
    HostUnknown = "host-unknown",
    /// A stanza between servers without `to` or `from` (§4.9.3.7).
    ImproperAddressing = "improper-addressing",
    /// Our own fault (§4.9.3.8).
    InternalServerError = "internal-server-error",
    /// A `from` that was not authenticated on this stream (§4.9.3.9).
    InvalidFrom = "invalid-from",
    /// A stream or content namespace that is not supported (§4.9.3.10).
    InvalidNamespace = "invalid-namespace",
    /// XML that is invalid against a schema that is checked (§4.9.3.11).
    InvalidXml = "invalid-xml",
    /// Data before the stream was authenticated (§4.9.3.12).
    NotAuthorized = "not-authorized",
    /// XML that is not well-formed, or not namespace-well-formed (§4.9.3.13).
    NotWellFormed = "not-well-formed",
    /// A local policy was violated (§4.9.3.14).
    PolicyViolation = "policy-violation",
    /// A service that this stream depends on is away (§4.9.3.15).
    RemoteConnectionFailed = "remote-connection-failed",
    /// What the stream was negotiated on has changed: negotiate again (§4.9.3.16).
    Reset = "reset",
    /// No resources left for this stream (§4.9.3.17).
    ResourceConstraint = "resource-constraint",
    /// A comment, processing instruction, DTD or entity (§4.9.3.18, §11.1).
    RestrictedXml = "restricted-xml",
    /// The server is shutting down (§4.9.3.20).
    SystemShutdown = "system-shutdown",
    /// None of the others; an application-specific condition says more (§4.9.3.21).
    UndefinedCondition = "undefined-condition",
    /// Not UTF-8 (§4.9.3.22).
    UnsupportedEncoding = "unsupported-encoding",
    /// A mandatory feature that the other side does not support (§4.9.3.23).
    UnsupportedFeature = "unsupported-feature",
    /// A first-level element that is no stanza (§4.9.3.24).
    UnsupportedStanzaType = "unsupported-stanza-type",
    /// A version of XMPP that is not supported (§4.9.3.25).
    UnsupportedVersion = "unsupported-version",
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(error: &StreamError) -> String {
        let mut out = Vec::new();
        error.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// RFC 6120 §4.9.3 has 25 conditions; each survives writing and reading.
    #[test]
    fn every_condition_round_trips() {
        let all = StreamCondition::all();
        assert_eq!(all.len(), 25);
        for condition in all {
            let error = StreamError::new(condition)
                .with_text_in("cs", "a <text> & more")
                .with_application(Element::new("too-many", "urn:example:app"));
            let xml = written(&error);
            let raw = RawElement::parse(&xml, ns::CLIENT).unwrap();
            let read = StreamError::parse(&raw);
            assert_eq!(read.as_ref().and_then(StreamError::lang), Some("cs"));
            assert_eq!(read, Some(error), "{xml}");
        }
    }

    /// What the reader finds wrong; XEP-0205 §4.5 for what is too long.
    #[test]
    fn what_is_read() {
        use jabiru_xml::{Limits, Reader};
        let limits = Limits { max_element_bytes: 60, max_depth: 2, max_attributes: 2, max_name_bytes: 9 };
        for (xml, condition, application) in [
            ("<a>".repeat(70), "policy-violation", None),
            (format!("<a>{}", "x".repeat(70)), "policy-violation", Some("stanza-too-big")),
            ("<a b='' c='' d=''/>".to_owned(), "policy-violation", None),
            ("<abcdefghijklm/>".to_owned(), "policy-violation", None),
            ("text".to_owned(), "bad-format", None),
            ("<s>".to_owned(), "bad-format", None),
            ("<a></b>".to_owned(), "not-well-formed", None),
            ("<!-- -->".to_owned(), "restricted-xml", None),
        ] {
            let mut reader = Reader::new(limits);
            assert!(reader.read(&mut &b"<s>"[..]).is_ok());
            let error = StreamError::from(&reader.read(&mut xml.as_bytes()).unwrap_err());
            assert_eq!(error.condition().name(), condition, "{xml}");
            assert_eq!(error.application().map(Element::name), application, "{xml}");
            assert!(error.application().is_none_or(|more| more.namespace() == ns::ERRORS));
        }
    }

    /// §4.9.2: the order of the children is free, a condition alone is enough, a text needs no language.
    #[test]
    fn what_others_write() {
        for (children, condition, text, lang, application) in [
            ("<reset xmlns='S'/>", "reset", None, None, None),
            ("<odd xmlns='S'/>", "undefined-condition", None, None, None),
            ("<text xmlns='S'>t</text><reset xmlns='S'/>", "reset", Some("t"), None, None),
            (
                "<a xmlns='urn:a'/><text xmlns='S' xml:lang='de'>t</text><conflict xmlns='S'/><text xmlns='S'>u</text>\
                 <b xmlns='urn:a'/>",
                "conflict",
                Some("t"),
                Some("de"),
                Some("a"),
            ),
            ("<see-other-host xmlns='S'>\n [2001:db8::1]:5222 </see-other-host>", "see-other-host", None, None, None),
        ] {
            let xml =
                format!("<stream:error>{}</stream:error>", children.replace("'S'", &format!("'{}'", ns::STREAM_ERROR)));
            let error = StreamError::parse(&RawElement::parse(&xml, ns::CLIENT).unwrap()).unwrap();
            assert_eq!((error.condition().name(), error.text(), error.lang()), (condition, text, lang), "{xml}");
            assert_eq!(error.application().map(Element::name), application, "{xml}");
            if let StreamCondition::SeeOtherHost(host) = error.condition() {
                let host: OtherHost = host.parse().unwrap();
                assert_eq!(StreamError::from(&host).condition().clone(), *error.condition());
            }
        }
        let other = RawElement::parse("<error xmlns='urn:x'/>", ns::CLIENT).unwrap();
        assert_eq!(StreamError::parse(&other), None);
    }
}
