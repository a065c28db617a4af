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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::resolve::Host;

    fn target(priority: u16, weight: u16, port: u16) -> ServerTarget {
        let host = Host::Name("host.example".to_owned());
        ServerTarget { host, port, direct_tls: port == 5223, priority, weight, secure: false }
    }

    fn ports(targets: Vec<ServerTarget>, rng: &mut StdRng) -> Vec<u16> {
        order_targets(targets, rng).iter().map(|target| target.port).collect()
    }

    /// How far counts are from what was expected, as Pearson's test has it.
    fn chi_square(counts: &HashMap<Vec<u16>, u32>, expected: &HashMap<Vec<u16>, f64>) -> f64 {
        let term = |(key, expected): (&Vec<u16>, &f64)| {
            let count = f64::from(counts.get(key).copied().unwrap_or(0));
            (count - expected).powi(2) / expected
        };
        expected.iter().map(term).sum()
    }

    #[test]
    fn lower_priorities_come_first_whatever_the_weight() {
        let mut rng = StdRng::seed_from_u64(1);
        let targets = vec![target(20, 65535, 1), target(10, 0, 2), target(65535, 9, 3), target(0, 0, 4)];
        for _ in 0..100 {
            assert_eq!(ports(targets.clone(), &mut rng), [4, 2, 1, 3]);
        }
        assert!(ports(Vec::new(), &mut rng).is_empty());
    }

    /// RFC 2782, "Weight": every order of four targets, two of them for direct TLS (XEP-0368 §2), is as frequent as the
    /// draws make it.
    #[test]
    fn weights_are_kept() {
        const ROUNDS: u32 = 100_000;
        // The 99.9 % quantile of the distribution with 23 degrees of freedom: 24 orders.
        const BOUND: f64 = 49.73;
        let targets = vec![target(5, 60, 5223), target(5, 10, 5269), target(5, 0, 5270), target(5, 25, 5223 + 100)];

        let mut expected = HashMap::new();
        expect(&targets, &mut Vec::new(), f64::from(ROUNDS), &mut expected);
        assert_eq!(expected.len(), 24);

        let mut rng = StdRng::seed_from_u64(2782);
        let mut counts: HashMap<Vec<u16>, u32> = HashMap::new();
        for _ in 0..ROUNDS {
            *counts.entry(ports(targets.clone(), &mut rng)).or_default() += 1;
        }
        let distance = chi_square(&counts, &expected);
        assert!(distance < BOUND, "{distance}: {counts:?}, expected {expected:?}");

        // The same test notices a draw that ignores the weights.
        let even = expected.keys().map(|order| (order.clone(), f64::from(ROUNDS) / 24.0)).collect();
        assert!(chi_square(&counts, &even) > 100.0 * BOUND);
    }

    /// How often each order is expected: a number of 0 to the sum of the weights is drawn, so the lightest target has one
    /// more chance than its weight.
    fn expect(left: &[ServerTarget], before: &mut Vec<u16>, rounds: f64, expected: &mut HashMap<Vec<u16>, f64>) {
        if left.is_empty() {
            expected.insert(before.clone(), rounds);
            return;
        }
        let sum: f64 = left.iter().map(|target| f64::from(target.weight)).sum();
        let lightest = left.iter().map(|target| target.weight).min();
        for (position, target) in left.iter().enumerate() {
            let chances = f64::from(target.weight) + if Some(target.weight) == lightest { 1.0 } else { 0.0 };
            let mut rest = left.to_vec();
            rest.remove(position);
            before.push(target.port);
            expect(&rest, before, rounds * chances / (sum + 1.0), expected);
            before.pop();
        }
    }

    /// Two of weight 0 and nothing else: the first as they stand, without a draw between them (RFC 2782). Beside a heavy
    /// one, they still have a small chance.
    #[test]
    fn weight_0_has_a_small_chance() {
        let mut rng = StdRng::seed_from_u64(3);
        assert_eq!(ports(vec![target(1, 0, 1), target(1, 0, 2)], &mut rng), [1, 2]);
        let rounds = 50_000;
        let first = (0..rounds).filter(|_| ports(vec![target(1, 99, 1), target(1, 0, 2)], &mut rng)[0] == 2).count();
        // 1 in 100, give or take 5 standard deviations of 22.
        assert!((390..610).contains(&first), "{first}");
    }
}
