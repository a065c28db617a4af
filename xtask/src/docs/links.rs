//! Links in Markdown files lead to files and headings that exist.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::{Document, Finding};

pub(super) fn check(root: &Path, documents: &[Document]) -> Vec<Finding> {
    let is_markdown = |path: &Path| path.extension().is_some_and(|extension| extension == "md");
    let mut findings = Vec::new();
    for document in documents.iter().filter(|document| is_markdown(&document.path)) {
        for (line, target) in links(&document.text) {
            if target.contains("://") || target.starts_with("mailto:") || target.starts_with("xmpp:") {
                continue;
            }
            let (file, anchor) =
                target.split_once('#').map_or((target.as_str(), None), |(file, anchor)| (file, Some(anchor)));
            let folder = document.path.parent().unwrap_or(Path::new(""));
            let path = if file.is_empty() { document.path.clone() } else { normalise(&folder.join(file)) };
            let what = if !root.join(&path).exists() {
                Some(format!("link to {target}: there is no {}", path.display()))
            } else if let Some(anchor) = anchor.filter(|_| is_markdown(&path)) {
                let text = documents.iter().find(|other| other.path == path).map_or("", |other| &other.text);
                (!anchors(text).contains(anchor))
                    .then(|| format!("link to {target}: no heading of {} has that anchor", path.display()))
            } else {
                None
            };
            findings.extend(what.map(|what| Finding { file: document.path.clone(), line, what }));
        }
    }
    findings
}

/// `a/../b` is `b`: the file need not exist for the path to be looked at.
fn normalise(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut result, component| {
        match component {
            Component::ParentDir => {
                result.pop();
            }
            Component::CurDir => {}
            other => result.push(other),
        }
        result
    })
}

/// The lines outside fenced code blocks, counted from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_fence = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if line.trim_start().starts_with("```") {
            in_fence = !in_fence;
            return None;
        }
        (!in_fence).then_some((index + 1, line))
    })
}

/// The targets of `[text](target)` and `[name]: target`.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        // What stands between backticks is code.
        let line: String = line.split('`').step_by(2).collect::<Vec<_>>().join("");
        for (at, mark) in line.match_indices("](") {
            let rest = &line[at + mark.len()..];
            if let Some(end) = rest.find(')') {
                let target = rest[..end].split(' ').next().unwrap_or_default();
                found.push((number, target.trim_matches(['<', '>']).to_owned()));
            }
        }
        if let Some((name, target)) = line.split_once("]: ")
            && name.starts_with('[')
        {
            found.push((number, target.trim().to_owned()));
        }
    }
    found
}

/// The anchors of a document's headings, as code hosts make them.
fn anchors(text: &str) -> BTreeSet<String> {
    prose(text)
        .filter_map(|(_, line)| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')))
        .map(|heading| {
            heading
                .trim()
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_links_are_found() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("B.md"), "# The `b` file\n").unwrap();
        let document = |path: &str, text: &str| Document { path: path.into(), text: text.into() };
        for (text, expected) in [
            ("[b](B.md)", ""),
            ("[b](./x/../B.md#the-b-file)", ""),
            ("[b](https://example.org/x)", ""),
            ("`[b](C.md)`", ""),
            ("```\n[b](C.md)\n```", ""),
            ("[b](C.md)", "link to C.md: there is no C.md"),
            ("[b](B.md#c)", "link to B.md#c: no heading of B.md has that anchor"),
            ("[b]: C.md", "link to C.md: there is no C.md"),
            ("# A\n[a](#a) [b](#b)", "link to #b: no heading of A.md has that anchor"),
        ] {
            std::fs::write(folder.path().join("A.md"), text).unwrap();
            let documents = [document("A.md", text), document("B.md", "# The `b` file\n")];
            let found: Vec<String> = check(folder.path(), &documents).into_iter().map(|finding| finding.what).collect();
            assert_eq!(found.join("; "), expected, "{text}");
        }
    }
}
