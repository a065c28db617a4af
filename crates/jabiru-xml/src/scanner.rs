//! The scanner: from the bytes of one element to its index, in one pass that can stop at every byte.
//!
//! Covers the well-formedness that RFC 6120 §11.3 asks for, of XML 1.0 and of Namespaces in XML, less what §11.1 forbids.
//! Hold it like this: give [`Scanner::scan`] the bytes from the element's `<` on, again and again with more of them at the
//! end, until it says where the element ends; then take [`words`](Scanner::words) and [`extra`](Scanner::extra).
//! The tokens are in `tokens.rs`, prefixes are resolved in `namespaces.rs`; what stands between elements is the business of `reader.rs`.

use std::sync::Arc;

use crate::chars::{NAME, NAME_START, SPACE, in_class, skip};
use crate::error::Fault;
use crate::index::{self, DECLARES, ENCODED, Inherited, NO_DECLARATION, ODD, PREFIXED};
use crate::limits::Bounds;
use crate::{Limit, ReadErrorKind};

/// What is being scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// The start tag of the stream root.
    Header,
    /// A first-level element, or the end tag of the stream root.
    Element,
}

/// What has been scanned to its end, and of how many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scanned {
    /// A stream header; an empty-element tag opens the stream and closes it.
    Header {
        end: usize,
        closed: bool,
    },
    Element {
        end: usize,
    },
    /// The end tag of the stream root.
    Close {
        end: usize,
    },
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The `<`, at the very beginning.
    Start,
    /// What follows a `<`.
    Open,
    ElementName,
    /// After a name or value within a start tag: whitespace, or the end of the tag.
    AfterToken,
    /// Whitespace within a start tag; an attribute may begin.
    Space,
    AttributeName,
    BeforeEquals,
    BeforeQuote,
    Value,
    ValueReference,
    /// After the `/` of an empty-element tag.
    Slash,
    Content,
    TextReference,
    /// What follows `<!`.
    Bang,
    CdataOpen,
    Cdata,
    EndName,
    EndSpace,
}

/// An element that has begun and not ended, and the scope outside it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub(super) record: u32,
    scope: u32,
    default: u32,
    prefixes: u32,
}

#[derive(Debug)]
pub(crate) struct Scanner {
    pub(crate) bounds: Bounds,
    goal: Goal,
    pub(super) state: State,
    /// The next byte to look at.
    pub(super) at: usize,
    /// Where the token under way began: name, value, or `<![`.
    pub(super) token: usize,
    /// Where the part of a name began: the name, or what follows its colon.
    pub(super) part: usize,
    /// The `&` of the reference under way.
    pub(super) reference: usize,
    pub(super) quote: u8,
    pub(super) words: Vec<u32>,
    pub(super) extra: Vec<u8>,
    pub(super) flags: u32,
    pub(super) open: Vec<Open>,
    /// The element whose start tag is under way.
    pub(super) record: usize,
    pub(super) attribute: AttributeUnderWay,
    pub(super) tag: TagUnderWay,
    /// The newest declaration in scope.
    pub(super) scope: u32,
    /// The default namespace in scope.
    pub(super) default: u32,
    /// How many prefixes are declared in scope.
    pub(super) prefixes: u32,
    pub(super) inherited: Arc<Inherited>,
    pub(super) root_name: Box<[u8]>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AttributeUnderWay {
    pub(super) start: u32,
    pub(super) head: u32,
}

/// What is known of the attributes of the start tag under way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TagUnderWay {
    pub(super) count: u32,
    /// A bit for each kind of name seen, to know cheaply that a name is new.
    pub(super) seen: u64,
    pub(super) maybe_twice: bool,
    pub(super) prefixed: bool,
    pub(super) declares: bool,
}

