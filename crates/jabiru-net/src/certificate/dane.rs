//! Whether a certificate is the one that the DNS announces (RFC 6698; RFC 7671; RFC 7673).

/// One announcement: a TLSA record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TlsaRecord {
    usage: u8,
    selector: u8,
    matching: u8,
    association: Vec<u8>,
}

impl TlsaRecord {
    /// With the fields as the DNS has them (RFC 6698 §2.1).
    #[must_use]
    pub const fn new(usage: u8, selector: u8, matching: u8, association: Vec<u8>) -> TlsaRecord {
        TlsaRecord { usage, selector, matching, association }
    }
}
