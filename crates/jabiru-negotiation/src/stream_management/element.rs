//! The elements of stream management, read and written (XEP-0198 §3 to §6).

use jabiru_stanza::{Condition, Element, RawElement, StanzaError, StreamCondition, StreamError, ns};

/// What is said to manage a stream. None of it is a stanza, and none of it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmElement {
    /// `<enable/>` (§3)
    Enable {
        /// The stream is to be resumable.
        resume: bool,
        /// For how many seconds after it broke, if the initiating entity has a preference.
        max: Option<u32>,
    },
    /// `<enabled/>` (§3)
    Enabled {
        /// By which the stream is resumed.
        id: Option<String>,
        /// It can be.
        resume: bool,
        /// For so many seconds.
        max: Option<u32>,
        /// The `host` or `host:port` to connect to for that.
        location: Option<String>,
    },
    /// `<resume/>` (§5)
    Resume {
        /// What the initiating entity has handled.
        h: u32,
        /// Which stream.
        previd: String,
    },
    /// `<resumed/>` (§5)
    Resumed {
        /// What the receiving entity has handled.
        h: u32,
        /// Which stream.
        previd: String,
    },
    /// `<failed/>` (§6)
    Failed {
        /// Why. One that is absent or not defined reads as `undefined-condition`.
        condition: Condition,
        /// What the receiving entity had handled before it forgot the stream, if it still knows.
        h: Option<u32>,
    },
    /// `<r/>` (§4)
    Request,
    /// `<a/>` (§4)
    Ack {
        /// What was handled.
        h: u32,
    },
}

impl SmElement {
    /// Reads a first-level element; `None` for one of another namespace.
    ///
    /// # Errors
    /// `invalid-xml` without what the element must have, `unsupported-stanza-type` for another element of the namespace.
    pub fn read(element: &RawElement) -> Option<Result<SmElement, StreamError>> {
        (element.namespace() == ns::SM).then(|| SmElement::of(element))
    }

    fn of(element: &RawElement) -> Result<SmElement, StreamError> {
        let text = |name| element.attribute(name).map(std::borrow::Cow::into_owned);
        let previd = || text("previd").ok_or_else(|| invalid("previd is missing"));
        let must = |h: Option<u32>| h.ok_or_else(|| invalid("h is missing"));
        let h = number(element, "h")?;
        Ok(match element.name() {
            "enable" => SmElement::Enable { resume: boolean(element, "resume")?, max: number(element, "max")? },
            "enabled" => SmElement::Enabled {
                id: text("id"),
                resume: boolean(element, "resume")?,
                max: number(element, "max")?,
                location: text("location"),
            },
            "resume" => SmElement::Resume { h: must(h)?, previd: previd()? },
            "resumed" => SmElement::Resumed { h: must(h)?, previd: previd()? },
            "failed" => SmElement::Failed { condition: StanzaError::read(&element.root()).condition().clone(), h },
            "r" => SmElement::Request,
            "a" => SmElement::Ack { h: must(h)? },
            _ => return Err(StreamError::new(StreamCondition::UnsupportedStanzaType)),
        })
    }

    /// The element as a tree.
    #[must_use]
    pub fn to_element(&self) -> Element {
        let name = match self {
            SmElement::Enable { .. } => "enable",
            SmElement::Enabled { .. } => "enabled",
            SmElement::Resume { .. } => "resume",
            SmElement::Resumed { .. } => "resumed",
            SmElement::Failed { .. } => "failed",
            SmElement::Request => "r",
            SmElement::Ack { .. } => "a",
        };
        let mut element = Element::new(name, ns::SM);
        let mut set = |name, value: Option<String>| element.set_attribute(name, value.as_deref());
        let number = |number: &Option<u32>| number.map(|number| number.to_string());
        let boolean = |is: &bool| is.then(|| "true".to_owned());
        match self {
            SmElement::Enable { resume, max } => {
                set("resume", boolean(resume));
                set("max", number(max));
            }
            SmElement::Enabled { id, resume, max, location } => {
                set("id", id.clone());
                set("resume", boolean(resume));
                set("max", number(max));
                set("location", location.clone());
            }
            SmElement::Resume { h, previd } | SmElement::Resumed { h, previd } => {
                set("h", Some(h.to_string()));
                set("previd", Some(previd.clone()));
            }
            SmElement::Failed { condition, h } => {
                set("h", number(h));
                element.push_child(Element::new(condition.name(), ns::STANZA_ERROR));
            }
            SmElement::Request => {}
            SmElement::Ack { h } => set("h", Some(h.to_string())),
        }
        element
    }
}

