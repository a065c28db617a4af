//! Cuts what a server sends into units, without a parser: a fault has to see the text as it is.

use std::collections::VecDeque;

use super::Unit;

/// What has arrived and is no unit yet.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    bytes: Vec<u8>,
    units: VecDeque<Unit>,
    /// Where the next byte to look at is, within `bytes`.
    at: usize,
    /// How many elements are open within the current unit.
    depth: usize,
}

impl Splitter {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        while let Some(unit) = self.cut() {
            self.units.push_back(unit);
        }
    }

    pub(super) fn next(&mut self) -> Option<Unit> {
        self.units.pop_front()
    }

    /// The first unit that is whole.
    fn cut(&mut self) -> Option<Unit> {
        if self.depth == 0 && self.at == 0 {
            let spaces = self.bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            if spaces > 0 {
                return Some(Unit::Space(self.take(spaces)));
            }
        }
        loop {
            let start = self.at + self.bytes[self.at..].iter().position(|byte| *byte == b'<')?;
            let end = tag_end(&self.bytes[start..])? + start;
            let tag = self.bytes[start..end].to_vec();
            self.at = end;
            if tag.starts_with(b"<?") || tag.starts_with(b"<!") {
                continue;
            }
            let is_end = tag.starts_with(b"</");
            if self.depth == 0 && is_root(&tag) {
                let text = self.take(end);
                return Some(if is_end { Unit::Close(text) } else { Unit::Header(text) });
            }
            if is_end {
                self.depth = self.depth.saturating_sub(1);
            } else if !tag.ends_with(b"/>") {
                self.depth += 1;
            }
            if self.depth == 0 {
                return Some(Unit::Element(self.take(end)));
            }
        }
    }

    fn take(&mut self, count: usize) -> String {
        self.at = 0;
        String::from_utf8_lossy(&self.bytes.drain(..count).collect::<Vec<u8>>()).into_owned()
    }
}

/// Where a tag ends that begins at the first byte: behind the `>` that is not within quotes.
fn tag_end(bytes: &[u8]) -> Option<usize> {
    let mut quote = None;
    for (index, byte) in bytes.iter().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(index + 1),
            (None, b'\'' | b'"') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            _ => {}
        }
    }
    None
}

/// Is it the start or end tag of an element `stream`, with any prefix?
fn is_root(tag: &[u8]) -> bool {
    let name: Vec<u8> = tag
        .iter()
        .skip(1)
        .skip_while(|byte| **byte == b'/')
        .take_while(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'>' | b'/'))
        .copied()
        .collect();
    name == b"stream" || name.ends_with(b":stream")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_the_same_wherever_the_text_is_cut() {
        let text = "<?xml version='1.0'?><stream:stream a='>'><stream:features><a/></stream:features> \
                    <iq b=\"/>\"/><message><body>x</body></message></stream:stream>";
        for size in 1..text.len() {
            let mut splitter = Splitter::default();
            let mut units = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                splitter.push(piece);
                while let Some(unit) = splitter.next() {
                    units.push(unit);
                }
            }
            assert_eq!(
                units,
                [
                    Unit::Header("<?xml version='1.0'?><stream:stream a='>'>".to_owned()),
                    Unit::Element("<stream:features><a/></stream:features>".to_owned()),
                    Unit::Space(" ".to_owned()),
                    Unit::Element("<iq b=\"/>\"/>".to_owned()),
                    Unit::Element("<message><body>x</body></message>".to_owned()),
                    Unit::Close("</stream:stream>".to_owned()),
                ],
                "{size}"
            );
        }
    }
}