impl Scanner {
    pub(crate) fn new(bounds: Bounds) -> Scanner {
        Scanner {
            bounds,
            goal: Goal::Header,
            state: State::Start,
            at: 0,
            token: 0,
            part: 0,
            reference: 0,
            quote: 0,
            words: Vec::new(),
            extra: Vec::new(),
            flags: 0,
            open: Vec::new(),
            record: 0,
            attribute: AttributeUnderWay::default(),
            tag: TagUnderWay::default(),
            scope: NO_DECLARATION,
            default: index::NO_NAMESPACE,
            prefixes: 0,
            inherited: Inherited::new(std::iter::empty()),
            root_name: Box::default(),
        }
    }

    /// From now on elements stand below a root of this name that declares this much.
    pub(crate) fn enter(&mut self, root_name: &[u8], inherited: Arc<Inherited>) {
        self.root_name = root_name.into();
        self.inherited = inherited;
        self.goal = Goal::Element;
        self.reset();
    }

    /// Forgets the element; the next scan begins another.
    pub(crate) fn reset(&mut self) {
        self.state = State::Start;
        self.at = 0;
        self.words.clear();
        self.extra.clear();
        self.flags = 0;
        self.open.clear();
        self.scope = NO_DECLARATION;
        self.default = self.inherited.default_namespace();
        self.prefixes = self.inherited.prefixes();
    }

    /// Gives back memory beyond a few hundred bytes.
    pub(crate) fn shrink(&mut self) {
        if self.words.capacity() > IDLE_WORDS {
            self.words = Vec::new();
        }
        if self.open.capacity() > IDLE_OPEN {
            self.open = Vec::new();
        }
        self.extra = Vec::new();
    }

    pub(crate) fn words(&self) -> &[u32] {
        &self.words
    }

    pub(crate) fn extra(&self) -> &[u8] {
        &self.extra
    }

    pub(crate) fn flags(&self) -> u32 {
        self.flags
    }

    pub(crate) fn inherited(&self) -> &Arc<Inherited> {
        &self.inherited
    }

    /// Goes on scanning. `bytes` begin with the element's `<` and with all that was given since; `None` wants more.
    pub(crate) fn scan(&mut self, bytes: &[u8]) -> Result<Option<Scanned>, Fault> {
        let limit = match self.goal {
            Goal::Header => self.bounds.header_bytes,
            Goal::Element => self.bounds.element_bytes,
        };
        // The limit may have been lowered since.
        let within = &bytes[..bytes.len().min(limit.max(self.at))];
        let scanned = self.run(within)?;
        if scanned.is_none() && bytes.len() > limit {
            return Fault::limit(Limit::ElementBytes(limit), limit);
        }
        Ok(scanned)
    }

