//! From the bytes of a stream to its first-level elements.
//!
//! [`Reader`] knows what may stand where in a stream (RFC 6120 §4.2, §11): one XML declaration, one stream header,
//! first-level elements with whitespace between them, the end tag. The inside of an element is `scanner.rs`.

use std::fmt;

use crate::chars::{SPACE, skip};
use crate::error::Fault;
use crate::index::Inherited;
use crate::scanner::{Scanned, Scanner};
use crate::{Limits, RawElement, ReadError, ReadErrorKind, declaration};

/// What a stream consists of.
#[derive(Clone, Debug)]
pub enum Event {
    /// The stream root's start tag, as an element without content.
    StreamOpen(RawElement),
    /// One whole first-level element.
    Element(RawElement),
    /// The stream root's end tag. Only whitespace may follow.
    StreamClose,
}

/// Reads one stream, fed with bytes as they come.
///
/// A stream restart (RFC 6120 §4.3.3) is a new stream and needs a new reader. Events and errors depend on the bytes alone,
/// not on how they were cut. An element that lies whole in the input is scanned where it lies; what is incomplete is kept.
/// Between elements nothing is kept but a few hundred bytes.
///
/// ```
/// use jabiru_xml::{Event, Limits, Reader};
///
/// let mut reader = Reader::new(Limits::UNAUTHENTICATED);
/// let mut input: &[u8] = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'><presence/><mess";
/// assert!(matches!(reader.read(&mut input)?, Some(Event::StreamOpen(_))));
/// assert!(matches!(reader.read(&mut input)?, Some(Event::Element(e)) if e.is("presence", "jabber:client")));
/// assert!(reader.read(&mut input)?.is_none() && input.is_empty() && !reader.is_idle());
/// let mut input: &[u8] = b"age/></stream:stream>";
/// assert!(matches!(reader.read(&mut input)?, Some(Event::Element(e)) if e.is("message", "jabber:client")));
/// assert!(matches!(reader.read(&mut input)?, Some(Event::StreamClose)));
/// # Ok::<(), jabiru_xml::ReadError>(())
/// ```
pub struct Reader {
    scanner: Scanner,
    phase: Phase,
    /// What has come of the markup under way; empty while the input holds all of it.
    pending: Vec<u8>,
    /// Bytes of the stream before `pending`.
    taken: u64,
    failed: Option<ReadError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing has come: an XML declaration may.
    Start,
    /// Awaiting the stream header.
    Prolog,
    /// Between and within first-level elements.
    Stream,
    /// The header was an empty-element tag: the close is still to be told.
    ClosedByHeader,
    Closed,
}

impl Reader {
    /// A reader that awaits a stream header, optionally preceded by an XML declaration.
    pub fn new(limits: Limits) -> Reader {
        Reader {
            scanner: Scanner::new(limits.into()),
            phase: Phase::Start,
            pending: Vec::new(),
            taken: 0,
            failed: None,
        }
    }

