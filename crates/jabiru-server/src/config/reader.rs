//! Reading TOML key by key, remembering where each stood and everything that is wrong.
//!
//! A key exists because a [`Section`] asks for it: what is in the file and was not asked for is
//! unknown, and what was asked for is what the nearest known key is chosen from.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml_edit::{Item, Table, TableLike, Value};

use super::problem::{Fault, Problem};

/// What was found in one file so far.
pub(super) struct Reader<'t> {
    text: &'t str,
    faults: Vec<(usize, Fault)>,
    /// Unknown keys with their place; judged once all known ones have been asked for.
    unknown: Vec<(usize, String)>,
    known: BTreeSet<String>,
}

impl<'t> Reader<'t> {
    /// A reader for a document of this text.
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, faults: Vec::new(), unknown: Vec::new(), known: BTreeSet::new() }
    }

    /// Reads the whole document by `read`, which asks for every key there may be.
    pub(super) fn document(&mut self, table: &'t Table, read: impl FnOnce(&mut Section<'_, 't>)) {
        self.section(Some(table), String::new(), 0, read);
    }

    /// Notes something wrong at an octet of the text.
    pub(super) fn fault(&mut self, offset: usize, fault: Fault) {
        self.faults.push((offset, fault));
    }

    /// Every key that was asked for, with its sections.
    #[cfg(test)]
    pub(super) fn known(&self) -> &BTreeSet<String> {
        &self.known
    }

    /// Everything that is wrong, in the order of the file.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        for (offset, key) in std::mem::take(&mut self.unknown) {
            let nearest = nearest_key(&key, &self.known);
            self.fault(offset, Fault::UnknownKey { key, nearest });
        }
        self.faults.sort_by_key(|(offset, _)| *offset);
        let text = self.text;
        self.faults
            .into_iter()
            .map(|(offset, fault)| {
                let (line, column) = position(text, offset);
                Problem { line, column, fault }
            })
            .collect()
    }

    fn section(
        &mut self,
        table: Option<&'t dyn TableLike>,
        path: String,
        offset: usize,
        read: impl FnOnce(&mut Section<'_, 't>),
    ) {
        let mut section = Section { reader: self, table, path, offset, keys: Vec::new() };
        read(&mut section);
        section.note_unknown();
    }

    /// What stands in the file for a value, in a few words.
    fn describe(&self, item: &Item) -> String {
        match item {
            Item::Value(Value::Array(array)) if array.is_empty() => "an empty list".to_owned(),
            Item::Value(Value::Array(_)) => "a list".to_owned(),
            Item::Value(Value::InlineTable(_)) | Item::Table(_) => "a table".to_owned(),
            Item::ArrayOfTables(_) => "tables".to_owned(),
            Item::Value(value) => self.describe_value(value),
            Item::None => "nothing".to_owned(),
        }
    }

    fn describe_value(&self, value: &Value) -> String {
        let span = value.span().unwrap_or_default();
        let written = self.text.get(span).unwrap_or_default().lines().next().unwrap_or_default();
        match written.char_indices().nth(MAX_QUOTED) {
            Some((end, _)) => format!("{}…", &written[..end]),
            None => written.to_owned(),
        }
    }
}

/// How many characters of a wrong value are repeated in the message.
const MAX_QUOTED: usize = 60;

/// One table of the file, present or not.
pub(super) struct Section<'r, 't> {
    reader: &'r mut Reader<'t>,
    table: Option<&'t dyn TableLike>,
    path: String,
    /// Where the table stands.
    offset: usize,
    /// What was asked for.
    keys: Vec<&'t str>,
}

