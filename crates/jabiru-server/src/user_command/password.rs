//! From a password to the credentials that are kept in its place.

use std::io;

use anyhow::{Context, bail};
use jabiru_stanza::BareJid;
use jabiru_storage::Credentials;
use zeroize::Zeroizing;

use super::console::Console;
use crate::credentials::acceptable;
pub(super) use crate::credentials::derive;

/// Gets a new password for an account, typed twice at a terminal or piped in once, and derives
/// the credentials. It must be [`acceptable`], unless it may be `weak`.
pub(super) fn ask(console: &mut dyn Console, address: &BareJid, weak: bool) -> anyhow::Result<Credentials> {
    let judge = |password: &str| if weak { Ok(()) } else { acceptable(password, address) };
    let password = if console.is_terminal() { ask_twice(console, address, judge)? } else { read(console)? };
    // First what nothing can be derived from: that is not weak, but none.
    let credentials = derive(&password)?;
    if let Err(why) = judge(&password) {
        bail!("{why} (--allow-weak takes it all the same)");
    }
    Ok(credentials)
}

fn ask_twice(
    console: &mut dyn Console,
    address: &BareJid,
    judge: impl Fn(&str) -> Result<(), String>,
) -> anyhow::Result<Zeroizing<String>> {
    for _ in 0..MAX_TRIES {
        let first = console.ask_secret(&format!("Password for {address}: ")).context("can't read the password")?;
        if first.is_empty() {
            bail!("the password is empty");
        }
        if let Err(why) = judge(&first) {
            console.note(&format!("Try another: {why}."));
            continue;
        }
        let second = console.ask_secret("The same again: ").context("can't read the password")?;
        if first == second {
            return Ok(first);
        }
        console.note("These were two different passwords; try again.");
    }
    bail!("no password that can be taken was typed twice in {MAX_TRIES} tries")
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
