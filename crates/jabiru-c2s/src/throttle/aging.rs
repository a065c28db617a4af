//! A bounded memory that forgets what was not touched for longest.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Values by key, in two generations: when the young one is full, or old enough, it becomes the old one, and the old one
/// is forgotten.
#[derive(Debug)]
pub(super) struct Aging<V> {
    young: HashMap<u64, V>,
    old: HashMap<u64, V>,
    /// Of one generation.
    capacity: usize,
    lifetime: Duration,
    young_since: Instant,
}

impl<V: Copy> Aging<V> {
    /// Remembers at most `capacity` values, each for at least `lifetime` as long as there is room.
    pub(super) fn new(capacity: usize, lifetime: Duration, now: Instant) -> Aging<V> {
        let capacity = (capacity / 2).max(1);
        Aging { young: HashMap::new(), old: HashMap::new(), capacity, lifetime, young_since: now }
    }

    pub(super) fn get(&mut self, key: u64, now: Instant) -> Option<V> {
        self.age(now);
        self.young.get(&key).or_else(|| self.old.get(&key)).copied()
    }

    pub(super) fn set(&mut self, key: u64, value: V, now: Instant) {
        self.age(now);
        if self.young.len() >= self.capacity && !self.young.contains_key(&key) {
            self.turn(now);
        }
        self.young.insert(key, value);
    }

    fn age(&mut self, now: Instant) {
        let age = now.saturating_duration_since(self.young_since);
        if age >= self.lifetime {
            self.turn(now);
            if age >= self.lifetime * 2 {
                self.old = HashMap::new();
            }
        }
    }

    fn turn(&mut self, now: Instant) {
        self.old = std::mem::take(&mut self.young);
        self.young_since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_touched_is_forgotten_first() {
        let start = Instant::now();
        let mut memory = Aging::new(20, Duration::from_secs(100), start);
        memory.set(0, 0, start);
        for key in 1..1000 {
            memory.set(key, key, start);
            let kept = memory.get(0, start).expect("it is touched all the time");
            memory.set(0, kept, start);
            assert_eq!(memory.get(key, start), Some(key));
            assert!(memory.young.len() + memory.old.len() <= 20);
        }
        assert_eq!((1..1000 - 20).filter(|key| memory.get(*key, start).is_some()).count(), 0);
    }

    #[test]
    fn it_is_remembered_for_its_lifetime_and_given_back_after_two() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        for (set, get, kept) in [(0, 99, true), (99, 198, true), (0, 199, true), (0, 200, false), (99, 399, false)] {
            let mut memory = Aging::new(20, Duration::from_secs(100), start);
            memory.set(1, 1, at(set));
            assert_eq!(memory.get(1, at(get)).is_some(), kept, "set at {set}, asked at {get}");
        }
    }
}
