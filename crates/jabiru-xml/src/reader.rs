use crate::{Limits, RawElement, ReadError};
/// What a stream consists of.
#[derive(Clone, Debug)]
pub enum Event {
    /// The stream root's start tag, as an element without content.
    StreamOpen(RawElement),
    /// One whole first-level element.
    Element(RawElement),
    /// The stream root's end tag.
    StreamClose,
}
#[derive(Debug)]
pub struct Reader {}
impl Reader {
    /// A reader that awaits a stream header (optionally preceded by an XML declaration).
    pub fn new(_limits: Limits) -> Reader { todo!() }
    pub fn set_limits(&mut self, _limits: Limits) { todo!() }
    /// Takes bytes from the front of `input`, up to the end of the next event. `Ok(None)`: all of
    /// `input` was taken and more is needed. After an error the reader stays failed.
    pub fn read(&mut self, _input: &mut &[u8]) -> Result<Option<Event>, ReadError> { todo!() }
    /// True while no part of a first-level element is held (whitespace between them counts as nothing).
    pub fn is_idle(&self) -> bool { todo!() }
}
