//! Stream features (RFC 6120 §4.3.2).

use jabiru_xml::{Element, RawElement};

use crate::{StreamCondition, StreamError, ns};

/// What the receiving entity offers next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamFeatures {
    features: Vec<Element>,
}

impl StreamFeatures {
    /// No features: negotiation is complete (§4.3.5).
    #[must_use]
    pub fn new() -> StreamFeatures {
        StreamFeatures::default()
    }

    /// Adds any feature.
    pub fn push(&mut self, feature: Element) {
        self.features.push(feature);
    }

    /// Offers STARTTLS (§5.4.1), mandatory to negotiate or not.
    pub fn offer_starttls(&mut self, required: bool) {
        let feature = Element::new("starttls", ns::TLS);
        self.push(if required { feature.with_child(Element::new("required", ns::TLS)) } else { feature });
    }

    /// Offers SASL mechanisms in the receiving entity's order of preference (§6.3.3).
    pub fn offer_mechanisms<'a>(&mut self, mechanisms: impl IntoIterator<Item = &'a str>) {
        let mut feature = Element::new("mechanisms", ns::SASL);
        for mechanism in mechanisms {
            feature.push_child(Element::new("mechanism", ns::SASL).with_text(mechanism));
        }
        self.push(feature);
    }

    /// Offers channel-binding types (XEP-0440).
    pub fn offer_channel_bindings<'a>(&mut self, types: impl IntoIterator<Item = &'a str>) {
        let mut feature = Element::new("sasl-channel-binding", ns::SASL_CHANNEL_BINDING);
        for name in types {
            feature.push_child(Element::new("channel-binding", ns::SASL_CHANNEL_BINDING).with_attribute("type", name));
        }
        self.push(feature);
    }

    /// Offers resource binding (§7.4), which is mandatory to negotiate and needs no `<required/>`.
    pub fn offer_bind(&mut self) {
        self.push(Element::new("bind", ns::BIND));
    }

    /// Offers Server Dialback with its errors (XEP-0220 §2.4.2).
    pub fn offer_dialback(&mut self) {
        let errors = Element::new("errors", ns::DIALBACK_FEATURE);
        self.push(Element::new("dialback", ns::DIALBACK_FEATURE).with_child(errors));
    }

    /// Offers to make a server stream bidirectional (XEP-0288 §2.1).
    pub fn offer_bidi(&mut self) {
        self.push(Element::new("bidi", ns::BIDI_FEATURE));
    }

    /// Appends `<stream:features/>` for a stream whose root declares the prefix `stream`.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"<stream:features>");
        for feature in &self.features {
            // No default namespace is assumed: each feature declares its own.
            feature.write(out, "");
        }
        out.extend_from_slice(b"</stream:features>");
    }

    /// Reads `<stream:features/>`; `None` if the element is something else.
    #[must_use]
    pub fn parse(raw: &RawElement) -> Option<StreamFeatures> {
        raw.is("features", ns::STREAM)
            .then(|| StreamFeatures { features: raw.children().map(|child| child.to_element()).collect() })
    }

    /// The feature with this name and namespace.
    #[must_use]
    pub fn feature(&self, name: &str, namespace: &str) -> Option<&Element> {
        self.features.iter().find(|feature| feature.is(name, namespace))
    }

    /// Is STARTTLS offered, and is it mandatory?
    #[must_use]
    pub fn starttls(&self) -> Option<bool> {
        self.feature("starttls", ns::TLS).map(|feature| feature.child("required", ns::TLS).is_some())
    }

    /// The SASL mechanisms on offer, in order.
    #[must_use]
    pub fn mechanisms(&self) -> Vec<String> {
        self.feature("mechanisms", ns::SASL).map_or_else(Vec::new, |feature| {
            feature.children().filter(|child| child.is("mechanism", ns::SASL)).map(Element::text).collect()
        })
    }

    /// Is resource binding on offer?
    #[must_use]
    pub fn bind(&self) -> bool {
        self.feature("bind", ns::BIND).is_some()
    }

    /// Is Server Dialback on offer, and does it know errors?
    #[must_use]
    pub fn dialback(&self) -> Option<bool> {
        let feature = self.feature("dialback", ns::DIALBACK_FEATURE)?;
        Some(feature.child("errors", ns::DIALBACK_FEATURE).is_some())
    }

    /// Can the stream be made bidirectional?
    #[must_use]
    pub fn bidi(&self) -> bool {
        self.feature("bidi", ns::BIDI_FEATURE).is_some()
    }

    /// The stream error for a feature other than STARTTLS that is mandatory to negotiate (§4.9.3.23): what it says to an
    /// initiating entity that knows none of those.
    #[must_use]
    pub fn unknown_mandatory(&self) -> Option<StreamError> {
        let required = |feature: &Element| feature.child("required", feature.namespace()).is_some();
        let unknown = self.features.iter().find(|feature| required(feature) && !feature.is("starttls", ns::TLS))?;
        let text = format!("{} of {} is not supported", unknown.name(), unknown.namespace());
        Some(StreamError::new(StreamCondition::UnsupportedFeature).with_text(text))
    }

    /// Every feature, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Element> {
        self.features.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_round_trip() {
        let mut features = StreamFeatures::new();
        features.offer_starttls(true);
        features.offer_mechanisms(["SCRAM-SHA-256-PLUS", "PLAIN"]);
        features.offer_channel_bindings(["tls-exporter"]);
        features.offer_bind();
        features.offer_dialback();
        features.offer_bidi();
        let mut out = Vec::new();
        features.write(&mut out);
        let raw = RawElement::parse(std::str::from_utf8(&out).unwrap(), ns::CLIENT).unwrap();
        let read = StreamFeatures::parse(&raw).unwrap();
        assert_eq!(read, features);
        assert_eq!(read.starttls(), Some(true));
        assert_eq!(read.mechanisms(), ["SCRAM-SHA-256-PLUS", "PLAIN"]);
        assert!(read.bind() && read.bidi());
        assert_eq!(read.dialback(), Some(true));
    }
}
