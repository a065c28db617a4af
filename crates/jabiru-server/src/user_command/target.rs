//! Where an account moves to: an address or an `xmpp` URI, kept as a URI (RFC 6120 §8.3.3.5, RFC 5122).

use std::fmt::Write;

use anyhow::bail;
use jabiru_stanza::{BareJid, DomainPart, Jid, NodePart, ResourcePart};
use jabiru_storage::Moved;

/// Reads what the operator has written, and gives the URI for it with every octet that is not plain
/// written as `%XX`.
///
/// # Errors
/// A sentence that says what is wrong with it: no address, another scheme, an authority component, or
/// `account` itself.
pub(super) fn parse(text: &str, account: &BareJid) -> anyhow::Result<String> {
    let (address, rest) = match text.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("xmpp") => parse_uri(text, rest)?,
        Some((scheme, _)) if is_scheme(scheme) && text.parse::<Jid>().is_err() => {
            bail!(
                "{text:?} is a URI of the scheme {scheme}; an account moves to an address or a URI of the scheme xmpp"
            )
        }
        _ => match Jid::new(text) {
            Ok(address) => (address, ""),
            Err(error) => bail!("{text:?} is neither an address nor a URI of the scheme xmpp: {error}"),
        },
    };
    if address.to_bare() == *account {
        bail!("{account} can't move to itself");
    }
    let uri = format!("{}{rest}", uri_of(&address));
    if uri.len() > Moved::MAX_URI_LENGTH {
        bail!("the URI has {} bytes; {} are the most", uri.len(), Moved::MAX_URI_LENGTH);
    }
    Ok(uri)
}

/// The address in what follows `xmpp:`, and the query and fragment behind it, as they are.
fn parse_uri<'t>(text: &str, uri: &'t str) -> anyhow::Result<(Jid, &'t str)> {
    if uri.starts_with("//") {
        // RFC 5122 §2.3: whom to log in as, which is nobody else's to say.
        bail!("{text:?} says with // whom to log in as; write the address behind xmpp: at once");
    }
    let (path, rest) = uri.split_at(uri.find(['?', '#']).unwrap_or(uri.len()));
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@/?%#".contains(c);
    if let Some(odd) = rest.chars().find(|c| !plain(*c)) {
        bail!("{text:?} is not a URI: {odd:?} must be written as %XX");
    }
    // Split before decoding: what is written as %40 is no separator.
    let (bare, resource) = path.split_once('/').map_or((path, None), |(bare, resource)| (bare, Some(resource)));
    let (local, domain) = bare.split_once('@').map_or((None, bare), |(local, domain)| (Some(local), domain));
    let part =
        |part: &str| decode(part).ok_or_else(|| anyhow::anyhow!("{text:?} is not a URI: {part:?} is no UTF-8 in %XX"));
    let invalid = |error: jabiru_stanza::JidError| anyhow::anyhow!("{text:?} is no address: {error}");
    let local = local.map(part).transpose()?;
    let local = local.as_deref().map(NodePart::new).transpose().map_err(invalid)?;
    let domain = part(domain)?;
    let domain = DomainPart::new(&domain).map_err(invalid)?;
    let resource = resource.map(part).transpose()?;
    let resource = resource.as_deref().map(ResourcePart::new).transpose().map_err(invalid)?;
    Ok((Jid::from_parts(local.as_deref(), &domain, resource.as_deref()), rest))
}

/// RFC 3986 §3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// RFC 5122 §2.2: what may stand for itself in a localpart and in a resourcepart.
const LOCALPART: &str = "!$()*+,;=";
const RESOURCEPART: &str = "!$&'()*+,:;=";

fn uri_of(address: &Jid) -> String {
    let mut uri = "xmpp:".to_owned();
    if let Some(local) = address.node() {
        encode(&mut uri, local.as_str(), LOCALPART);
        uri.push('@');
    }
    // Brackets and colons are those of an IPv6 address.
    encode(&mut uri, address.domain().as_str(), "[]:");
    if let Some(resource) = address.resource() {
        uri.push('/');
        encode(&mut uri, resource.as_str(), RESOURCEPART);
    }
    uri
}