/// The stream feature by which it is offered (§2).
#[must_use]
pub fn feature() -> Element {
    Element::new("sm", ns::SM)
}

/// `xs:unsignedInt`, if it is there.
fn number(element: &RawElement, name: &str) -> Result<Option<u32>, StreamError> {
    let value = element.attribute(name);
    value.map(|value| value.trim().parse().map_err(|_| invalid("a number is none"))).transpose()
}

/// `xs:boolean`, which has two ways to say each, `false` if it is not there.
fn boolean(element: &RawElement, name: &str) -> Result<bool, StreamError> {
    match element.attribute(name).as_deref().map(str::trim) {
        Some("true" | "1") => Ok(true),
        None | Some("false" | "0") => Ok(false),
        Some(_) => Err(invalid("true or false is neither")),
    }
}

fn invalid(text: &'static str) -> StreamError {
    StreamError::new(StreamCondition::InvalidXml).with_text(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(xml: &str) -> Option<Result<SmElement, StreamError>> {
        SmElement::read(&RawElement::parse(xml, ns::SERVER).unwrap())
    }

    #[test]
    fn everything_round_trips() {
        let id = || "a'b<".to_owned();
        for element in [
            SmElement::Enable { resume: false, max: None },
            SmElement::Enable { resume: true, max: Some(600) },
            SmElement::Enabled { id: None, resume: false, max: None, location: None },
            SmElement::Enabled { id: Some(id()), resume: true, max: Some(0), location: Some("[::1]:9222".into()) },
            SmElement::Resume { h: 0, previd: id() },
            SmElement::Resumed { h: u32::MAX, previd: id() },
            SmElement::Failed { condition: Condition::ItemNotFound, h: Some(7) },
            SmElement::Failed { condition: Condition::UnexpectedRequest, h: None },
            SmElement::Request,
            SmElement::Ack { h: 4_294_967_295 },
        ] {
            let raw = element.to_element().to_raw(ns::SERVER);
            assert_eq!(SmElement::read(&raw), Some(Ok(element)), "{raw:?}");
        }
    }

    #[test]
    fn what_others_write() {
        let enable = |resume| Ok(SmElement::Enable { resume, max: None });
        let none = Condition::UndefinedCondition;
        for (xml, expected) in [
            ("<enable/>", enable(false)),
            ("<enable resume='1'/>", enable(true)),
            ("<enable resume='0'/>", enable(false)),
            ("<enable resume='yes'/>", Err("invalid-xml")),
            ("<enable max='-1'/>", Err("invalid-xml")),
            ("<failed/>", Ok(SmElement::Failed { condition: none, h: None })),
            ("<a h=' 7 '/>", Ok(SmElement::Ack { h: 7 })),
            ("<a/>", Err("invalid-xml")),
            ("<a h=''/>", Err("invalid-xml")),
            ("<a h='4294967296'/>", Err("invalid-xml")),
            ("<a h='-1'/>", Err("invalid-xml")),
            ("<resume h='1'/>", Err("invalid-xml")),
            ("<resume previd='x'/>", Err("invalid-xml")),
            ("<other/>", Err("unsupported-stanza-type")),
        ] {
            let found = read(&xml.replacen("/>", " xmlns='urn:xmpp:sm:3'/>", 1)).unwrap();
            let found = found.as_ref().map_err(|error| error.condition().name());
            assert_eq!(found, expected.as_ref().map_err(|condition| *condition), "{xml}");
        }
        assert_eq!(read("<r xmlns='urn:xmpp:sm:2'/>"), None);
        assert_eq!(feature().to_string(), "<sm xmlns='urn:xmpp:sm:3'/>");
    }
}
