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
    /// Bytes of one name, prefix included; also of one namespace name, as it stands in its declaration. More than 4,000 act
    /// as 4,000.
    pub max_name_bytes: usize,
}

impl Limits {
    /// For a peer that has not proved who it is.
    pub const UNAUTHENTICATED: Limits =
        Limits { max_element_bytes: 16 * 1024, max_depth: 16, max_attributes: 24, max_name_bytes: 256 };
    /// For a peer that has.
    pub const AUTHENTICATED: Limits =
        Limits { max_element_bytes: 256 * 1024, max_depth: 96, max_attributes: 64, max_name_bytes: 1024 };
}

/// What the scanner counts against: limits brought down to what the index can express.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) element_bytes: usize,
    pub(crate) header_bytes: usize,
    pub(crate) depth: usize,
    pub(crate) attributes: usize,
    pub(crate) name_bytes: usize,
    pub(crate) namespace_bytes: usize,
}

impl Bounds {
    /// For what was made here. Names have room for a prefix that writing may have put before them.
    pub(crate) const OURS: Bounds = Bounds {
        element_bytes: 256 * 1024 * 1024,
        header_bytes: 8 * 1024,
        depth: 1000,
        attributes: 250_000,
        name_bytes: 4095,
        namespace_bytes: usize::MAX,
    };
}

impl From<Limits> for Bounds {
    fn from(limits: Limits) -> Bounds {
        let name_bytes = limits.max_name_bytes.min(MAX_NAME_BYTES);
        Bounds {
            element_bytes: limits.max_element_bytes.min(Bounds::OURS.element_bytes),
            header_bytes: limits.max_element_bytes.min(Bounds::OURS.header_bytes),
            depth: limits.max_depth.min(Bounds::OURS.depth),
            attributes: limits.max_attributes.min(Bounds::OURS.attributes),
            name_bytes,
            namespace_bytes: name_bytes,
        }
    }
}

/// The longest local name that an element made here may have, and the longest name that is read.
pub(crate) const MAX_NAME_BYTES: usize = 4000;

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
