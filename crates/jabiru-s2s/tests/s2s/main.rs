//! Two servers in one process, over loopback.

mod broken;
mod exchange;
mod proxy;
mod refused;
mod site;