    fn run(&mut self, d: &[u8]) -> Result<Option<Scanned>, Fault> {
        loop {
            match self.state {
                State::Content => {
                    if !self.content(d)? {
                        return Ok(None);
                    }
                }
                State::Start => {
                    self.at = 1;
                    self.state = State::Open;
                }
                State::Open => {
                    let Some(&byte) = d.get(self.at) else { return Ok(None) };
                    self.after_less_than(byte)?;
                }
                State::ElementName => {
                    if !self.name(d)? {
                        return Ok(None);
                    }
                    let length = (self.at - self.token) as u32;
                    let prefixed = if self.part != self.token { PREFIXED } else { 0 };
                    self.words.extend_from_slice(&[self.token as u32 - 1, length | prefixed, 0, 0, 0]);
                    self.state = State::AfterToken;
                }
                State::AfterToken => {
                    let Some(&byte) = d.get(self.at) else { return Ok(None) };
                    if in_class(byte, SPACE) {
                        self.at += 1;
                        self.state = State::Space;
                    } else if let Some(scanned) = self.tag_end(d, byte, "no whitespace before an attribute")? {
                        return Ok(Some(scanned));
                    }
                }
                State::Space => {
                    self.at = skip(d, self.at, SPACE);
                    let Some(&byte) = d.get(self.at) else { return Ok(None) };
                    if in_class(byte, NAME_START) || byte >= 0x80 {
                        self.begin_attribute()?;
                    } else if let Some(scanned) = self.tag_end(d, byte, "no attribute where one must begin")? {
                        return Ok(Some(scanned));
                    }
                }
                State::AttributeName => {
                    if !self.name(d)? {
                        return Ok(None);
                    }
                    self.name_attribute(d);
                    self.state = State::BeforeEquals;
                }
                State::BeforeEquals => {
                    self.at = skip(d, self.at, SPACE);
                    let Some(&byte) = d.get(self.at) else { return Ok(None) };
                    if byte != b'=' {
                        return Fault::malformed("no = after an attribute's name", self.at);
                    }
                    self.at += 1;
                    self.state = State::BeforeQuote;
                }
                State::BeforeQuote => {
                    self.at = skip(d, self.at, SPACE);
                    let Some(&byte) = d.get(self.at) else { return Ok(None) };
                    if byte != b'"' && byte != b'\'' {
                        return Fault::malformed("an attribute's value without quotes", self.at);
                    }
                    self.at += 1;
                    self.quote = byte;
                    self.token = self.at;
                    self.state = State::Value;
                }
                State::Value => {
                    if !self.value(d)? {
                        return Ok(None);
                    }
                }
                State::ValueReference => {
                    if !self.reference(d)? {
                        return Ok(None);
                    }
                    self.attribute.head |= ENCODED;
                    self.state = State::Value;
                }
                State::Slash => {
                    let Some(&byte) = d.get(self.at) else { return Ok(None) };
                    if byte != b'>' {
                        return Fault::malformed("/ within a start tag", self.at);
                    }
                    self.at += 1;
                    self.finish_tag(d)?;
                    if self.goal == Goal::Header {
                        return Ok(Some(Scanned::Header { end: self.at, closed: true }));
                    }
                    if self.close_element() {
                        return Ok(Some(Scanned::Element { end: self.at }));
                    }
                }
                State::TextReference => {
                    if !self.reference(d)? {
                        return Ok(None);
                    }
                    self.state = State::Content;
                }
                State::EndName => {
                    if !self.end_name(d)? {
                        return Ok(None);
                    }
                    self.state = State::EndSpace;
                }
                State::EndSpace => {
                    self.at = skip(d, self.at, SPACE);
                    let Some(&byte) = d.get(self.at) else { return Ok(None) };
                    if byte != b'>' {
                        let spaced = in_class(d[self.at - 1], SPACE);
                        let what = if !spaced && (in_class(byte, NAME) || byte == b':' || byte >= 0x80) {
                            "the end tag has another name than the start tag"
                        } else {
                            "an end tag with more than its name"
                        };
                        return Fault::malformed(what, self.at);
                    }
                    self.at += 1;
                    if self.open.is_empty() {
                        return Ok(Some(Scanned::Close { end: self.at }));
                    }
                    if self.close_element() {
                        return Ok(Some(Scanned::Element { end: self.at }));
                    }
                }
                State::Bang => {
                    let Some(&byte) = d.get(self.at) else { return Ok(None) };
                    match byte {
                        b'-' => return Fault::restricted("comment", self.at - 2),
                        b'D' => return Fault::restricted("document type declaration", self.at - 2),
                        b'[' if !self.open.is_empty() => {
                            self.token = self.at - 2;
                            self.at += 1;
                            self.state = State::CdataOpen;
                        }
                        // Character data, though in a section of its own.
                        b'[' if self.goal == Goal::Element => {
                            return Err(Fault { kind: ReadErrorKind::TextBetweenElements, at: self.at - 2 });
                        }
                        _ => return Fault::malformed("<! that begins nothing known", self.at - 2),
                    }
                }
                State::CdataOpen => {
                    while self.at < self.token + CDATA_OPEN.len() {
                        let Some(&byte) = d.get(self.at) else { return Ok(None) };
                        if byte != CDATA_OPEN[self.at - self.token] {
                            return Fault::malformed("<![ that begins no CDATA section", self.token);
                        }
                        self.at += 1;
                    }
                    self.flags |= ODD;
                    self.state = State::Cdata;
                }
                State::Cdata => {
                    if !self.cdata(d)? {
                        return Ok(None);
                    }
                    self.state = State::Content;
                }
            }
        }
    }