    /// Changes the limits, from the next byte on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.scanner.bounds = limits.into();
    }

    /// Takes bytes from the front of `input`, up to the end of the next event.
    ///
    /// `Ok(None)`: all of `input` was taken and more is needed.
    ///
    /// # Errors
    /// What was wrong and where; how much of `input` was taken is then left open. There is no way on: every further call
    /// gives the same error.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Option<Event>, ReadError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let event = if self.pending.is_empty() { self.read_fresh(input) } else { self.read_on(input) };
        match event {
            Ok(Some(event)) => Ok(Some(event)),
            Ok(None) => {
                if self.pending.is_empty() {
                    self.rest();
                }
                Ok(None)
            }
            Err(fault) => {
                let error = fault.from(self.taken);
                self.rest();
                self.failed = Some(error.clone());
                Err(error)
            }
        }
    }

    /// True while no part of a first-level element is held; whitespace between them counts as nothing.
    pub fn is_idle(&self) -> bool {
        self.pending.is_empty()
    }

    /// Nothing is under way: gives memory back.
    fn rest(&mut self) {
        self.pending = Vec::new();
        self.scanner.reset();
        self.scanner.shrink();
    }

    /// Reads from markup that begins in the input.
    fn read_fresh(&mut self, input: &mut &[u8]) -> Result<Option<Event>, Fault> {
        if self.phase == Phase::ClosedByHeader {
            self.phase = Phase::Closed;
            return Ok(Some(Event::StreamClose));
        }
        loop {
            self.skip_space(input);
            let bytes = *input;
            let Some(&first) = bytes.first() else { return Ok(None) };
            if first != b'<' || self.phase == Phase::Closed {
                return Err(Fault { kind: self.outside(first), at: 0 });
            }
            let Some((length, event)) = self.markup(bytes)? else {
                self.pending.extend_from_slice(bytes);
                *input = &[];
                return Ok(None);
            };
            self.taken += length as u64;
            *input = &bytes[length..];
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    /// Reads on in markup that began in earlier input.
    fn read_on(&mut self, input: &mut &[u8]) -> Result<Option<Event>, Fault> {
        // Copy little at first: what is missing may be short, and the rest of the input long.
        let mut step = FIRST_STEP;
        let mut pending = std::mem::take(&mut self.pending);
        while !input.is_empty() {
            let before = pending.len();
            let (piece, _) = input.split_at(step.min(input.len()));
            pending.extend_from_slice(piece);
            match self.markup(&pending)? {
                None => {
                    *input = &input[piece.len()..];
                    step *= 2;
                }
                Some((length, event)) => {
                    self.taken += length as u64;
                    *input = &input[length - before..];
                    pending.clear();
                    self.pending = pending;
                    return if event.is_some() { Ok(event) } else { self.read_fresh(input) };
                }
            }
        }
        self.pending = pending;
        Ok(None)
    }

    /// The markup at the front of `bytes`, which begin with `<`: its length, and what it means.
    fn markup(&mut self, bytes: &[u8]) -> Result<Option<(usize, Option<Event>)>, Fault> {
        if self.phase == Phase::Start {
            match bytes.get(1) {
                None => return Ok(None),
                Some(b'?') => {
                    let Some(length) = declaration::read(bytes)? else { return Ok(None) };
                    self.phase = Phase::Prolog;
                    return Ok(Some((length, None)));
                }
                // XML 1.0 appendix F: `<` in UTF-16 or UTF-32, little-endian and without a byte order mark.
                Some(0) => return Fault::encoding("UTF-16 or UTF-32", 0),
                Some(_) => self.phase = Phase::Prolog,
            }
        }
        let Some(scanned) = self.scanner.scan(bytes)? else { return Ok(None) };
        Ok(Some(match scanned {
            Scanned::Element { end } => {
                let element = RawElement::new(&bytes[..end], &self.scanner);
                self.scanner.reset();
                (end, Some(Event::Element(element)))
            }
            Scanned::Header { end, closed } => {
                self.scanner.close_header();
                let header = RawElement::new(&bytes[..end], &self.scanner);
                let root = header.root();
                self.scanner.enter(root.qualified_name(), Inherited::new(root.declarations()));
                self.phase = if closed { Phase::ClosedByHeader } else { Phase::Stream };
                (end, Some(Event::StreamOpen(header)))
            }
            Scanned::Close { end } => {
                self.scanner.reset();
                self.phase = Phase::Closed;
                (end, Some(Event::StreamClose))
            }
        }))
    }

    /// Whitespace outside elements costs nothing (RFC 6120 §4.6.1, §11.7).
    fn skip_space(&mut self, input: &mut &[u8]) {
        let length = skip(input, 0, SPACE);
        if length > 0 {
            *input = &input[length..];
            self.taken += length as u64;
            if self.phase == Phase::Start {
                self.phase = Phase::Prolog;
            }
        }
    }

    /// What is wrong with this byte outside of any markup. The first byte of a character tells enough.
    fn outside(&self, byte: u8) -> ReadErrorKind {
        match (self.phase, byte) {
            (Phase::Start, 0xfe | 0xff) => ReadErrorKind::UnsupportedEncoding("a byte order mark of UTF-16"),
            (Phase::Start, 0) => ReadErrorKind::UnsupportedEncoding("UTF-16 or UTF-32"),
            (_, 0x80..=0xc1 | 0xf5..) => ReadErrorKind::UnsupportedEncoding("octets that are not UTF-8"),
            (_, 0..=0x1f) => ReadErrorKind::NotWellFormed("a character that XML does not have"),
            (Phase::Stream, _) => ReadErrorKind::TextBetweenElements,
            // U+FEFF too is a character here, not a byte order mark (RFC 6120 §11.6).
            (Phase::Start | Phase::Prolog, _) => ReadErrorKind::NotWellFormed("text before the stream header"),
            (Phase::Closed | Phase::ClosedByHeader, _) => {
                ReadErrorKind::NotWellFormed("something after the end of the stream")
            }
        }
    }
}

impl fmt::Debug for Reader {
    /// Without what was read, which may be private.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("phase", &self.phase)
            .field("pending_bytes", &self.pending.len())
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

/// How many bytes are first added to incomplete markup.
const FIRST_STEP: usize = 512;
