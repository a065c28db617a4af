//! The stream header: the start tag of the stream root (RFC 6120 §4.2, §4.7 and §4.8).

use std::borrow::Cow;

use jabiru_xml::{RawElement, escape};

use crate::{StreamCondition, StreamError, ns};

/// Which content a stream carries (RFC 6120 §4.8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentNamespace {
    /// `jabber:client`
    Client,
    /// `jabber:server`
    Server,
}

impl ContentNamespace {
    /// The namespace name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ContentNamespace::Client => ns::CLIENT,
            ContentNamespace::Server => ns::SERVER,
        }
    }
}

/// The attributes of a stream header (RFC 6120 §4.7), as sent: addresses are not prepared yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamHeader {
    /// Who opens or answers the stream (§4.7.1).
    pub from: Option<String>,
    /// Whom the stream is meant for (§4.7.2).
    pub to: Option<String>,
    /// The stream's id; only the receiving entity gives one (§4.7.3).
    pub id: Option<String>,
    /// The default language of what is sent in this direction (§4.7.4).
    pub lang: Option<String>,
    /// Major and minor version; `None` if the attribute is absent, which means 0.9 (§4.7.5).
    pub version: Option<(u32, u32)>,
    /// Is a prefix for Server Dialback declared, which on a server stream says that it is spoken (XEP-0220 §2.4.1)?
    pub dialback: bool,
}

impl StreamHeader {
    /// Reads a stream root that must carry `content`.
    ///
    /// # Errors
    /// A stream error by the rules of §4.8: `invalid-namespace` for a stream namespace or content
    /// namespace other than the expected ones, `bad-namespace-prefix` for a stream root without the
    /// streams prefix that its default namespace asks for, `bad-format` for another root element,
    /// `unsupported-version` for a version that is no version (§4.7.5).
    pub fn parse(root: &RawElement, content: ContentNamespace) -> Result<StreamHeader, StreamError> {
        let node = root.root();
        if node.name() != "stream" {
            return Err(StreamError::new(StreamCondition::BadFormat).with_text("the root element must be <stream/>"));
        }
        if node.namespace() != ns::STREAM {
            return Err(StreamError::new(StreamCondition::InvalidNamespace)
                .with_text("the stream namespace must be http://etherx.jabber.org/streams"));
        }
        // §4.8.5: either the streams namespace has a prefix and the content namespace is the default, or
        // the streams namespace is the default and stanzas are prefixed, which their own namespace shows.
        match node.prefix() {
            Some("stream") | None => {}
            Some(_) => {
                return Err(StreamError::new(StreamCondition::BadNamespacePrefix)
                    .with_text("the prefix of the streams namespace must be 'stream'"));
            }
        }
        // §4.8.2: it need not be declared here, if every stanza declares it.
        let default = node.resolve_prefix("").filter(|namespace| !namespace.is_empty());
        if node.prefix().is_some() && default.is_some_and(|namespace| namespace != content.as_str()) {
            return Err(StreamError::new(StreamCondition::InvalidNamespace)
                .with_text(format!("the content namespace must be {}", content.as_str())));
        }
        let version = match node.attribute("version") {
            None => None,
            Some(version) => Some(parse_version(&version).ok_or_else(|| {
                StreamError::new(StreamCondition::UnsupportedVersion).with_text("version must be major.minor")
            })?),
        };
        let attribute = |name| node.attribute(name).map(Cow::into_owned);
        Ok(StreamHeader {
            from: attribute("from"),
            to: attribute("to"),
            id: attribute("id"),
            lang: node.lang().filter(|lang| !lang.is_empty()).map(Cow::into_owned),
            version,
            dialback: node.declarations().any(|(_, namespace)| namespace == ns::DIALBACK),
        })
    }

