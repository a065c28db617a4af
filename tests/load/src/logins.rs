//! Logins: what they cost, and what memory stays taken.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::login::{Login, Target};
use crate::{Figures, cpu_time, resident_bytes};

/// How long a server may take to settle before its memory is read.
const SETTLING: Duration = Duration::from_secs(3);
/// Logins before counting, so that what is made once is made.
const WARM_UP: usize = 10;

/// Logs in and closes, `count` times one after the other, over so many accounts.
///
/// # Errors
/// Whatever goes wrong with one of them.
pub fn logins(target: &Target, processes: &[u32], count: usize, accounts: usize) -> Result<Figures> {
    let one = |number: usize| Login::new(target, number % accounts, &format!("l{number}"))?.close();
    (0..WARM_UP).try_for_each(one)?;
    let mut times = Vec::with_capacity(count);
    let (start, before) = (Instant::now(), cpu_time(processes)?);
    for number in 0..count {
        let begun = Instant::now();
        one(number)?;
        times.push(begun.elapsed());
    }
    let cpu = cpu_time(processes)? - before;
    Ok(Figures::new(count as u64, start.elapsed(), cpu, &mut times))
}

/// Bytes of resident memory that one connected client takes, over `count` of them, `accounts` accounts with equally many.
///
/// # Errors
/// Whatever goes wrong with one of them.
pub fn idle_memory(target: &Target, processes: &[u32], count: usize, accounts: usize) -> Result<f64> {
    for number in 0..WARM_UP {
        Login::new(target, number % accounts, "warm")?.close()?;
    }
    thread::sleep(SETTLING);
    let before = resident_bytes(processes)?;
    let clients: Vec<Login> =
        (0..count).map(|number| Login::new(target, number % accounts, &format!("i{number}"))).collect::<Result<_>>()?;
    thread::sleep(SETTLING);
    let after = resident_bytes(processes)?;
    drop(clients);
    Ok(after.saturating_sub(before) as f64 / count as f64)
}