/// RFC 3987 §3.1: the octets of UTF-8.
fn encode(uri: &mut String, text: &str, allowed: &str) {
    for octet in text.bytes() {
        match char::from(octet) {
            c if c.is_ascii_alphanumeric() || "-._~".contains(c) || allowed.contains(c) => uri.push(c),
            _ => {
                // Writing to a string can't fail.
                let _ = write!(uri, "%{octet:02X}");
            }
        }
    }
}

fn decode(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        (octets, rest) = match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |digit: &u8| char::from(*digit).to_digit(16);
                // Fits: two hexadecimal digits.
                octets.push((digit(high)? * 16 + digit(low)?) as u8);
                (octets, after)
            }
            (b'%', _) => return None,
            (octet, after) => {
                octets.push(*octet);
                (octets, after)
            }
        };
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_uris() {
        let account = "juliet@im.example".parse().unwrap();
        for (text, expected) in [
            ("juliet@example.net", "xmpp:juliet@example.net"),
            ("Juliet@EXAMPLE.net/Balcony", "xmpp:juliet@example.net/Balcony"),
            ("example.net", "xmpp:example.net"),
            ("juliet@[::1]", "xmpp:juliet@[::1]"),
            ("xmpp:juliet@example.net", "xmpp:juliet@example.net"),
            ("XMPP:juliet@example.net/a%2fb%20c", "xmpp:juliet@example.net/a%2Fb%20c"),
            ("xmpp:juliet@example.net?message;subject=x%20y", "xmpp:juliet@example.net?message;subject=x%20y"),
            // RFC 5122 §2.7: a localpart with characters that a URI has for itself, and beyond ASCII.
            (
                "nasty!#$%()*+,-.;=?[\\]^_`{|}~node@example.com",
                "xmpp:nasty!%23$%25()*+,-.;=%3F%5B%5C%5D%5E_%60%7B%7C%7D~node@example.com",
            ),
            ("ji\u{159}i@\u{10d}echy.example/v Praze", "xmpp:ji%C5%99i@%C4%8Dechy.example/v%20Praze"),
            ("xmpp:ji%C5%99i@%C4%8Dechy.example", "xmpp:ji%C5%99i@%C4%8Dechy.example"),
            ("juliet@im.example.net", "xmpp:juliet@im.example.net"),
        ] {
            let uri = parse(text, &account).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(uri, expected, "{text}");
            assert_eq!(parse(&uri, &account).unwrap(), uri, "read again it stays");
        }
    }

    #[test]
    fn refused() {
        let account = "juliet@im.example".parse().unwrap();
        for (text, why) in [
            ("", "neither an address nor a URI"),
            ("a@b@c", "neither an address nor a URI"),
            ("https://example.net/", "is a URI of the scheme https"),
            ("mailto:juliet@example.net", "scheme mailto"),
            ("xmpp://juliet@example.net/romeo@example.net", "whom to log in as"),
            ("xmpp:", "is no address"),
            ("xmpp:@example.net", "is no address"),
            ("xmpp:a%40b%2@example.net", "is no UTF-8 in %XX"),
            ("xmpp:a%ff@example.net", "is no UTF-8 in %XX"),
            ("xmpp:a%40b@example.net", "is no address"),
            ("xmpp:a@example.net?message;body=a b", "must be written as %XX"),
            ("xmpp:a@example.net?<>", "must be written as %XX"),
            ("Juliet@im.example/balcony", "can't move to itself"),
            ("xmpp:%6Auliet@im.example", "can't move to itself"),
            (&format!("xmpp:a@example.net?{}", "x".repeat(Moved::MAX_URI_LENGTH)), "are the most"),
        ] {
            let error = parse(text, &account).expect_err(text).to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
