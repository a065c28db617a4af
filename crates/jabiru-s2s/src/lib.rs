//! Server-to-server streams: finding other servers, proving who they are, and talking to them.

pub mod connect;
pub mod posh;
pub mod report;
pub mod resolve;
