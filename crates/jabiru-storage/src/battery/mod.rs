//! What every engine must do, as a battery of tests that any engine can be put through.
//!
//! Call it from a test of the engine's crate; a failing rule panics and names itself. Each rule
//! gets an engine of its own, with nothing in it yet.
//!
//! ```
//! use std::sync::Arc;
//! use jabiru_storage::{MemoryAccounts, battery};
//!
//! battery::accounts(|| Arc::new(MemoryAccounts::new()));
//! battery::account_history(|history| Arc::new(MemoryAccounts::with_history(history)));
//! ```

mod accounts;
mod changes;
mod states;

use std::sync::Arc;

use crate::Accounts;

/// Puts an engine for accounts through every rule of [`Accounts`].
///
/// `make` gives an empty engine each time; it must remember at least 2,500 changes and take 2,000
/// operations at once.
///
/// # Panics
/// If a rule is broken; the message names the rule and what was found.
pub fn accounts(make: impl Fn() -> Arc<dyn Accounts>) {
    for (rule, check) in accounts::RULES.iter().chain(states::RULES).chain(changes::RULES) {
        run(rule, || check(make().as_ref()));
    }
}

/// Puts an engine's bounded history of changes through its rules.
///
/// `make` gives an empty engine that remembers exactly as many changes as its argument says.
///
/// # Panics
/// If a rule is broken; the message names the rule and what was found.
pub fn account_history(make: impl Fn(usize) -> Arc<dyn Accounts>) {
    for (rule, history, check) in changes::HISTORY_RULES {
        run(rule, || check(make(*history).as_ref()));
    }
}

type Rule = (&'static str, fn(&dyn Accounts));

/// A rule with the number of changes that its engine has to remember.
type HistoryRule = (&'static str, usize, fn(&dyn Accounts));

/// Runs one rule, whose name goes to the test's output if it panics.
fn run(rule: &str, check: impl FnOnce()) {
    struct Name<'a>(&'a str);
    impl Drop for Name<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                // A test library talks to whoever runs the test.
                eprintln!("storage battery: broken rule: {}", self.0);
            }
        }
    }
    let name = Name(rule);
    check();
    drop(name);
}
