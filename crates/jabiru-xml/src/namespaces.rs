//! What a start tag means: declarations, prefixes, and attributes that stand twice (Namespaces in XML 1.0).

use crate::decode;
use crate::error::Fault;
use crate::index::{
    ATTRIBUTE_HEAD, ATTRIBUTE_WORDS, COUNT_SHIFT, DECLARATION_WORDS, DECLARES, ELEMENT_WORDS, ENCODED, EXTRA,
    FOREIGN_PREFIX, HEAD, INHERITED, NAME_LENGTH, NAME_START, NAMESPACE, NO_DECLARATION, NO_NAMESPACE, ODD, PREFIXED,
    PREVIOUS, START, VALUE_END, VALUE_START, XML, XML_NS, XMLNS_NS,
};
use crate::scanner::Scanner;
use crate::{Limit, ReadErrorKind};

impl Scanner {
    /// An attribute has its value: it is indexed, and a declaration takes effect.
    pub(super) fn finish_attribute(&mut self, d: &[u8], start: usize, end: usize) -> Result<(), Fault> {
        let attribute = self.attribute;
        if attribute.head & DECLARES != 0 {
            return self.declare(d, start, end);
        }
        self.words.extend_from_slice(&[attribute.start, attribute.head, start as u32, end as u32]);
        Ok(())
    }

    /// A namespace declaration (Namespaces in XML §3), with the constraints on prefixes.
    fn declare(&mut self, d: &[u8], start: usize, end: usize) -> Result<(), Fault> {
        if end - start > self.bounds.namespace_bytes {
            return Fault::limit(Limit::NameBytes(self.bounds.namespace_bytes), start + self.bounds.namespace_bytes);
        }
        let attribute = self.attribute;
        let raw = &d[start..end];
        let (from, to) = if attribute.head & ENCODED == 0 {
            (start as u32, end as u32)
        } else {
            let from = self.extra.len() as u32 | EXTRA;
            decode::value_into(raw, &mut self.extra);
            (from, self.extra.len() as u32 | EXTRA)
        };
        let name = place(d, &self.extra, from, to);
        let name_start = attribute.start as usize;
        let prefix = declared_prefix(&d[name_start..], attribute.head);
        let wrong = match prefix {
            b"xml" if name != XML_NS.as_bytes() => Some("the prefix xml declared as another"),
            b"xml" => None,
            b"xmlns" => Some("the prefix xmlns declared"),
            _ if name == XML_NS.as_bytes() => Some("the namespace of xml given to another prefix"),
            _ if name == XMLNS_NS.as_bytes() => Some("the namespace of declarations declared"),
            b"" => None,
            _ if name.is_empty() => Some("a prefix declared without a namespace"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            return Fault::malformed(wrong, name_start);
        }
        let record = self.words.len() as u32;
        match prefix {
            b"" => self.default = record,
            b"xml" => self.flags |= ODD,
            _ => {
                self.prefixes += 1;
                if self.prefixes as usize > self.bounds.attributes {
                    return Fault::limit(Limit::Attributes(self.bounds.attributes), name_start);
                }
            }
        }
        self.words.extend_from_slice(&[attribute.start, attribute.head, from, to, self.scope]);
        self.scope = record;
        self.tag.declares = true;
        Ok(())
    }

    /// The start tag is whole: names get their namespaces, and no attribute may stand twice.
    pub(super) fn finish_tag(&mut self, d: &[u8]) -> Result<(), Fault> {
        let record = self.record;
        if self.tag.maybe_twice {
            self.refuse_twice(d)?;
        }
        let head = self.words[record + HEAD];
        self.words[record + NAMESPACE] = if head & PREFIXED == 0 {
            self.default
        } else {
            let start = self.words[record + START] as usize + 1;
            match self.resolve(d, start, head)? {
                // Only attributes are in this namespace, and there are parsers that refuse an element in it.
                XML => return Fault::malformed("an element with the prefix xml", start),
                declaration => declaration,
            }
        };
        if self.tag.prefixed {
            self.resolve_attributes(d)?;
        }
        let declares = if self.tag.declares { DECLARES } else { 0 };
        self.words[record + HEAD] |= declares | self.tag.count << COUNT_SHIFT;
        if record == 0 {
            self.refuse_another_root(d)?;
        }
        Ok(())
    }

    /// A first-level element can't be the root of the stream that it stands in: its end tag would never come.
    fn refuse_another_root(&self, d: &[u8]) -> Result<(), Fault> {
        let start = self.words[START] as usize + 1;
        let name = &d[start..start + (self.words[HEAD] & NAME_LENGTH) as usize];
        if local(name) != local(&self.root_name) {
            return Ok(());
        }
        let root = self.inherited.find(prefix(&self.root_name)).unwrap_or(NO_NAMESPACE);
        if self.namespace_name(d, self.words[NAMESPACE]) != self.namespace_name(d, root) {
            return Ok(());
        }
        Err(Fault { kind: ReadErrorKind::StreamWithinStream, at: 0 })
    }

    /// The declaration of a name's prefix.
    fn resolve(&mut self, d: &[u8], name_start: usize, head: u32) -> Result<u32, Fault> {
        let name = &d[name_start..name_start + (head & NAME_LENGTH) as usize];
        let prefix = prefix(name);
        if prefix == b"xml" {
            return Ok(XML);
        }
        let mut at = self.scope;
        while at != NO_DECLARATION {
            let words = &self.words[at as usize..at as usize + DECLARATION_WORDS];
            if declared_prefix(&d[words[NAME_START] as usize..], words[ATTRIBUTE_HEAD]) == prefix {
                return Ok(at);
            }
            at = words[PREVIOUS];
        }
        if let Some(id) = self.inherited.find(prefix) {
            self.flags |= FOREIGN_PREFIX;
            return Ok(id);
        }
        Fault::malformed("an undeclared prefix", name_start)
    }

    /// Words of the attributes of the tag under way.
    fn attributes(&self) -> impl Iterator<Item = &[u32]> {
        let mut at = self.record + ELEMENT_WORDS;
        std::iter::from_fn(move || {
            let head = *self.words.get(at + ATTRIBUTE_HEAD)?;
            let length = if head & DECLARES != 0 { DECLARATION_WORDS } else { ATTRIBUTE_WORDS };
            let words = &self.words[at..at + length];
            at += length;
            Some(words)
        })
    }

    /// No name may stand twice (XML 1.0 §3.1, "Unique Att Spec").
    fn refuse_twice(&self, d: &[u8]) -> Result<(), Fault> {
        let mut names: Vec<(&[u8], usize)> = self
            .attributes()
            .map(|words| {
                let start = words[NAME_START] as usize;
                (&d[start..start + (words[ATTRIBUTE_HEAD] & NAME_LENGTH) as usize], start)
            })
            .collect();
        names.sort_unstable();
        match names.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1).min() {
            Some(at) => Fault::malformed("an attribute that stands twice", at),
            None => Ok(()),
        }
    }

