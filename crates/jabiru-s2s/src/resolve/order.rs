//! The order in which to try SRV targets (RFC 2782).

use rand::{Rng, RngExt};

use super::ServerTarget;

/// Orders the SRV targets of a domain into the sequence in which to try them.
///
/// Lower `priority` comes first; within one priority, a weighted draw from `rng` (RFC 2782, "Weight"; RFC 6120
/// §3.2.1). Targets for direct TLS and for STARTTLS are mixed as if they were of one service (XEP-0368 §2). Takes time
/// that grows with the square of the number of targets, which one DNS message bounds.
#[must_use]
pub fn order_targets(mut targets: Vec<ServerTarget>, rng: &mut impl Rng) -> Vec<ServerTarget> {
    // RFC 2782: those of weight 0 stand first, so that they are drawn by a 0 alone.
    targets.sort_by_key(|target| (target.priority, target.weight));
    let mut ordered = Vec::with_capacity(targets.len());
    while let Some(first) = targets.first() {
        let priority = first.priority;
        let same = targets.iter().take_while(|target| target.priority == priority);
        let sum: u64 = same.map(|target| u64::from(target.weight)).sum();
        // Between 0 and the sum, both included; the first whose running sum reaches it is next.
        let drawn = rng.random_range(0..=sum);
        let mut running = 0;
        let next = targets
            .iter()
            .position(|target| {
                running += u64::from(target.weight);
                running >= drawn
            })
            .expect("the sum of all reaches what was drawn");
        ordered.push(targets.remove(next));
    }
    ordered
}
