//! The XML declaration that may precede a stream header (XML 1.0 §2.8; RFC 6120 §11.5).

use crate::Limit;
use crate::chars::{SPACE, in_class, skip};
use crate::error::Fault;

/// Reads the declaration at the very beginning of a stream; `d` begins with `<?`.
///
/// Gives its length, or `None` if more bytes are needed. It is read from its beginning each time, which
/// [`MAX_DECLARATION_BYTES`] keeps cheap. A standalone declaration is ignored, as §11.5 allows.
pub(crate) fn read(d: &[u8]) -> Result<Option<usize>, Fault> {
    let within = &d[..d.len().min(MAX_DECLARATION_BYTES)];
    let mut cursor = Cursor { d: within, at: 0 };
    match cursor.declaration() {
        Ok(()) => Ok(Some(cursor.at)),
        Err(Stop::Fault(fault)) => Err(fault),
        Err(Stop::Incomplete) if d.len() > MAX_DECLARATION_BYTES => {
            Fault::limit(Limit::ElementBytes(MAX_DECLARATION_BYTES), MAX_DECLARATION_BYTES)
        }
        Err(Stop::Incomplete) => Ok(None),
    }
}

/// Some ten times what a declaration with everything in it needs.
const MAX_DECLARATION_BYTES: usize = 512;

enum Stop {
    Incomplete,
    Fault(Fault),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Stop {
        Stop::Fault(fault)
    }
}

struct Cursor<'a> {
    d: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn declaration(&mut self) -> Result<(), Stop> {
        for expected in *b"<?xml" {
            if self.peek()? != expected {
                return Ok(Fault::restricted("processing instruction", 0)?);
            }
            self.at += 1;
        }
        if !in_class(self.peek()?, SPACE) {
            return Ok(Fault::restricted("processing instruction", 0)?);
        }
        self.space()?;
        self.expect(b"version")?;
        let at = self.at;
        if self.value()? != b"1.0" {
            return Ok(Fault::malformed("a version of XML other than 1.0", at)?);
        }
        let mut spaced = self.space()?;
        if spaced && self.peek()? == b'e' {
            self.expect(b"encoding")?;
            let at = self.at;
            if !self.value()?.eq_ignore_ascii_case(b"utf-8") {
                return Ok(Fault::encoding("an encoding other than UTF-8 is declared", at)?);
            }
            spaced = self.space()?;
        }
        if spaced && self.peek()? == b's' {
            self.expect(b"standalone")?;
            let at = self.at;
            if !matches!(self.value()?, b"yes" | b"no") {
                return Ok(Fault::malformed("standalone is neither yes nor no", at)?);
            }
            self.space()?;
        }
        self.expect(b"?>")
    }

    fn peek(&self) -> Result<u8, Stop> {
        self.d.get(self.at).copied().ok_or(Stop::Incomplete)
    }

    /// Whitespace, of which there may be none.
    fn space(&mut self) -> Result<bool, Stop> {
        let before = self.at;
        self.at = skip(self.d, self.at, SPACE);
        self.peek()?;
        Ok(self.at > before)
    }

    fn expect(&mut self, word: &[u8]) -> Result<(), Stop> {
        for expected in word {
            if self.peek()? != *expected {
                return Ok(Fault::malformed("an XML declaration that is none", self.at)?);
            }
            self.at += 1;
        }
        Ok(())
    }

    /// `=` and a quoted value of characters that versions and names of encodings have.
    fn value(&mut self) -> Result<&'a [u8], Stop> {
        self.space()?;
        self.expect(b"=")?;
        self.space()?;
        let quote = self.peek()?;
        if quote != b'"' && quote != b'\'' {
            return Ok(Fault::malformed("a value without quotes in the XML declaration", self.at)?);
        }
        self.at += 1;
        let start = self.at;
        while self.peek()? != quote {
            if !matches!(self.peek()?, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b':') {
                return Ok(Fault::malformed("a wrong character in the XML declaration", self.at)?);
            }
            self.at += 1;
        }
        self.at += 1;
        Ok(&self.d[start..self.at - 1])
    }
}
