//! What processes have used, as Linux tells in `/proc`.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// Linux counts in hundredths of a second, whatever its own clock does.
const TICKS_A_SECOND: u64 = 100;

/// User and system time of these processes together, all of their threads, ended ones too.
///
/// # Errors
/// If one of them is gone.
pub fn cpu_time(processes: &[u32]) -> Result<Duration> {
    let mut ticks = 0;
    for process in processes {
        let text = fs::read_to_string(format!("/proc/{process}/stat")).context("the server is gone")?;
        // The name in parentheses may contain anything: what follows the last one counts.
        let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let number = |place: usize| -> Result<u64> { Ok(fields.get(place).context("short stat")?.parse()?) };
        ticks += number(11)? + number(12)?;
    }
    Ok(Duration::from_millis(ticks * 1000 / TICKS_A_SECOND))
}

/// Resident memory of these processes together.
///
/// # Errors
/// If one of them is gone.
pub fn resident_bytes(processes: &[u32]) -> Result<u64> {
    let mut bytes = 0;
    for process in processes {
        let text = fs::read_to_string(format!("/proc/{process}/status")).context("the server is gone")?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        bytes += kilobytes * 1024;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_has_used_something() {
        let start = std::time::Instant::now();
        while start.elapsed() < Duration::from_millis(100) {}
        assert!(cpu_time(&[std::process::id()]).unwrap() >= Duration::from_millis(20));
        assert!(resident_bytes(&[std::process::id()]).unwrap() > 100_000);
        assert!(cpu_time(&[u32::MAX]).is_err());
    }
}
