//! Client streams over loopback, with times and bounds so short that a test sees them pass.
#![allow(clippy::unwrap_used, reason = "it is all test code")]

mod accounts;
mod bounds;
mod certificates;
mod client;
mod guesses;
mod orders;
mod panics;
mod rules;
mod server;
mod silence;
