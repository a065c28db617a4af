//! Addresses as they are written in stanzas.

use jid::{Error, Jid};

/// Prepares an address. A dot at the end of its domain is the root of the DNS, and stripped before anything is done with the
/// address (RFC 7622 §3.2), for which [`Jid::new`] is not to be relied on: it forgets that where nothing else has to be
/// prepared. Else `romeo@example.net.` would be somebody at a domain that no rule for `example.net` is about.
///
/// # Errors
/// What is wrong with it (§3).
pub fn address(text: &str) -> Result<Jid, Error> {
    let end = text.find('/').unwrap_or(text.len());
    match text[..end].strip_suffix('.') {
        // No domain ends with two.
        Some(rest) if !rest.ends_with('.') => Jid::new(&format!("{rest}{}", &text[end..])),
        Some(_) | None => Jid::new(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dot_of_the_root_is_stripped() {
        for (text, expected) in [
            ("romeo@example.net.", Some("romeo@example.net")),
            ("romeo@example.net./orchard", Some("romeo@example.net/orchard")),
            ("example.net.", Some("example.net")),
            ("example.net./a.", Some("example.net/a.")),
            ("romeo@EXAMPLE.net./a/b.", Some("romeo@example.net/a/b.")),
            ("romeo.@example.net", Some("romeo.@example.net")),
            ("romeo@example.net/orchard.", Some("romeo@example.net/orchard.")),
            ("example.net", Some("example.net")),
            ("romeo@example.net..", None),
            ("romeo@example.net../orchard", None),
            ("romeo@.", None),
            (".", None),
            ("..", None),
            ("./a", None),
            ("", None),
        ] {
            let prepared = address(text);
            assert_eq!(prepared.as_ref().ok().map(Jid::as_str), expected, "{text}: {prepared:?}");
            if let Ok(jid) = prepared {
                let written = jid.as_str().split(['@', '/']).nth(usize::from(text.contains('@')));
                assert_eq!(Some(jid.domain().as_str()), written, "{text}");
            }
        }
    }
}
