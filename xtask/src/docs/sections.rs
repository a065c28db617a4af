//! Cited sections of RFCs exist.
//!
//! A bare `§5.4` means RFC 6120, unless the paragraph names another RFC that has such a section.
//! Sections of XEPs are not checked. The numbers come from `xtask/data/rfc-sections.json`, made by
//! `cargo xtask docs --update-sections FOLDER` from the RFC texts, which are not part of the
//! project.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::{Document, Finding};

const TABLE: &str = "xtask/data/rfc-sections.json";

/// The RFC that a bare section number belongs to.
const DEFAULT_RFC: &str = "6120";

/// RFC number to its section numbers, appendices by their letter.
type Table = BTreeMap<String, BTreeSet<String>>;

/// What a section number belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    /// Named right before the number, or by the list that the number continues.
    Rfc(String),
    /// Not named: RFC 6120 or one of these, which the paragraph names.
    Bare(BTreeSet<String>),
    /// Not an RFC.
    Other,
}

#[derive(Debug, PartialEq, Eq)]
struct Citation {
    line: usize,
    section: String,
    source: Source,
}

/// Takes all `rfcNNNN.txt` in `folder` into the table. RFCs that are in it and not there stay.
pub(super) fn update(root: &Path, folder: &Path) -> Result<()> {
    let mut table = read_table(root).unwrap_or_default();
    let mut found = 0;
    for entry in fs::read_dir(folder).with_context(|| format!("can't read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(number) = name.strip_prefix("rfc").and_then(|rest| rest.strip_suffix(".txt")) else { continue };
        let text = fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
        table.insert(number.to_owned(), headings(&text));
        found += 1;
    }
    if found == 0 {
        bail!("{} has no file named rfcNNNN.txt", folder.display());
    }
    // One line an RFC: compact, and a change to one RFC is one line of a diff.
    let lines: Vec<String> = table
        .iter()
        .map(|(number, sections)| Ok(format!("\"{number}\":{}", serde_json::to_string(sections)?)))
        .collect::<Result<_>>()?;
    fs::write(root.join(TABLE), format!("{{\n{}\n}}\n", lines.join(",\n")))?;
    println!("{TABLE}: {} RFCs", table.len());
    Ok(())
}

/// Section numbers of an RFC's text: its headings stand at the very left, all else is indented.
fn headings(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter_map(|line| {
            let (is_appendix, line) = line.strip_prefix("Appendix ").map_or((false, line), |rest| (true, rest));
            let (number, title) = line.split_once(' ')?;
            let section = number.trim_end_matches(['.', ':']);
            let is_letter_alone = section.len() == 1 && section.starts_with(|c: char| c.is_ascii_uppercase());
            let is_heading = is_section_number(section)
                && (!is_letter_alone || is_appendix || number.ends_with('.'))
                && title.trim_start().starts_with(|c: char| !c.is_ascii_digit());
            is_heading.then(|| section.to_owned())
        })
        .collect()
}

/// `4`, `4.9.3.1`, `A`, `B.2`.
fn is_section_number(text: &str) -> bool {
    let mut parts = text.split('.');
    let first = parts.next().unwrap_or_default();
    let first_fits = (first.len() <= 2 && !first.is_empty() && first.bytes().all(|b| b.is_ascii_digit()))
        || (first.len() == 1 && first.bytes().all(|b| b.is_ascii_uppercase()));
    first_fits && parts.all(|part| !part.is_empty() && part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit()))
}

fn read_table(root: &Path) -> Result<Table> {
    let text = fs::read_to_string(root.join(TABLE)).with_context(|| format!("can't read {TABLE}"))?;
    serde_json::from_str(&text).with_context(|| TABLE.to_owned())
}

pub(super) fn check(root: &Path, documents: &[Document]) -> Result<Vec<Finding>> {
    let table = read_table(root)?;
    Ok(documents
        .iter()
        // The unit tests below seed wrong citations.
        .filter(|document| document.path != Path::new("xtask/src/docs/sections.rs"))
        .flat_map(|document| {
            citations(&document.text).into_iter().filter_map(|citation| {
                let what = judge(&table, &citation)?;
                Some(Finding { file: document.path.clone(), line: citation.line, what })
            })
        })
        .collect())
}

