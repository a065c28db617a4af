//! The server's side of a SCRAM exchange (RFC 5802 §5).

/// Server side of one SCRAM exchange.
#[derive(Debug)]
pub struct ServerMechanism {}