    /// After `<`: which kind of markup begins.
    fn after_less_than(&mut self, byte: u8) -> Result<(), Fault> {
        if in_class(byte, NAME_START) || byte >= 0x80 {
            // The root's own tag is not an element below the root.
            if self.goal == Goal::Element && self.open.len() >= self.bounds.depth {
                return Fault::limit(Limit::Depth(self.bounds.depth), self.at - 1);
            }
            self.record = self.words.len();
            self.open.push(Open {
                record: self.record as u32,
                scope: self.scope,
                default: self.default,
                prefixes: self.prefixes,
            });
            self.tag = TagUnderWay::default();
            self.begin_name();
            self.state = State::ElementName;
            return Ok(());
        }
        match byte {
            b'/' if self.goal == Goal::Element => {
                self.at += 1;
                self.token = self.at;
                self.state = State::EndName;
                Ok(())
            }
            b'!' => {
                self.at += 1;
                self.state = State::Bang;
                Ok(())
            }
            b'?' => Fault::restricted("processing instruction", self.at - 1),
            b'/' => Fault::malformed("an end tag before any start tag", self.at - 1),
            _ => Fault::malformed("< that begins no tag", self.at - 1),
        }
    }

    fn begin_name(&mut self) {
        self.token = self.at;
        self.part = self.at;
    }

    fn begin_attribute(&mut self) -> Result<(), Fault> {
        if self.tag.count as usize >= self.bounds.attributes {
            return Fault::limit(Limit::Attributes(self.bounds.attributes), self.at);
        }
        self.tag.count += 1;
        self.begin_name();
        self.state = State::AttributeName;
        Ok(())
    }

    fn name_attribute(&mut self, d: &[u8]) {
        let name = &d[self.token..self.at];
        let mut head = name.len() as u32;
        if self.part != self.token {
            self.tag.prefixed = true;
            head |= PREFIXED;
        }
        if name.starts_with(b"xmlns") && (name.len() == 5 || name[5] == b':') {
            head |= DECLARES;
        }
        let kind = 1 << ((name[0] ^ (name[name.len() - 1] << 2) ^ (name.len() as u8)) & 63);
        self.tag.maybe_twice |= self.tag.seen & kind != 0;
        self.tag.seen |= kind;
        self.attribute = AttributeUnderWay { start: self.token as u32, head };
    }

    /// `/`, `>`, or what is wrong, within a start tag.
    fn tag_end(&mut self, d: &[u8], byte: u8, wrong: &'static str) -> Result<Option<Scanned>, Fault> {
        match byte {
            b'>' => {
                self.at += 1;
                self.finish_tag(d)?;
                if self.goal == Goal::Header {
                    return Ok(Some(Scanned::Header { end: self.at, closed: false }));
                }
                self.state = State::Content;
            }
            b'/' => {
                self.at += 1;
                self.state = State::Slash;
            }
            _ => return Fault::malformed(wrong, self.at),
        }
        Ok(None)
    }

    /// Closes the innermost open element. True if it was the first-level element itself.
    fn close_element(&mut self) -> bool {
        let Some(open) = self.open.pop() else { return true };
        let record = open.record as usize;
        self.words[record + index::END] = self.at as u32;
        self.words[record + index::NEXT] = self.words.len() as u32;
        self.scope = open.scope;
        self.default = open.default;
        self.prefixes = open.prefixes;
        self.state = State::Content;
        self.open.is_empty()
    }

    /// For the stream header: its record ends with its tag.
    pub(crate) fn close_header(&mut self) {
        self.close_element();
        self.flags |= index::HEADER;
    }
}

const CDATA_OPEN: &[u8] = b"<![CDATA[";

/// Words that an idle reader may keep, to read the next usual stanza without growing: 512 bytes.
const IDLE_WORDS: usize = 128;
/// Open elements that an idle reader may keep room for: 256 bytes.
const IDLE_OPEN: usize = 16;
