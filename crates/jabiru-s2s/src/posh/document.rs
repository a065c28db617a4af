//! The two kinds of POSH documents (RFC 7711 §3.1, §3.2).

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::GeneralPurposeConfig;
use base64::engine::{DecodePaddingMode, GeneralPurpose};
use jabiru_net::certificate::posh::Fingerprint;
use serde::Deserialize;

use super::PoshError;

/// A document, and for how long it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) content: Content,
    /// More than none.
    pub(super) lifetime: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// At least one.
    Fingerprints(Vec<Fingerprint>),
    /// The URL of another document.
    Reference(String),
}

/// Members that are not known are ignored: documents may have more of them in times to come.
#[derive(Deserialize)]
struct Json {
    fingerprints: Option<Vec<BTreeMap<String, String>>>,
    url: Option<String>,
    expires: u64,
}

/// More certificates than these are not looked at; two are usual, the one in use and the next.
const MAX_FINGERPRINTS: usize = 64;
/// Padding is often left out, also in an example of RFC 7711 §3.1.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Document {
    /// Reads the document that was found at `url`.
    pub(super) fn parse(body: &[u8], url: &str) -> Result<Document, PoshError> {
        let malformed = |error: String| PoshError::Malformed { url: url.to_owned(), error };
        let json: Json = serde_json::from_slice(body).map_err(|error| malformed(error.to_string()))?;
        let content = match (json.fingerprints, json.url) {
            (Some(descriptors), None) => {
                let decoded = |(hash, digest): (&String, &String)| Fingerprint::new(hash, &BASE64.decode(digest).ok()?);
                let fingerprints: Vec<_> =
                    descriptors.iter().flatten().filter_map(decoded).take(MAX_FINGERPRINTS).collect();
                if fingerprints.is_empty() {
                    return Err(PoshError::NoFingerprints { url: url.to_owned() });
                }
                Content::Fingerprints(fingerprints)
            }
            (None, Some(reference)) => Content::Reference(reference),
            (Some(_), Some(_)) => return Err(malformed("it has both fingerprints and a url".to_owned())),
            (None, None) => return Err(malformed("it has neither fingerprints nor a url".to_owned())),
        };
        if json.expires == 0 {
            return Err(PoshError::Expired { url: url.to_owned() });
        }
        Ok(Document { content, lifetime: Duration::from_secs(json.expires) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://im.example/.well-known/posh/xmpp-server.json";

    fn parse(json: &str) -> Result<Document, PoshError> {
        Document::parse(json.as_bytes(), URL)
    }

    /// The examples of RFC 7711 §3.1 and §3.2.
    #[test]
    fn documents_as_the_rfc_has_them() {
        let both = r#"{"fingerprints":[
            {"sha-256":"4/mggdlVx8A3pvHAWW5sD+qJyMtUHgiRuPjVC48N0XQ",
             "sha-512":"25N+1hB2Vo42l9lSGqw+n3BKFhDHsyork8ou+D9B43TXeJ1J81mdQEDqm39oR/EHkPBDDG1y5+AG94Kec0xVqA=="},
            {"sha-256":"otyLADSKjRDjVpj8X7/hmCAD5C7Qe+PedcmYV7cUncE="}],
            "expires":806400}"#;
        let document = parse(both).unwrap();
        assert_eq!(document.lifetime, Duration::from_secs(806_400));
        let Content::Fingerprints(fingerprints) = document.content else { panic!("{:?}", document.content) };
        let shown: Vec<String> =
            fingerprints.iter().map(|fingerprint| fingerprint.to_string()[..16].to_owned()).collect();
        assert_eq!(shown, ["sha-256:e3f9a081", "sha-512:db937ed6", "sha-256:a2dc8b00"]);

        let reference = parse(r#"{"url":"https://hosting.example.net/posh.json","expires":86400}"#).unwrap();
        assert_eq!(reference.content, Content::Reference("https://hosting.example.net/posh.json".to_owned()));
    }

    #[test]
    fn documents_that_are_of_no_use() {
        let digest = "otyLADSKjRDjVpj8X7/hmCAD5C7Qe+PedcmYV7cUncE=";
        for (json, words) in [
            (String::new(), "not a POSH document"),
            ("[]".to_owned(), "not a POSH document"),
            (r#"{"expires":1}"#.to_owned(), "neither fingerprints nor a url"),
            (format!(r#"{{"fingerprints":[{{"sha-256":"{digest}"}}],"url":"x","expires":1}}"#), "both"),
            (format!(r#"{{"fingerprints":[{{"sha-256":"{digest}"}}]}}"#), "missing field `expires`"),
            (format!(r#"{{"fingerprints":[{{"sha-256":"{digest}"}}],"expires":-1}}"#), "invalid value"),
            (format!(r#"{{"fingerprints":[{{"sha-256":"{digest}"}}],"expires":1.5}}"#), "invalid type"),
            (format!(r#"{{"fingerprints":[{{"sha-256":"{digest}"}}],"expires":0}}"#), "declared to be expired"),
            (r#"{"url":"https://im.example/","expires":0}"#.to_owned(), "declared to be expired"),
            (r#"{"fingerprints":[],"expires":1}"#.to_owned(), "no fingerprints by"),
            (format!(r#"{{"fingerprints":[{{"sha-1":"{digest}"}}],"expires":1}}"#), "no fingerprints by"),
            (r#"{"fingerprints":[{"sha-256":"otyLAD=="}],"expires":1}"#.to_owned(), "no fingerprints by"),
            (r#"{"fingerprints":[{"sha-256":"&"}],"expires":1}"#.to_owned(), "no fingerprints by"),
            (r#"{"fingerprints":[{"sha-256":7}],"expires":1}"#.to_owned(), "invalid type"),
            ("[".repeat(60_000), "not a POSH document"),
        ] {
            let error = parse(&json).unwrap_err().to_string();
            assert!(error.contains(words) && error.contains(URL), "{json:.100}: {error}");
        }
    }

    #[test]
    fn fingerprints_are_bounded() {
        let one = r#"{"sha-256":"otyLADSKjRDjVpj8X7/hmCAD5C7Qe+PedcmYV7cUncE="}"#;
        let many = vec![one; 500].join(",");
        let document = parse(&format!(r#"{{"fingerprints":[{many}],"expires":1}}"#)).unwrap();
        let Content::Fingerprints(fingerprints) = document.content else { panic!("{:?}", document.content) };
        assert_eq!(fingerprints.len(), MAX_FINGERPRINTS);
    }
}
