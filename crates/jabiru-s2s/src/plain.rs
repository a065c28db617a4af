//! Other servers' words, made fit for one line of a log.

use std::fmt::{self, Write};

/// What it says, with everything escaped that is no printable text: what another server writes must not begin a line of
/// its own. Cut off where it is longer than anybody reads.
pub(crate) fn plain(said: impl fmt::Display) -> String {
    const MOST_CHARACTERS: usize = 500;
    let said = said.to_string();
    let mut out = String::with_capacity(said.len());
    for (place, character) in said.chars().enumerate() {
        if place == MOST_CHARACTERS {
            out.push('…');
            break;
        }
        if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') {
            // Writing to a String can't fail.
            let _ = write!(out, "{}", character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_can_not_be_forged() {
        assert_eq!(plain("a\n2026-01-01 ERROR b\u{1b}[31m"), "a\\n2026-01-01 ERROR b\\u{1b}[31m");
        assert_eq!(plain("Grüße «x»"), "Grüße «x»");
        assert_eq!(plain("x".repeat(1000)).chars().count(), 501);
    }
}
