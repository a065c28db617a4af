//! Strict, push-fed reading and writing of XMPP's XML streams (RFC 6120 §11).
#![allow(clippy::todo, missing_docs)]

mod element;
mod error;
pub mod escape;
mod limits;
mod raw;
mod reader;

pub use element::{Attribute, Content, Element};
pub use error::{ReadError, ReadErrorKind};
pub use limits::{Limit, Limits};
pub use raw::{Attributes, Children, Node, RawAttribute, RawElement, Rewrite};
pub use reader::{Event, Reader};
