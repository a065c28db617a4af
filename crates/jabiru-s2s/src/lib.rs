//! Server-to-server streams: finding other servers, proving who they are, and talking to them.

pub mod report;
