//! Two servers in one process, over loopback.

mod broken;
mod diagnosis;
mod exchange;
mod list;
mod proxy;
mod refused;
mod site;
#[path = "../support/mod.rs"]
mod support;