    /// Appends the XML declaration and the start tag, prefixed as RFC 6120 §4.8.5 recommends.
    pub fn write(&self, out: &mut Vec<u8>, content: ContentNamespace) {
        out.extend_from_slice(b"<?xml version='1.0'?><stream:stream xmlns='");
        out.extend_from_slice(content.as_str().as_bytes());
        out.extend_from_slice(b"' xmlns:stream='http://etherx.jabber.org/streams'");
        if self.dialback {
            // XEP-0220 §2.4.1: some accept no other prefix.
            out.extend_from_slice(b" xmlns:db='jabber:server:dialback'");
        }
        let mut attribute = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                out.push(b' ');
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"='");
                escape::attribute(out, value);
                out.push(b'\'');
            }
        };
        attribute("from", self.from.as_deref());
        attribute("to", self.to.as_deref());
        attribute("id", self.id.as_deref());
        attribute("xml:lang", self.lang.as_deref());
        attribute("version", self.version.map(|(major, minor)| format!("{major}.{minor}")).as_deref());
        out.push(b'>');
    }
}

/// §4.7.5: two numbers around a dot, leading zeros ignored; more digits than a `u32` are no version of ours.
fn parse_version(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.trim().split_once('.')?;
    let number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
    Some((number(major)?, number(minor)?))
}

#[cfg(test)]
mod tests {
    use jabiru_xml::{Event, Limits, Reader};

    use super::*;

    fn root(xml: &str) -> RawElement {
        let mut reader = Reader::new(Limits::UNAUTHENTICATED);
        match reader.read(&mut xml.as_bytes()).unwrap() {
            Some(Event::StreamOpen(root)) => root,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn header_round_trips() {
        let header = StreamHeader {
            from: Some("im.example.com".into()),
            to: Some("juliet@im.example.com".into()),
            id: Some("a'b<".into()),
            lang: Some("de-CH".into()),
            version: Some((1, 0)),
            dialback: false,
        };
        for content in [ContentNamespace::Client, ContentNamespace::Server] {
            let header = StreamHeader { dialback: content == ContentNamespace::Server, ..header.clone() };
            let mut out = Vec::new();
            header.write(&mut out, content);
            let root = root(std::str::from_utf8(&out).unwrap());
            assert_eq!(StreamHeader::parse(&root, content), Ok(header));
        }
    }

    /// RFC 6120 §4.8.5 shows two of the accepted forms; §4.8.2 leaves room for that without a content namespace.
    #[test]
    fn namespaces_of_the_root() {
        const S: &str = "http://etherx.jabber.org/streams";
        for (xml, expected) in [
            (format!("<stream:stream xmlns='jabber:client' xmlns:stream='{S}'>"), None),
            (format!("<stream xmlns='{S}' xmlns:client='jabber:client'>"), None),
            (format!("<stream:stream xmlns='jabber:server' xmlns:stream='{S}'>"), Some("invalid-namespace")),
            (format!("<stream:stream xmlns:stream='{S}'>"), None),
            (format!("<stream:stream xmlns='' xmlns:stream='{S}'>"), None),
            (format!("<stream:stream xmlns='urn:x' xmlns:stream='{S}'>"), Some("invalid-namespace")),
            ("<stream:stream xmlns='jabber:client' xmlns:stream='urn:x'>".into(), Some("invalid-namespace")),
            (format!("<s:stream xmlns='jabber:client' xmlns:s='{S}'>"), Some("bad-namespace-prefix")),
            ("<stream xmlns='jabber:client'>".into(), Some("invalid-namespace")),
            (format!("<stream:flow xmlns='jabber:client' xmlns:stream='{S}'>"), Some("bad-format")),
        ] {
            let found = StreamHeader::parse(&root(&xml), ContentNamespace::Client);
            assert_eq!(found.err().map(|error| error.condition().name()), expected, "{xml}");
        }
    }

    #[test]
    fn versions() {
        for (version, expected) in [
            ("1.0", Some((1, 0))),
            ("01.00", Some((1, 0))),
            ("2.12", Some((2, 12))),
            ("1", None),
            ("1.x", None),
            ("-1.0", None),
            ("99999999999.0", None),
        ] {
            assert_eq!(parse_version(version), expected, "{version}");
        }
    }
}
