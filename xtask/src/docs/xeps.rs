//! What is said of XEPs: doap.xml, README.md and the source agree.
//!
//! doap.xml (XEP-0453) is the list of what is supported. README.md claims no XEP that is not on
//! it; and each XEP on it with the status `complete` or `partial` is named by the source of some
//! crate, with its number, where it is implemented.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use xml::reader::{EventReader, XmlEvent};

use super::{Document, Finding};

/// The statuses XEP-0453 knows (§4.2), and whether the source must name the XEP.
const STATUSES: &[(&str, bool)] = &[
    ("complete", true),
    ("partial", true),
    ("planned", false),
    ("deprecated", true),
    ("removed", false),
    ("wontfix", false),
];

const URL: (&str, &str) = ("https://xmpp.org/extensions/xep-", ".html");

pub(super) fn check(root: &Path, documents: &[Document]) -> Result<Vec<Finding>> {
    let doap = fs::read_to_string(root.join("doap.xml")).context("can't read doap.xml")?;
    Ok(compare(&doap, documents))
}

fn compare(doap: &str, documents: &[Document]) -> Vec<Finding> {
    let finding = |file: &Path, line: usize, what: String| Finding { file: file.to_owned(), line, what };
    let doap_path = Path::new("doap.xml");
    let statuses = match supported(doap) {
        Ok(statuses) => statuses,
        Err(error) => return vec![finding(doap_path, 1, format!("{error:#}"))],
    };
    let in_source: BTreeSet<String> = documents
        .iter()
        .filter(|document| document.path.starts_with("crates") && document.path.extension().is_some_and(|e| e == "rs"))
        .flat_map(|document| document.text.lines().flat_map(xep_numbers))
        .collect();
    let mut findings = Vec::new();
    for (xep, status) in &statuses {
        match STATUSES.iter().find(|(known, _)| known == status) {
            None => findings.push(finding(
                doap_path,
                1,
                format!("XEP-{xep} has the status {status:?}, which XEP-0453 does not know"),
            )),
            Some((_, true)) if !in_source.contains(xep) => {
                findings.push(finding(
                    doap_path,
                    1,
                    format!("XEP-{xep} is {status}, but no source under crates/ names it"),
                ));
            }
            Some(_) => {}
        }
    }
    for document in documents.iter().filter(|document| document.path == Path::new("README.md")) {
        for (index, line) in document.text.lines().enumerate() {
            for xep in xep_numbers(line).filter(|xep| !statuses.contains_key(xep)) {
                findings.push(finding(&document.path, index + 1, format!("XEP-{xep} is not in doap.xml")));
            }
        }
    }
    findings
}

/// The XEPs of doap.xml with their statuses.
fn supported(doap: &str) -> Result<BTreeMap<String, String>> {
    let mut statuses = BTreeMap::new();
    let mut xep = None;
    let mut in_status = false;
    for event in EventReader::from_str(doap) {
        match event.context("doap.xml is not well-formed")? {
            XmlEvent::StartElement { name, attributes, .. } if name.local_name == "xep" => {
                let url = attributes.iter().find(|attribute| attribute.name.local_name == "resource");
                let number = url.and_then(|url| url.value.strip_prefix(URL.0)?.strip_suffix(URL.1));
                xep = Some(number.context("an <xmpp:xep/> of doap.xml does not name a XEP's page")?.to_owned());
            }
            XmlEvent::StartElement { name, .. } if name.local_name == "status" => in_status = true,
            XmlEvent::EndElement { name } if name.local_name == "status" => in_status = false,
            XmlEvent::Characters(text) if in_status => {
                let xep = xep.take().context("a <xmpp:status/> of doap.xml precedes its <xmpp:xep/>")?;
                statuses.insert(xep, text);
            }
            _ => {}
        }
    }
    Ok(statuses)
}

/// The four digits after every "XEP-".
fn xep_numbers(line: &str) -> impl Iterator<Item = String> {
    line.match_indices("XEP-")
        .filter_map(|(at, mark)| line.get(at + mark.len()..at + mark.len() + 4))
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        .map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doap(xep: &str, status: &str) -> String {
        format!(
            "<p xmlns:r='r' xmlns:x='x'><x:xep r:resource='https://xmpp.org/extensions/xep-{xep}.html'/><x:status>{status}</x:status></p>"
        )
    }

    #[test]
    fn disagreements_are_found() {
        let document = |path: &str, text: &str| Document { path: path.into(), text: text.into() };
        for (doap, readme, source, expected) in [
            (doap("0199", "complete"), "XEP-0199", "XEP-0199", ""),
            (doap("0199", "complete"), "", "", "XEP-0199 is complete, but no source under crates/ names it"),
            (doap("0199", "planned"), "", "", ""),
            (
                doap("0199", "superb"),
                "",
                "XEP-0199",
                "XEP-0199 has the status \"superb\", which XEP-0453 does not know",
            ),
            (doap("0199", "complete"), "XEP-0198", "XEP-0199", "XEP-0198 is not in doap.xml"),
        ] {
            let documents = [document("README.md", readme), document("crates/a/src/lib.rs", source)];
            let found: Vec<String> = compare(&doap, &documents).into_iter().map(|finding| finding.what).collect();
            assert_eq!(found.join("; "), expected);
        }
        let found = compare("<p><x></p>", &[]);
        assert!(found[0].what.contains("not well-formed"), "{found:?}");
    }
}
