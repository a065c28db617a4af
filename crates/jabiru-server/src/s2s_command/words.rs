//! Values of server streams in words, and others' words on a terminal.

use std::fmt::{self, Write};
use std::time::Duration;

use jabiru_s2s::report::{Answer, Method, Proof};

/// A text that others may have written: what would act on a terminal, or turn the direction of what follows, is escaped,
/// and what is long cut off.
pub(super) struct Shown<'a>(pub(super) &'a str);

const SHOWN_CHARACTERS: usize = 1000;

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars();
        for character in characters.by_ref().take(SHOWN_CHARACTERS) {
            let directs = matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if character.is_control() || directs {
                write!(f, "{}", character.escape_unicode())?;
            } else {
                f.write_char(character)?;
            }
        }
        if characters.next().is_some() { f.write_char('…') } else { Ok(()) }
    }
}

pub(super) fn proof(proof: Proof) -> &'static str {
    match proof {
        Proof::Certificate => "certificate",
        Proof::Dane => "DANE",
        Proof::Posh => "POSH",
        Proof::Dialback => "dialback",
    }
}

/// `certificate, DANE`; nothing for none.
pub(super) fn proofs(proofs: &[Proof]) -> String {
    let words: Vec<_> = proofs.iter().map(|one| proof(*one)).collect();
    words.join(", ")
}

pub(super) fn method(method: Method) -> &'static str {
    match method {
        Method::External => "EXTERNAL",
        Method::Dialback => "dialback",
    }
}

/// `host-unknown: "no such domain"`.
pub(super) fn answer(answer: &Answer) -> String {
    match &answer.text {
        Some(text) => format!("{}: \"{text}\"", answer.condition),
        None => answer.condition.clone(),
    }
}

/// Two units at most: `5s`, `2m`, `3h05m`, `4d11h`.
pub(super) fn short(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m"),
        (0, hours, minutes) => format!("{hours}h{minutes:02}m"),
        (days, hours, _) => format!("{days}d{hours:02}h"),
    }
}

/// `3.4 ms`, `1.25 s`.
pub(super) fn taken(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 0.9995 => format!("{:.1} ms", seconds * 1000.0),
        seconds => format!("{seconds:.2} s"),
    }
}

/// `450`, `12 KiB`, `3 MiB`.
pub(super) fn bytes(bytes: usize) -> String {
    const KIB: usize = 1024;
    match bytes {
        0..KIB => bytes.to_string(),
        KIB..1_048_576 => format!("{} KiB", bytes / KIB),
        _ => format!("{} MiB", bytes / KIB / KIB),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_words() {
        for (text, expected) in [
            ("kein Zugang für \"Sie\"", "kein Zugang für \"Sie\""),
            ("\u{1b}[2J\r\n\u{7f}", "\\u{1b}[2J\\u{d}\\u{a}\\u{7f}"),
            ("\u{202e}txt", "\\u{202e}txt"),
        ] {
            assert_eq!(Shown(text).to_string(), expected);
        }
        let long = "ü".repeat(SHOWN_CHARACTERS + 1);
        assert_eq!(Shown(&long).to_string().chars().count(), SHOWN_CHARACTERS + 1);
    }

    #[test]
    fn numbers() {
        assert_eq!([0, 59, 60, 3600, 90_000].map(short), ["0s", "59s", "1m", "1h00m", "1d01h"]);
        let times = [0, 340, 1_250_000, 999_499].map(|micros| taken(Duration::from_micros(micros)));
        assert_eq!(times, ["0.0 ms", "0.3 ms", "1.25 s", "999.5 ms"]);
        assert_eq!([0, 1023, 1024, 3 << 20].map(bytes), ["0", "1023", "1 KiB", "3 MiB"]);
    }
}
