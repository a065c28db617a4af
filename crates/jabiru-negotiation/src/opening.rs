//! The response stream header: which domain is meant, and what is answered (RFC 6120 §4.7).

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jabiru_stanza::{ContentNamespace, DomainPart, StreamCondition, StreamError, StreamHeader};

use crate::{Domains, Security};

/// The version of XMPP spoken here (§4.7.5).
pub(crate) const VERSION: (u32, u32) = (1, 0);

/// The version to answer a header with: the lower of both, none for none (§4.7.5). Whoever speaks a higher one can tell
/// by it whether to go on.
pub(crate) fn answered_version(header: &Result<StreamHeader, StreamError>) -> Option<(u32, u32)> {
    match header {
        Ok(header) => header.version.map(|version| version.min(VERSION)),
        Err(_) => Some(VERSION),
    }
}

/// Refuses the versions of before stream features (§4.7.5).
pub(crate) fn check_version(header: &StreamHeader) -> Result<(), StreamError> {
    if header.version.is_none_or(|version| version < VERSION) {
        return Err(StreamError::new(StreamCondition::UnsupportedVersion).with_text("version 1.0 is needed"));
    }
    Ok(())
}

/// Appends a response stream header with a fresh id (§4.7.3), which is given back.
///
/// # Errors
/// `internal-server-error` without randomness for the id; the header is written nevertheless, without one.
pub(crate) fn answer(
    header: StreamHeader,
    content: ContentNamespace,
    out: &mut Vec<u8>,
) -> Result<String, StreamError> {
    let mut random = [0; STREAM_ID_BYTES];
    let id = getrandom::fill(&mut random).ok().map(|()| URL_SAFE_NO_PAD.encode(random));
    let header = StreamHeader { id, ..header };
    header.write(out, content);
    header.id.ok_or_else(|| StreamError::new(StreamCondition::InternalServerError))
}

/// The hosted domain that a header with this `to` is for. `known` is that of the stream, if an earlier header named it:
/// it stays through all restarts.
///
/// # Errors
/// `host-unknown` and `host-gone`, or `not-authorized` where another domain than before, or than in TLS, is meant.
pub(crate) fn asked_domain(
    to: Option<&str>,
    known: Option<&DomainPart>,
    security: &Security,
    domains: &dyn Domains,
) -> Result<DomainPart, StreamError> {
    let server_name = security.tls().and_then(|tls| tls.server_name.as_deref()).and_then(domain);
    let server_name = server_name.filter(|name| domains.hosts(name));
    let asked = match (to, known) {
        (Some(to), _) => domain(to),
        // §4.7.2: be liberal where the domain is known all the same.
        (None, Some(known)) => Some(known.clone()),
        (None, None) => server_name.clone(),
    };
    let unknown = |text| Err(StreamError::new(StreamCondition::HostUnknown).with_text(text));
    let Some(asked) = asked else {
        return unknown(if to.is_some() { "to is no domain" } else { "to is missing" });
    };
    if !domains.hosts(&asked) {
        // §4.9.3.5: it was, when this connection began.
        if known == Some(&asked) {
            return Err(
                StreamError::new(StreamCondition::HostGone).with_text("this domain is not served here any more")
            );
        }
        return unknown("this domain is not served here");
    }
    if known.is_some_and(|known| *known != asked) {
        return Err(StreamError::new(StreamCondition::NotAuthorized).with_text("the domain of a stream can't change"));
    }
    // The certificate shown was that of another of our domains. A name that we do not host is no domain but
    // the name of the machine, which some initiating entities ask for.
    if server_name.is_some_and(|name| name != asked) {
        return Err(StreamError::new(StreamCondition::NotAuthorized).with_text("TLS was set up for another domain"));
    }
    Ok(asked)
}

/// A domain in its prepared form; `None` if it is none.
pub(crate) fn domain(name: &str) -> Option<DomainPart> {
    DomainPart::new(name).ok().map(Cow::into_owned)
}

/// Is it worth copying into every stanza of the stream? Letters, digits and hyphens in parts of up to eight (RFC 5646
/// §2.1), and not longer than anything sensible.
pub(crate) fn is_language_tag(lang: &str) -> bool {
    lang.len() <= 35
        && lang.split('-').all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// 144 random bits: unpredictable and never repeated (§4.7.3).
const STREAM_ID_BYTES: usize = 18;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_tags() {
        for (lang, expected) in [
            ("en", true),
            ("zh-Hant-TW", true),
            ("x-klingon", true),
            ("", false),
            ("en-", false),
            ("en us", false),
            ("deutschland", false),
            ("aaaaaaaa-aaaaaaaa-aaaaaaaa-aaaaaaaa-a", false),
        ] {
            assert_eq!(is_language_tag(lang), expected, "{lang}");
        }
    }
}
