//! The tokens within an element: names, values, text, CDATA sections, references, end tags.
//!
//! Each function goes on from where the bytes ended the last time, and says whether it has reached the end of its token.

use crate::chars::{self, Decoded, NAME, NAME_START, SPACE, TEXT, VALUE, in_class, skip};
use crate::error::Fault;
use crate::index::{self, ENCODED, ODD};
use crate::scanner::{Scanner, State};
use crate::{Limit, decode};

impl Scanner {
    /// A name, with at most one colon and never at an end (Namespaces in XML §4). True at the byte after it.
    pub(super) fn name(&mut self, d: &[u8]) -> Result<bool, Fault> {
        let max = self.bounds.name_bytes;
        let within = &d[..d.len().min(self.token + max + 1)];
        let mut at = self.at;
        let ended = loop {
            if at == self.part {
                match within.get(at) {
                    None => break false,
                    Some(&byte) if in_class(byte, NAME_START) => at += 1,
                    Some(&byte) if byte >= 0x80 => match chars::decode(&within[at..]) {
                        Decoded::Char(c, length) if chars::is_name_start(c) => at += length,
                        Decoded::Char(..) => return Fault::malformed("a name begins with a wrong character", at),
                        Decoded::Incomplete => break false,
                        Decoded::Invalid => return Fault::encoding("octets that are not UTF-8", at),
                    },
                    Some(_) => return Fault::malformed("a name begins with a wrong character", at),
                }
            }
            at = skip(within, at, NAME);
            match within.get(at) {
                None => break false,
                Some(b':') if self.part != self.token => return Fault::malformed("a name with two colons", at),
                Some(b':') => {
                    at += 1;
                    self.part = at;
                }
                Some(&byte) if byte >= 0x80 => match chars::decode(&within[at..]) {
                    Decoded::Char(c, length) if chars::is_name_char(c) => at += length,
                    Decoded::Char(..) => return Fault::malformed("a wrong character in a name", at),
                    Decoded::Incomplete => break false,
                    Decoded::Invalid => return Fault::encoding("octets that are not UTF-8", at),
                },
                Some(_) => break true,
            }
        };
        self.at = at;
        if at - self.token > max || (!ended && within.len() < d.len()) {
            return Fault::limit(Limit::NameBytes(max), self.token + max);
        }
        Ok(ended)
    }

    /// An attribute's value up to a reference or to its end. False if the bytes end first.
    pub(super) fn value(&mut self, d: &[u8]) -> Result<bool, Fault> {
        let mut at = self.at;
        loop {
            at = skip(d, at, VALUE);
            let Some(&byte) = d.get(at) else { break };
            match byte {
                b'"' | b'\'' if byte == self.quote => {
                    self.at = at + 1;
                    self.finish_attribute(d, self.token, at)?;
                    self.state = State::AfterToken;
                    return Ok(true);
                }
                b'"' | b'\'' => at += 1,
                b'\t' | b'\n' | b'\r' => {
                    self.attribute.head |= ENCODED;
                    self.flags |= ODD;
                    at += 1;
                }
                b'&' => {
                    self.begin_reference(at);
                    self.state = State::ValueReference;
                    return Ok(true);
                }
                b'<' => return Fault::malformed("< in an attribute's value", at),
                _ => match beyond_ascii(d, at)? {
                    Some(next) => at = next,
                    None => break,
                },
            }
        }
        self.at = at;
        Ok(false)
    }

    /// Character data up to the next markup or reference. False if the bytes end first.
    pub(super) fn content(&mut self, d: &[u8]) -> Result<bool, Fault> {
        let mut at = self.at;
        loop {
            at = skip(d, at, TEXT);
            let Some(&byte) = d.get(at) else { break };
            match byte {
                b'<' => {
                    self.at = at + 1;
                    self.state = State::Open;
                    return Ok(true);
                }
                b'&' => {
                    self.begin_reference(at);
                    self.state = State::TextReference;
                    return Ok(true);
                }
                b']' => match &d[at + 1..] {
                    [b']', b'>', ..] => return Fault::malformed("]]> in text", at),
                    [] | [b']'] => break,
                    _ => at += 1,
                },
                b'\r' => {
                    self.flags |= ODD;
                    at += 1;
                }
                _ => match beyond_ascii(d, at)? {
                    Some(next) => at = next,
                    None => break,
                },
            }
        }
        self.at = at;
        Ok(false)
    }

