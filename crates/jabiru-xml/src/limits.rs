/// How much of what a reader accepts. Every limit is counted as the bytes arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one first-level element (or of the stream header), from `<` to `>`.
    pub max_element_bytes: usize,
    /// Open elements below the stream root; a first-level element is at depth 1.
    pub max_depth: usize,
    /// Attributes of one start tag, namespace declarations included.
    pub max_attributes: usize,
    /// Bytes of one name, prefix included.
    pub max_name_bytes: usize,
}
impl Limits {
    pub const UNAUTHENTICATED: Limits = Limits { max_element_bytes: 16 * 1024, max_depth: 16, max_attributes: 24, max_name_bytes: 256 };
    pub const AUTHENTICATED: Limits = Limits { max_element_bytes: 256 * 1024, max_depth: 96, max_attributes: 64, max_name_bytes: 1024 };
}
/// Which limit was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit { ElementBytes(usize), Depth(usize), Attributes(usize), NameBytes(usize) }
