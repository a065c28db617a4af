//! The table of incidents against the cases that there are.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use jabiru_attacks::incidents::{CLASSICS, INCIDENTS, document};

/// Every number has its line, and every line its cases or the reason why there is none.
#[test]
fn every_incident_has_its_cases_or_its_reason() {
    let numbers: Vec<usize> = INCIDENTS.iter().map(|incident| incident.number).collect();
    assert_eq!(numbers, (1..=43).collect::<Vec<_>>());
    for incident in &INCIDENTS {
        assert!(
            !incident.cases.is_empty() || incident.not_yet.is_some_and(|reason| !reason.is_empty()),
            "{incident:?}"
        );
    }
}

/// The cases that are named exist and run, and those that exist are named.
#[test]
fn every_case_is_named() {
    let tests = Command::new(std::env::current_exe().expect("this test"))
        .args(["--list", "--format", "terse"])
        .output()
        .expect("it lists its tests");
    let listed = String::from_utf8(tests.stdout).expect("UTF-8");
    let ignored = Command::new(std::env::current_exe().expect("this test"))
        .args(["--list", "--format", "terse", "--ignored"])
        .output()
        .expect("it lists its tests");
    assert!(ignored.stdout.is_empty(), "none is left out");
    let existing: BTreeSet<&str> = listed.lines().filter_map(|line| line.strip_suffix(": test")).collect();
    let existing: BTreeSet<&str> = existing.into_iter().filter(|name| !name.starts_with("table::")).collect();
    let named: BTreeSet<&str> = INCIDENTS
        .iter()
        .flat_map(|incident| incident.cases.iter().copied())
        .chain(CLASSICS.iter().map(|(name, _)| *name))
        .collect();
    assert_eq!(named, existing);
}

/// docs/attacks.md says what the table says.
#[test]
fn docs_say_the_same() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/attacks.md");
    if std::env::var_os("JABIRU_WRITE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
        std::fs::write(&path, document()).expect("it can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == document(), "write it anew: JABIRU_WRITE_DOCS=1 cargo test -p jabiru-attacks docs");
}
