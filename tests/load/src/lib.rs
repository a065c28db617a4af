//! Load on an XMPP server, any of them, and what it costs the server's processes.
//!
//! One thread drives all clients, looks for nothing but the ends of stanzas, and so costs far less than what it measures.
//! Only the processes of the server are counted: [`cpu_time`] before and after, divided by what arrived in between.
//!
//! - [`exchange`]: pairs of clients that chat, or clients that ping the server, with so many stanzas on the way
//! - [`logins`]: what logging in costs, and what memory a client takes that does nothing more

mod exchange;
mod login;
mod logins;
mod message;
mod process;
mod wire;

pub use exchange::{Pace, Traffic, exchange};
pub use login::{Login, Security, Target};
pub use logins::{idle_memory, logins};
pub use process::{cpu_time, resident_bytes};

/// What one measurement gave.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Figures {
    /// What was counted: messages delivered, answers, or logins.
    pub count: u64,
    /// How long it was counted.
    pub seconds: f64,
    /// CPU time of the server's processes for one of them.
    pub cpu_microseconds: f64,
    /// From sending to receiving, the middle one.
    pub median_microseconds: f64,
    /// From sending to receiving, of the slowest hundredth the fastest.
    pub percentile_99_microseconds: f64,
}