/// What is wrong with `citation`, if anything.
fn judge(table: &Table, citation: &Citation) -> Option<String> {
    let has = |rfc: &str| table.get(rfc).is_some_and(|sections| sections.contains(&citation.section));
    let section = &citation.section;
    match &citation.source {
        Source::Other => None,
        Source::Rfc(rfc) if !table.contains_key(rfc) => Some(format!(
            "cites §{section} of RFC {rfc}, which is not in {TABLE}: run cargo xtask docs --update-sections"
        )),
        Source::Rfc(rfc) => (!has(rfc)).then(|| format!("RFC {rfc} has no section {section}")),
        Source::Bare(named) => (!has(DEFAULT_RFC) && !named.iter().any(|rfc| has(rfc))).then(|| {
            let named: String = named.iter().map(|rfc| format!(" or RFC {rfc}")).collect();
            format!("§{section} is no section of RFC {DEFAULT_RFC}{named}")
        }),
    }
}

/// Every section cited in `text`.
fn citations(text: &str) -> Vec<Citation> {
    let mut found: Vec<Citation> = Vec::new();
    let mut named = BTreeSet::new();
    // What the last citation belonged to, and the text between it and the next.
    let mut last: Option<(Source, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let content = line.trim_start().trim_start_matches(['/', '!', '#', '*', '-', '|', '>']).trim();
        if content.is_empty() {
            named.clear();
            last = None;
            continue;
        }
        let mut from = 0;
        while let Some((start, mark)) = next_mark(line, from) {
            let before = &line[from..start];
            named.extend(rfc_numbers(before));
            let after = &line[start + mark.len()..];
            let length = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(after.len());
            let section = after[..length].trim_end_matches('.').to_owned();
            let between = last.as_ref().map(|(source, gap)| (source, format!("{gap}{before}")));
            if is_section_number(&section) {
                let source = source_of(before, &after[length..], between, &named);
                last = Some((source.clone(), String::new()));
                found.push(Citation { line: index + 1, section, source });
            }
            from = start + mark.len() + length;
        }
        let rest = &line[from..];
        named.extend(rfc_numbers(rest));
        if let Some((_, gap)) = &mut last {
            gap.push_str(rest);
            gap.push(' ');
        }
    }
    found
}

/// Where the next citation's mark begins, and the mark. The words cite only after an RFC's name.
fn next_mark(line: &str, from: usize) -> Option<(usize, &'static str)> {
    ["§", " section ", " Section ", " Appendix "]
        .into_iter()
        .filter_map(|mark| {
            let starts = line[from..].match_indices(mark).map(|(at, _)| from + at);
            let mut cites =
                starts.filter(|&at| mark == "§" || matches!(named_at_end(&line[..at]), Some(Source::Rfc(_))));
            cites.next().map(|at| (at, mark))
        })
        .min()
}

fn source_of(before: &str, after: &str, between: Option<(&Source, String)>, named: &BTreeSet<String>) -> Source {
    if let Some(source) = named_at_end(before) {
        return source;
    }
    // "§5.4 of RFC 6121", "§3 of XEP-0220".
    if let Some(rest) = after.strip_prefix(" of ") {
        if let Some(number) = rest.strip_prefix("RFC ").map(leading_digits).filter(|number| !number.is_empty()) {
            return Source::Rfc(number.to_owned());
        }
        if rest.starts_with("XEP") {
            return Source::Other;
        }
    }
    // "RFC 6121 §8.5.2, §8.5.3 and §8.5.4" continues a list.
    if let Some((source, gap)) = between {
        let joins = without_parentheses(&gap)
            .split_whitespace()
            .all(|word| matches!(word.trim_matches(['/', '!', ',', ';', '–', '-']), "" | "and" | "or" | "to" | "…"));
        if joins && *source != Source::Bare(BTreeSet::new()) && !gap.contains(';') {
            return source.clone();
        }
    }
    Source::Bare(named.clone())
}

