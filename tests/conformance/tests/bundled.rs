//! The bundled server keeps RFC 6120, and the suite would notice if it did not.

use std::sync::{Mutex, PoisonError};

use jabiru_conformance::faults;
use jabiru_conformance::report::{self, Run};
use jabiru_conformance::rfc6120;
use jabiru_conformance::runner::{self, Judged, Options};
use jabiru_conformance::subject::{Bundled, SERVER_STREAMS};
use jabiru_test_support::program;

/// Both tests keep the machine busy: one after the other.
static MACHINE: Mutex<()> = Mutex::new(());

/// Machines that test are slow at times.
const OPTIONS: Options = Options { patience: 4.0, threads: 16 };

fn judged() -> Judged {
    Judged::Started(Box::new(Bundled::new(program()).expect("room for its files")))
}

#[test]
fn the_bundled_server_keeps_every_rule() {
    let _turn = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let judged = judged();
    judged.check().expect("the server starts");
    let reports = runner::run(&judged, &rfc6120::cases(), OPTIONS, |_| {});
    let run = Run { server: judged.name(), reports, strict: true };
    assert_eq!(run.failures(), 0, "{}\n{}", report::failures(&run), run.totals());
}

#[test]
fn every_fault_is_noticed() {
    let _turn = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let judged = judged();
    judged.check().expect("the server starts");
    let hasty = Options { patience: 1.0, ..OPTIONS };
    let found = faults::run::run(&judged, &faults::faults(SERVER_STREAMS), &rfc6120::cases(), hasty, |_| {});
    let missed: Vec<_> = found.into_iter().filter(|found| found.by.is_none()).collect();
    assert!(missed.is_empty(), "{}", faults::run::table(&missed));
}