    /// Every prefix must be declared, and no two attributes may have one name in one namespace (Namespaces in XML §6.3).
    fn resolve_attributes(&mut self, d: &[u8]) -> Result<(), Fault> {
        let mut first: Option<(u32, &[u8], usize)> = None;
        let mut more = Vec::new();
        let mut at = self.record + ELEMENT_WORDS;
        while at < self.words.len() {
            let (start, head) = (self.words[at + NAME_START] as usize, self.words[at + ATTRIBUTE_HEAD]);
            at += if head & DECLARES != 0 { DECLARATION_WORDS } else { ATTRIBUTE_WORDS };
            if head & PREFIXED == 0 || head & DECLARES != 0 {
                continue;
            }
            let namespace = self.resolve(d, start, head)?;
            let name = &d[start..start + (head & NAME_LENGTH) as usize];
            let local = local(name);
            match first {
                None => first = Some((namespace, local, start)),
                Some(first) => {
                    if more.is_empty() {
                        more.push(first);
                    }
                    more.push((namespace, local, start));
                }
            }
        }
        let mut names: Vec<(&[u8], &[u8], usize)> =
            more.into_iter().map(|(id, local, start)| (local, self.namespace_name(d, id), start)).collect();
        names.sort_unstable();
        let twice = |pair: &&[(&[u8], &[u8], usize)]| pair[0].0 == pair[1].0 && pair[0].1 == pair[1].1;
        match names.windows(2).filter(twice).map(|pair| pair[1].2).min() {
            Some(at) => Fault::malformed("an attribute that stands twice under two prefixes", at),
            None => Ok(()),
        }
    }

    fn namespace_name<'a>(&'a self, d: &'a [u8], id: u32) -> &'a [u8] {
        if id == XML {
            XML_NS.as_bytes()
        } else if id & INHERITED != 0 {
            self.inherited.binding(id).1.as_bytes()
        } else {
            let at = id as usize;
            place(d, &self.extra, self.words[at + VALUE_START], self.words[at + VALUE_END])
        }
    }
}

/// The prefix of a name that has one.
pub(crate) fn prefix(name: &[u8]) -> &[u8] {
    let colon = name.iter().position(|b| *b == b':').unwrap_or(0);
    &name[..colon]
}

/// A name without its prefix.
fn local(name: &[u8]) -> &[u8] {
    match prefix(name) {
        b"" => name,
        prefix => &name[prefix.len() + 1..],
    }
}

/// The prefix that an attribute named like this declares, empty for the default namespace. `bytes` begin with the name.
pub(crate) fn declared_prefix(bytes: &[u8], head: u32) -> &[u8] {
    let length = (head & NAME_LENGTH) as usize;
    if head & PREFIXED == 0 { &[] } else { &bytes["xmlns:".len()..length] }
}

/// The bytes between two places, which are both in the XML or both behind it.
fn place<'a>(d: &'a [u8], extra: &'a [u8], from: u32, to: u32) -> &'a [u8] {
    if from & EXTRA == 0 {
        &d[from as usize..to as usize]
    } else {
        &extra[(from & !EXTRA) as usize..(to & !EXTRA) as usize]
    }
}
