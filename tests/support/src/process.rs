//! What the system says about the server's process. Linux alone tells; elsewhere there is no answer, and a
//! test has nothing to compare.

use crate::Server;

impl Server {
    /// Bytes of memory in use now (resident set).
    #[must_use]
    pub fn resident_bytes(&self) -> Option<u64> {
        Some(self.status("VmRSS:")? * 1024)
    }

    /// The most bytes of memory in use at once since [`forget_peak`](Self::forget_peak).
    #[must_use]
    pub fn peak_bytes(&self) -> Option<u64> {
        Some(self.status("VmHWM:")? * 1024)
    }

    /// Lets the peak begin anew at what is in use now.
    pub fn forget_peak(&self) {
        // 5 resets the peak (proc(5), clear_refs). Without such a file there is no peak to ask for either.
        let _ = std::fs::write(format!("/proc/{}/clear_refs", self.process()), "5");
    }

    /// How many threads it has.
    #[must_use]
    pub fn thread_count(&self) -> Option<u64> {
        self.status("Threads:")
    }

    /// How many files and sockets it has open.
    #[must_use]
    pub fn open_files(&self) -> Option<usize> {
        Some(std::fs::read_dir(format!("/proc/{}/fd", self.process())).ok()?.count())
    }

    fn status(&self, field: &str) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        line.split_whitespace().next()?.parse().ok()
    }
}
