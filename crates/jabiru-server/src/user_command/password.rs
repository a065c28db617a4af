//! From a password to the credentials that are kept in its place.

use std::io;

use anyhow::{Context, bail};
use jabiru_stanza::BareJid;
use jabiru_storage::Credentials;
use zeroize::Zeroizing;

use super::console::Console;
pub(super) use crate::credentials::derive;

/// Gets a new password for an account, typed twice at a terminal or piped in once, and derives
/// the credentials.
pub(super) fn ask(console: &mut dyn Console, address: &BareJid) -> anyhow::Result<Credentials> {
    let password = if console.is_terminal() { ask_twice(console, address)? } else { read(console)? };
    if password.chars().count() < RECOMMENDED_LENGTH {
        console.note(&format!("Note: a password of fewer than {RECOMMENDED_LENGTH} characters is soon guessed."));
    }
    derive(&password)
}

/// XEP-0438 §8 wants no fewer; who administers a server may know better.
const RECOMMENDED_LENGTH: usize = 8;

fn ask_twice(console: &mut dyn Console, address: &BareJid) -> anyhow::Result<Zeroizing<String>> {
    for _ in 0..MAX_TRIES {
        let first = console.ask_secret(&format!("Password for {address}: ")).context("can't read the password")?;
        if first.is_empty() {
            bail!("the password is empty");
        }
        let second = console.ask_secret("The same again: ").context("can't read the password")?;
        if first == second {
            return Ok(first);
        }
        console.note("These were two different passwords; try again.");
    }
    bail!("no password was typed twice in {MAX_TRIES} tries")
}

const MAX_TRIES: usize = 3;

fn read(console: &mut dyn Console) -> anyhow::Result<Zeroizing<String>> {
    match console.read_secret() {
        Ok(password) => Ok(password),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            bail!("standard input is empty: it must hold the password, on one line")
        }
        Err(error) => Err(error).context("can't read the password from standard input"),
    }
}
