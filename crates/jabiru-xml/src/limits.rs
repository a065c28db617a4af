//! How much of what a reader accepts (RFC 6120 §13.12).

/// How much of what a reader accepts. Every limit is counted as the bytes arrive.
///
/// What a hostile peer can make a reader hold is some fifteen bytes for each byte of the element under way at the very
/// most (tiny elements, whose index is longer than they are); a usual stanza needs two. An element given out takes at most
/// six bytes for each of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one first-level element, from `<` to `>`. More than 256 MiB act as 256 MiB.
    ///
    /// The stream header may have this many bytes too, but never more than 8 KiB: its namespace declarations are
    /// remembered for the life of the stream.
    pub max_element_bytes: usize,
    /// Open elements below the stream root; a first-level element is at depth 1. More than 1,000 act as 1,000.
    pub max_depth: usize,
    /// Attributes of one start tag, namespace declarations included. Also prefixes declared at any one place, by the
    /// element there and all that contain it, which bounds the work of looking one up. More than 250,000 act as 250,000.
    pub max_attributes: usize,
    /// Bytes of one name, prefix included; also of one namespace name (as it stands in its declaration). For names, more
    /// than 4,095 act as 4,095.
    pub max_name_bytes: usize,
}

impl Limits {
    /// For a peer that has not proved who it is.
    pub const UNAUTHENTICATED: Limits =
        Limits { max_element_bytes: 16 * 1024, max_depth: 16, max_attributes: 24, max_name_bytes: 256 };
    /// For a peer that has.
    pub const AUTHENTICATED: Limits =
        Limits { max_element_bytes: 256 * 1024, max_depth: 96, max_attributes: 64, max_name_bytes: 1024 };

    /// For what was made here: only the bounds that the index imposes.
    pub(crate) const OURS: Limits = Limits {
        max_element_bytes: usize::MAX,
        max_depth: usize::MAX,
        max_attributes: usize::MAX,
        max_name_bytes: usize::MAX,
    };

    pub(crate) fn element_bytes(&self) -> usize {
        self.max_element_bytes.min(256 * 1024 * 1024)
    }

    pub(crate) fn header_bytes(&self) -> usize {
        self.max_element_bytes.min(8 * 1024)
    }

    pub(crate) fn depth(&self) -> usize {
        self.max_depth.min(1000)
    }

    pub(crate) fn attributes(&self) -> usize {
        self.max_attributes.min(250_000)
    }

    pub(crate) fn name_bytes(&self) -> usize {
        self.max_name_bytes.min(MAX_NAME_BYTES)
    }
}

/// What the index can express.
pub(crate) const MAX_NAME_BYTES: usize = 4095;

/// Which limit was passed, and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Limit {
    /// [`Limits::max_element_bytes`]
    #[error("an element of more than {0} bytes")]
    ElementBytes(usize),
    /// [`Limits::max_depth`]
    #[error("more than {0} elements within each other")]
    Depth(usize),
    /// [`Limits::max_attributes`]
    #[error("more than {0} attributes, or prefixes in scope")]
    Attributes(usize),
    /// [`Limits::max_name_bytes`]
    #[error("a name of more than {0} bytes")]
    NameBytes(usize),
}
