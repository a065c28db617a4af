//! What can be wrong with a configuration file, in words that say what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The file is read, but says what cannot be. Displayed with a line for each problem.
    #[error("{}", list(path, problems))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// All that is wrong, in the order of the file; at least one.
        problems: Vec<Problem>,
    },
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is not TOML.
    #[error("not TOML: {message}")]
    Syntax {
        /// The parser's words, on one line.
        message: String,
    },
    /// A key that means nothing here.
    #[error("unknown key {key:?}; {}", nearest_key(nearest.as_deref()))]
    UnknownKey {
        /// The key with its sections.
        key: String,
        /// The known key that looks most like it, if any does.
        nearest: Option<String>,
    },
    /// A value that cannot be.
    #[error("{key}: expected {expected}, found {found}{}", nearest_word(nearest.as_deref()))]
    Value {
        /// The key with its sections.
        key: String,
        /// What would be right.
        expected: String,
        /// What is there.
        found: String,
        /// Of a set of words, the one that looks most like what was found, if any does.
        nearest: Option<String>,
    },
    /// A key that must be there.
    #[error("{key} is missing: expected {expected}")]
    Missing {
        /// The key with its sections.
        key: String,
        /// What would be right.
        expected: String,
    },
    /// Values that are right by themselves, but not together.
    #[error("{key}: {reason}")]
    Conflict {
        /// The key with its sections.
        key: String,
        /// What is wrong with it, and what to do.
        reason: String,
    },
}

fn nearest_key(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("the nearest known key is {nearest:?}"),
        None => "jabiru.example.toml has every key there is".to_owned(),
    }
}

fn nearest_word(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("; the nearest is {nearest:?}"))
}

fn list(path: &std::path::Path, problems: &[Problem]) -> String {
    let lines: Vec<_> = problems.iter().map(|problem| format!("{}:{problem}", path.display())).collect();
    lines.join("\n")
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.fault)
    }
}