impl<'t> Section<'_, 't> {
    /// Reads the table `key` by `read`. It is called even if there is no such table, so that its
    /// keys are known.
    pub(super) fn section(&mut self, key: &'static str, read: impl FnOnce(&mut Section<'_, 't>)) {
        let item = self.item(key);
        let table = item.and_then(Item::as_table_like);
        if let (Some(item), None) = (item, table) {
            self.wrong(key, item, "a table");
        }
        let (path, offset) = (self.full(key), self.offset_of(key));
        self.reader.section(table, path, offset, read);
    }

    /// Reads every table of the list `key`, or once a table that is not there. `read` is told which.
    pub(super) fn tables(&mut self, key: &'static str, mut read: impl FnMut(&mut Section<'_, 't>, bool)) {
        let item = self.item(key);
        let mut tables: Vec<(&'t dyn TableLike, usize)> = Vec::new();
        match item {
            Some(Item::ArrayOfTables(list)) => {
                tables.extend(list.iter().map(|table| (table as &dyn TableLike, start(table.span()))));
            }
            Some(Item::Value(Value::Array(list))) if list.iter().all(Value::is_inline_table) => {
                let inline = list.iter().filter_map(Value::as_inline_table);
                tables.extend(inline.map(|table| (table as &dyn TableLike, start(table.span()))));
            }
            Some(item) => self.wrong(key, item, &format!("tables that begin with [[{}]]", self.full(key))),
            None => {}
        }
        let path = self.full(key);
        if tables.is_empty() {
            self.reader.section(None, path.clone(), 0, |section| read(section, false));
        }
        for (table, offset) in tables {
            self.reader.section(Some(table), path.clone(), offset, |section| read(section, true));
        }
    }

    /// Reads a whole number into `target`.
    pub(super) fn integer<T: TryFrom<i64>>(&mut self, key: &'static str, range: RangeInclusive<i64>, target: &mut T) {
        let Some(item) = self.item(key) else { return };
        let number = item.as_integer().filter(|number| range.contains(number));
        match number.and_then(|number| T::try_from(number).ok()) {
            Some(number) => *target = number,
            None => {
                let expected = format!("a whole number from {} to {}", range.start(), range.end());
                self.wrong(key, item, &expected);
            }
        }
    }

    /// Reads a number of seconds into `target`.
    pub(super) fn seconds(&mut self, key: &'static str, range: RangeInclusive<i64>, target: &mut Duration) {
        let mut seconds = target.as_secs();
        self.integer(key, range, &mut seconds);
        *target = Duration::from_secs(seconds);
    }

    /// Reads a number of which 0 stands for none into `target`.
    pub(super) fn optional<T: TryFrom<i64>>(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
        target: &mut Option<T>,
    ) {
        let Some(item) = self.item(key) else { return };
        let number = item.as_integer().filter(|number| *number == 0 || range.contains(number));
        match number.map(|number| (number, T::try_from(number))) {
            Some((0, _)) => *target = None,
            Some((_, Ok(number))) => *target = Some(number),
            Some((_, Err(_))) | None => {
                let expected = format!("0 or a whole number from {} to {}", range.start(), range.end());
                self.wrong(key, item, &expected);
            }
        }
    }

    /// Reads a number of seconds, of which 0 stands for never, into `target`.
    pub(super) fn optional_seconds(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
        target: &mut Option<Duration>,
    ) {
        self.optional_time(key, range, 1, target);
    }

    /// Reads a number of units of so many seconds, of which 0 stands for never, into `target`.
    pub(super) fn optional_time(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
        unit: u64,
        target: &mut Option<Duration>,
    ) {
        let mut units = target.map(|time| time.as_secs() / unit);
        self.optional(key, range, &mut units);
        *target = units.map(|units| Duration::from_secs(units * unit));
    }

    /// Reads a list of two numbers of seconds, the smaller first, into `from` and `to`.
    pub(super) fn seconds_from_to(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
        (from, to): (&mut Duration, &mut Duration),
    ) {
        let Some(item) = self.item(key) else { return };
        let numbers: Option<Vec<i64>> = item.as_array().and_then(|list| list.iter().map(Value::as_integer).collect());
        let seconds = |number: i64| u64::try_from(number).ok().map(Duration::from_secs);
        match numbers.as_deref() {
            Some([least, most]) if least <= most && range.contains(least) && range.contains(most) => {
                if let (Some(least), Some(most)) = (seconds(*least), seconds(*most)) {
                    (*from, *to) = (least, most);
                }
            }
            Some(_) | None => {
                let (least, most) = (range.start(), range.end());
                let expected =
                    format!("a list of two whole numbers from {least} to {most}, the smaller first, such as [1, 300]");
                self.wrong(key, item, &expected);
            }
        }
    }

    /// Reads `true` or `false` into `target`.
    pub(super) fn boolean(&mut self, key: &'static str, target: &mut bool) {
        let Some(item) = self.item(key) else { return };
        match item.as_bool() {
            Some(value) => *target = value,
            None => self.wrong(key, item, "true or false"),
        }
    }

    /// Reads one of several words into `target`.
    pub(super) fn word<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)], target: &mut T) {
        let Some(item) = self.item(key) else { return };
        match item.as_str().and_then(|word| words.iter().find(|(known, _)| *known == word)) {
            Some((_, value)) => *target = *value,
            None => {
                let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                self.wrong_word(key, item, &words);
            }
        }
    }

    /// Reads a string that `parse` understands.
    pub(super) fn string<T>(
        &mut self,
        key: &'t str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let item = self.item(key)?;
        let value = item.as_str().and_then(parse);
        if value.is_none() {
            self.wrong(key, item, expected);
        }
        value
    }

    /// Reads a list of strings that `parse` understands, each with its place; `None` if there is no list.
    /// `words` are those from which the nearest to a wrong one is chosen, if there is a choice.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        words: &[&str],
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<(usize, T)>> {
        let item = self.item(key)?;
        let Some(array) = item.as_array() else {
            self.wrong(key, item, &format!("a list, each of it {expected}"));
            return None;
        };
        let mut list = Vec::new();
        for value in array {
            let offset = start(value.span());
            match value.as_str().and_then(&parse) {
                Some(parsed) => list.push((offset, parsed)),
                None => {
                    let nearest = value.as_str().and_then(|word| nearest_word(word, words));
                    let found = self.reader.describe(&Item::Value(value.clone()));
                    let (key, expected) = (self.full(key), expected.to_owned());
                    self.reader.fault(offset, Fault::Value { key, expected, found, nearest });
                }
            }
        }
        Some(list)
    }

    /// Reads what is a string that `text` understands, a table that `table` reads, or a list of these.
    pub(super) fn texts_or_tables<T>(
        &mut self,
        key: &'t str,
        expected: &str,
        text: impl Fn(&str) -> Option<T>,
        table: impl Fn(&mut Section<'_, 't>) -> Option<T>,
    ) -> Vec<T> {
        let Some(item) = self.item(key) else { return Vec::new() };
        let mut parts: Vec<(usize, Result<&'t dyn TableLike, &'t Value>)> = Vec::new();
        match item {
            Item::Value(Value::Array(list)) => parts.extend(list.iter().map(|value| {
                let form = value.as_inline_table().map(|table| table as &dyn TableLike);
                (start(value.span()), form.ok_or(value))
            })),
            Item::Value(Value::InlineTable(table)) => parts.push((start(item.span()), Ok(table))),
            Item::Value(value) => parts.push((start(item.span()), Err(value))),
            Item::Table(table) => parts.push((start(table.span()), Ok(table))),
            Item::ArrayOfTables(list) => {
                parts.extend(list.iter().map(|table| (start(table.span()), Ok(table as &dyn TableLike))));
            }
            Item::None => {}
        }
        let mut read = Vec::new();
        for (offset, part) in parts {
            match part {
                Ok(part) => {
                    let path = self.full(key);
                    self.reader.section(Some(part), path, offset, |section| read.extend(table(section)));
                }
                Err(value) => match value.as_str().and_then(&text) {
                    Some(parsed) => read.push(parsed),
                    None => {
                        let found = self.reader.describe(&Item::Value(value.clone()));
                        let (key, expected) = (self.full(key), expected.to_owned());
                        self.reader.fault(offset, Fault::Value { key, expected, found, nearest: None });
                    }
                },
            }
        }
        read
    }

    /// The keys that the file has in this section, where they are names that the operator chooses.
    pub(super) fn names(&self) -> Vec<&'t str> {
        self.table.map(|table| table.iter().map(|(name, _)| name).collect()).unwrap_or_default()
    }

    /// Notes that a key, which must be there, is not.
    pub(super) fn missing(&mut self, key: &str, expected: &str) {
        let (key, expected) = (self.full(key), expected.to_owned());
        self.reader.fault(self.offset, Fault::Missing { key, expected });
    }

    /// Notes that a key's value does not go with another.
    pub(super) fn conflict(&mut self, key: &str, reason: impl Into<String>) {
        self.conflict_at(self.offset_of(key), key, reason);
    }

    /// Notes that a part of a key's value, at this place, does not go with another.
    pub(super) fn conflict_at(&mut self, offset: usize, key: &str, reason: impl Into<String>) {
        let (key, reason) = (self.full(key), reason.into());
        self.reader.fault(offset, Fault::Conflict { key, reason });
    }

    /// Whether the file has this key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// Whether the file has an empty list for this key.
    pub(super) fn is_empty_list(&self, key: &str) -> bool {
        let array = self.table.and_then(|table| table.get(key)).and_then(Item::as_array);
        array.is_some_and(toml_edit::Array::is_empty)
    }

    /// Where a key's value stands; the table's place if it has none.
    pub(super) fn offset_of(&self, key: &str) -> usize {
        let item = self.table.and_then(|table| table.get(key));
        item.and_then(Item::span).map_or(self.offset, |span| span.start)
    }

    /// Where a key itself stands.
    pub(super) fn offset_of_name(&self, key: &str) -> usize {
        let written = self.table.and_then(|table| table.key(key)).and_then(toml_edit::Key::span);
        written.map_or_else(|| self.offset_of(key), |span| span.start)
    }

    fn item(&mut self, key: &'t str) -> Option<&'t Item> {
        let full = self.full(key);
        self.reader.known.insert(full);
        self.keys.push(key);
        self.table?.get(key)
    }

    fn wrong(&mut self, key: &str, item: &Item, expected: &str) {
        let found = self.reader.describe(item);
        let (key, expected, offset) = (self.full(key), expected.to_owned(), self.offset_of(key));
        self.reader.fault(offset, Fault::Value { key, expected, found, nearest: None });
    }

    fn wrong_word(&mut self, key: &str, item: &Item, words: &[&str]) {
        let found = self.reader.describe(item);
        let nearest = item.as_str().and_then(|word| nearest_word(word, words));
        let (expected, offset) = (one_of(words), self.offset_of(key));
        self.reader.fault(offset, Fault::Value { key: self.full(key), expected, found, nearest });
    }

    fn full(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn note_unknown(&mut self) {
        let Some(table) = self.table else { return };
        for (key, item) in table.iter().filter(|(key, _)| !self.keys.contains(key)) {
            let written = table.key(key).and_then(toml_edit::Key::span);
            let offset = start(written.or_else(|| item.span()));
            self.reader.unknown.push((offset, self.full(key)));
        }
    }
}

/// `"a", "b" or "c"`.
pub(super) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("{word:?}")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// Nothing, if more than half of the word would have to change.
fn nearest_word(word: &str, words: &[&str]) -> Option<String> {
    let word = word.to_lowercase();
    let distance = |known: &str| strsim::damerau_levenshtein(&word, &known.to_lowercase());
    let (apart, nearest) = words.iter().map(|known| (distance(known), *known)).min_by_key(|(apart, _)| *apart)?;
    (apart <= word.chars().count() / 2).then(|| nearest.to_owned())
}

/// A key may be misspelt or abbreviated in its last part, and it may stand in the wrong section. Nothing, if more than
/// half of the last part would have to change.
fn nearest_key(key: &str, known: &BTreeSet<String>) -> Option<String> {
    let split = |key: &str| {
        let (section, last) = key.rsplit_once('.').unwrap_or(("", key));
        (section.to_owned(), last.to_owned())
    };
    let (section, last) = split(key);
    let distance = |candidate: &str| {
        let (candidate_section, candidate_last) = split(candidate);
        let abbreviated = last.len() > 2 && candidate_last.starts_with(&last);
        let misspelt = strsim::damerau_levenshtein(&last, &candidate_last);
        let apart = if abbreviated { misspelt.min(1) } else { misspelt };
        let elsewhere = apart + usize::from(section != candidate_section);
        elsewhere.min(strsim::damerau_levenshtein(key, candidate))
    };
    let (apart, nearest) = known.iter().map(|known| (distance(known), known)).min_by_key(|(apart, _)| *apart)?;
    (apart <= last.chars().count() / 2).then(|| nearest.clone())
}

fn start(span: Option<std::ops::Range<usize>>) -> usize {
    span.unwrap_or_default().start
}

/// Line and column of an octet, both from 1; columns count characters.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}
