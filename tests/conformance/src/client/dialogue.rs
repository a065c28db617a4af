//! Everything that was said in a case, on all of its connections, decrypted.

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The bytes that one case may say and hear before the rest is no longer written down.
const MAX_BYTES: usize = 1 << 20;

/// The characters of one entry that are printed.
const MAX_SHOWN: usize = 3000;

/// The record of a case.
#[derive(Debug)]
pub struct Dialogue {
    start: Instant,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    list: Vec<Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    at: Duration,
    connection: String,
    kind: Kind,
    text: String,
}

/// Who said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// We to the server.
    Sent,
    /// The server to us.
    Received,
    /// Nobody: something happened.
    Note,
}

impl Default for Dialogue {
    fn default() -> Dialogue {
        Dialogue { start: Instant::now(), entries: Mutex::default() }
    }
}

impl Dialogue {
    /// Writes something down.
    pub fn add(&self, connection: &str, kind: Kind, text: &str) {
        let at = self.start.elapsed();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.bytes > MAX_BYTES {
            return;
        }
        entries.bytes += text.len() + 64;
        if let Some(last) = entries.list.last_mut()
            && kind == Kind::Received
            && last.kind == kind
            && last.connection == connection
        {
            last.text.push_str(text);
            return;
        }
        entries.list.push(Entry { at, connection: connection.to_owned(), kind, text: text.to_owned() });
    }

    /// For people: one entry a line, with seconds, connection and direction.
    #[must_use]
    pub fn text(&self) -> String {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let width = entries.list.iter().map(|entry| entry.connection.len()).max().unwrap_or(0);
        let mut out = String::new();
        for Entry { at, connection, kind, text } in &entries.list {
            let sign = match kind {
                Kind::Sent => "-->",
                Kind::Received => "<--",
                Kind::Note => "---",
            };
            let shown: String = text.chars().take(MAX_SHOWN).collect();
            let more = if shown.len() < text.len() { format!(" … ({} bytes)", text.len()) } else { String::new() };
            // Writing to a String can't fail.
            let _ = writeln!(out, "{:7.3}  {connection:width$}  {sign} {}{more}", at.as_secs_f64(), shown.trim_end());
        }
        if entries.bytes > MAX_BYTES {
            out.push_str("         … and so on\n");
        }
        out
    }
}
