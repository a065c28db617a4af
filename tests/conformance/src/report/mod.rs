//! What came of a run, in the forms in which it is wanted.

mod json;
mod junit;
mod markdown;
mod peers;
mod table;

use crate::runner::Report;

pub use self::json::json;
pub use self::junit::junit;
pub use self::markdown::markdown;
pub use self::peers::{Peer, comparison, peers};
pub use self::table::{failures, table};

/// A run that has ended.
#[derive(Clone, Debug)]
pub struct Run {
    /// What the server is called.
    pub server: String,
    /// One report a case.
    pub reports: Vec<Report>,
    /// Does a SHOULD that is not kept count?
    pub strict: bool,
}

impl Run {
    /// How many cases count against the server.
    #[must_use]
    pub fn failures(&self) -> usize {
        self.reports.iter().filter(|report| report.is_failure(self.strict)).count()
    }

    /// How many cases have this result, see [`Report::word`].
    fn count(&self, word: &str) -> usize {
        self.reports.iter().filter(|report| report.word() == word).count()
    }

    /// One line of numbers.
    #[must_use]
    pub fn totals(&self) -> String {
        format!(
            "{}: {} cases, {} passed, {} failed, {} warnings, {} optional and not done, {} not tried",
            self.server,
            self.reports.len(),
            self.count("pass"),
            self.count("FAIL"),
            self.count("warning"),
            self.count("does not"),
            self.count("not tried"),
        )
    }

    /// The result of a row: the worst of its cases', by [`Report::word`].
    fn row_result(&self, row: &str) -> Option<&'static str> {
        let worst = ["FAIL", "warning", "pass", "does not", "not tried"];
        let of_row = |report: &&Report| report.case.proves.contains(&row);
        let words: Vec<&str> = self.reports.iter().filter(of_row).map(Report::word).collect();
        worst.into_iter().find(|word| words.contains(word))
    }
}
