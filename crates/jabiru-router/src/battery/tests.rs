//! The battery on a good backend, and on broken ones: a check that can't fail proves nothing.

use super::*;
use crate::InMemory;

#[test]
fn in_memory_passes() {
    prove(|| Arc::new(InMemory::new()));
}
