//! What the fuzz targets share: the witnesses of `jabiru-xml`'s tests, and streams made of raw bytes.

#[path = "../crates/jabiru-xml/tests/witness/mod.rs"]
pub mod witness;

/// A stream header with the usual namespaces and a prefix.
pub const HEADER: &[u8] =
    b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:p='urn:p'>";

/// A header whose content namespace is a prefix (RFC 6120 section 4.8.5).
pub const PREFIXED_HEADER: &[u8] =
    b"<stream xmlns='http://etherx.jabber.org/streams' xmlns:c='jabber:client' xmlns:p='urn:p'>";

/// A whole stream: the first byte says whether a header, and which, stands around the rest.
pub fn stream(data: &[u8]) -> Vec<u8> {
    let Some((choice, rest)) = data.split_first() else { return Vec::new() };
    match choice % 4 {
        0 => rest.to_vec(),
        1 => [PREFIXED_HEADER, rest, b"</stream>"].concat(),
        _ => [HEADER, rest, b"</stream:stream>"].concat(),
    }
}