/// `text` without what stands between parentheses that are both in it: "(line ends), §3.3.3".
fn without_parentheses(text: &str) -> String {
    let mut rest = text;
    let mut kept = String::new();
    while let Some((before, inside)) = rest.split_once('(') {
        let Some((_, after)) = inside.split_once(')') else { break };
        kept.push_str(before);
        rest = after;
    }
    kept + rest
}

/// The document whose name `text` ends with: "… (RFC 6121", "… XEP-0199,".
fn named_at_end(text: &str) -> Option<Source> {
    let text = text.trim_end().trim_end_matches([',', ':', '\'']).trim_end_matches("'s");
    let digits = text.len() - text.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (head, number) = text.split_at(digits);
    if number.is_empty() {
        return None;
    }
    if head.ends_with("RFC ") || head.ends_with("RFC") {
        return Some(Source::Rfc(number.to_owned()));
    }
    (head.ends_with("XEP-") || head.ends_with("XEP ") || head.ends_with("XML ") || head.ends_with("XML 1."))
        .then_some(Source::Other)
}

fn leading_digits(text: &str) -> &str {
    &text[..text.bytes().take_while(u8::is_ascii_digit).count()]
}

/// The numbers after every "RFC ".
fn rfc_numbers(text: &str) -> impl Iterator<Item = String> {
    text.match_indices("RFC ")
        .map(|(at, mark)| leading_digits(&text[at + mark.len()..]).to_owned())
        .filter(|number| !number.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let set = |sections: &[&str]| sections.iter().map(|section| (*section).to_owned()).collect();
        [("6120".to_owned(), set(&["4", "4.3", "4.9.3.13"])), ("6121".to_owned(), set(&["8.5.3.2", "8.5.4", "E"]))]
            .into()
    }

    fn verdicts(text: &str) -> Vec<String> {
        citations(text).iter().filter_map(|citation| judge(&table(), citation)).collect()
    }

    #[test]
    fn wrong_sections_are_found() {
        for (text, expected) in [
            ("// RFC 6120 §4.3", ""),
            ("// (§4.9.3.13).", ""),
            ("// RFC 6120 §4.99", "RFC 6120 has no section 4.99"),
            ("// see §4.99", "§4.99 is no section of RFC 6120"),
            ("// RFC 6121 §8.5.3.2, §8.5.4", ""),
            ("// RFC 6121 §8.5.3.2, §4.3", "RFC 6121 has no section 4.3"),
            ("// RFC 6121 §8.5.3.2 and\n// §8.5.4", ""),
            ("// As RFC 6121 says (§8.5.4)", ""),
            ("// As RFC 6121 says.\n//\n// So (§8.5.4)", "§8.5.4 is no section of RFC 6120"),
            ("// RFC 6121 Appendix E", ""),
            ("// RFC 6121 Appendix F", "RFC 6121 has no section F"),
            ("// RFC 6121 section 9.9", "RFC 6121 has no section 9.9"),
            ("// the section 9.9 of a book", ""),
            ("// §8.5.4 of RFC 6121", ""),
            ("// §4.3 of RFC 6121", "RFC 6121 has no section 4.3"),
            ("// XEP-0220 §99", ""),
            ("// XML 1.0 §2.11 (line ends), §3.3.3 (values), §99", ""),
            ("// RFC 6121 §8.5.4 (this), §4.3 (that)", "RFC 6121 has no section 4.3"),
            (
                "// RFC 9999 §1",
                "cites §1 of RFC 9999, which is not in xtask/data/rfc-sections.json: run cargo xtask docs --update-sections",
            ),
        ] {
            let found = verdicts(text);
            assert_eq!(found.join("; "), expected, "{text}");
        }
    }

    #[test]
    fn headings_are_told_from_text() {
        let text = "Table\n   1.  Introduction ... 3\n1.  Introduction\n4.9.3.1.  bad-format\n3.2 Case\n   12. not one\nAppendix A.  Schemas\nA.1.  Stream\nRFC 6120   XMPP\nSaint-Andre\nA sentence";
        let found: Vec<String> = headings(text).into_iter().collect();
        assert_eq!(found, ["1", "3.2", "4.9.3.1", "A", "A.1"]);
    }
}
