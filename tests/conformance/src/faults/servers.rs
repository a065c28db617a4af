//! Faults of streams between servers (RFC 6120 §4 to §6, §8.1, §10.4; XEP-0220), in either direction.

use super::Fault;

pub(super) const FAULTS: &[Fault] = &[];