    /// The rest of a CDATA section (XML 1.0 §2.7). True after its `]]>`.
    pub(super) fn cdata(&mut self, d: &[u8]) -> Result<bool, Fault> {
        let mut at = self.at;
        loop {
            at = skip(d, at, TEXT);
            let Some(&byte) = d.get(at) else { break };
            match byte {
                b']' => match &d[at + 1..] {
                    [b']', b'>', ..] => {
                        self.at = at + 3;
                        return Ok(true);
                    }
                    [] | [b']'] => break,
                    _ => at += 1,
                },
                b'<' | b'&' | b'\r' => at += 1,
                _ => match beyond_ascii(d, at)? {
                    Some(next) => at = next,
                    None => break,
                },
            }
        }
        self.at = at;
        Ok(false)
    }

    pub(super) fn begin_reference(&mut self, at: usize) {
        self.reference = at;
        self.at = at + 1;
    }

    /// A reference (XML 1.0 §4.1), from the byte after its `&`. True after its `;`.
    pub(super) fn reference(&mut self, d: &[u8]) -> Result<bool, Fault> {
        let start = self.reference;
        loop {
            let Some(&byte) = d.get(self.at) else { return Ok(false) };
            let place = self.at - start;
            let fits = match (place, d[start + 1], byte) {
                (1, _, b'#') => true,
                (1, _, _) => in_class(byte, NAME_START),
                (2, b'#', b'x') => true,
                (_, b'#', _) if d[start + 2] == b'x' => byte.is_ascii_hexdigit(),
                (_, b'#', _) => byte.is_ascii_digit(),
                _ => in_class(byte, NAME) || byte == b':',
            };
            if fits {
                if d[start + 1] != b'#' && place > self.bounds.name_bytes {
                    return Fault::limit(Limit::NameBytes(self.bounds.name_bytes), self.at);
                }
                self.at += 1;
                continue;
            }
            if byte >= 0x80 && (place == 1 || d[start + 1] != b'#') {
                match chars::decode(&d[self.at..]) {
                    Decoded::Incomplete => return Ok(false),
                    Decoded::Invalid => return Fault::encoding("octets that are not UTF-8", self.at),
                    Decoded::Char(c, _)
                        if if place == 1 { chars::is_name_start(c) } else { chars::is_name_char(c) } =>
                    {
                        return Fault::restricted("reference to an entity", start);
                    }
                    Decoded::Char(..) => return Fault::malformed("& that begins no reference", start),
                }
            }
            if byte != b';' || place == 1 {
                return Fault::malformed("& that begins no reference", start);
            }
            self.at += 1;
            return match decode::reference(&d[start + 1..self.at - 1]) {
                Some(_) => Ok(true),
                None if d[start + 1] == b'#' => {
                    Fault::malformed("reference to a character that XML does not have", start)
                }
                None => Fault::restricted("reference to an entity", start),
            };
        }
    }

    /// The name of an end tag, which must be the start tag's to the byte. True after it.
    pub(super) fn end_name(&mut self, d: &[u8]) -> Result<bool, Fault> {
        let expected = match self.open.last() {
            Some(open) => {
                let record = open.record as usize;
                let start = self.words[record + index::START] as usize + 1;
                &d[start..start + (self.words[record + index::HEAD] & index::NAME_LENGTH) as usize]
            }
            None => &self.root_name,
        };
        let there = &d[self.token..d.len().min(self.token + expected.len())];
        if there == expected {
            self.at = self.token + expected.len();
            return Ok(true);
        }
        let done = self.at - self.token;
        let same = there[done..].iter().zip(&expected[done..]).take_while(|(a, b)| a == b).count();
        self.at += same;
        if done + same < there.len() {
            return Fault::malformed("the end tag has another name than the start tag", self.at);
        }
        Ok(false)
    }
}

/// Goes past a run of characters beyond ASCII, in text or a value. `None` if the bytes end within one.
fn beyond_ascii(d: &[u8], mut at: usize) -> Result<Option<usize>, Fault> {
    loop {
        match d.get(at) {
            Some(&byte) if byte >= 0x80 => {}
            Some(&byte) if byte < b' ' && !in_class(byte, SPACE) => {
                return Fault::malformed("a character that XML does not have", at);
            }
            _ => return Ok(Some(at)),
        }
        match chars::decode(&d[at..]) {
            Decoded::Char(c, length) if chars::is_char(c) => at += length,
            Decoded::Char(..) => return Fault::malformed("a character that XML does not have", at),
            Decoded::Incomplete => return Ok(None),
            Decoded::Invalid => return Fault::encoding("octets that are not UTF-8", at),
        }
    }
}
