//! What the tests from outside share: a [`Server`] in a folder of its own, and a [`Client`].
//!
//! Both talk over real sockets and know nothing of the server's insides. Every wait is bounded by
//! [`PATIENCE`]; what is not there by then fails the test. Nothing here returns errors: a test
//! that can't go on panics with what it saw.

mod client;
mod process;
mod program;
mod server;

use std::time::Duration;

pub use client::{Client, Login, Security};
pub use program::program;
pub use server::{Data, Run, Server, pretend_newer_schema};

/// How long anything may take before a test gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(20);
