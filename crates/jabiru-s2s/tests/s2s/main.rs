//! Two servers in one process, over loopback.
#![allow(clippy::unwrap_used, reason = "it is all test code")]

mod broken;
mod diagnosis;
mod exchange;
mod list;
mod proxy;
mod refused;
mod site;
#[path = "../support/mod.rs"]
mod support;
