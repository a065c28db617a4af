//! A map of bounded size whose entries end by themselves.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use tokio::time::Instant;

/// Remembers values until a time, and a stated number of them at the most.
///
/// It keeps two generations, each of half the size: what is used moves to the younger one; when that is full it becomes
/// the older one, and what nobody has used since is forgotten. So each call takes constant time, but for the one in many
/// that drops a generation.
#[derive(Debug)]
pub(crate) struct ExpiringCache<K, V> {
    young: HashMap<K, (V, Instant)>,
    old: HashMap<K, (V, Instant)>,
    per_generation: usize,
}

impl<K: Eq + Hash, V: Clone> ExpiringCache<K, V> {
    /// For this many entries, an even number of them; none are kept if it is less than 2.
    pub(crate) fn new(entries: usize) -> ExpiringCache<K, V> {
        ExpiringCache { young: HashMap::new(), old: HashMap::new(), per_generation: entries / 2 }
    }

    /// Remembers `value` until `expires`.
    pub(crate) fn insert(&mut self, key: K, value: V, expires: Instant) {
        if self.per_generation == 0 {
            return;
        }
        if self.young.len() >= self.per_generation && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, (value, expires));
    }

    /// The value, if it has not ended at `now`.
    pub(crate) fn get<Q>(&mut self, key: &Q, now: Instant) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        if let Some((value, expires)) = self.young.get(key) {
            if *expires > now {
                return Some(value.clone());
            }
            self.young.remove(key);
            return None;
        }
        let (key, (value, expires)) = self.old.remove_entry(key)?;
        if expires <= now {
            return None;
        }
        self.insert(key, value.clone(), expires);
        Some(value)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn entries_end_at_their_time_and_are_never_more_than_stated() {
        let now = Instant::now();
        let (soon, later) = (now + Duration::from_secs(1), now + Duration::from_secs(60));
        let mut cache = ExpiringCache::new(10);
        cache.insert("kept", 0, later);
        cache.insert("short", 1, soon);
        assert_eq!(cache.get("short", now), Some(1));
        assert_eq!(cache.get("short", soon), None);
        assert_eq!(cache.len(), 1);

        let names: Vec<String> = (0..1000).map(|number| format!("{number}")).collect();
        for name in &names {
            cache.insert(name.as_str(), 2, later);
            assert!(cache.len() <= 10, "{}", cache.len());
            // What is in use stays, however many others come.
            assert_eq!(cache.get("kept", now), Some(0));
        }
        assert_eq!(cache.get("999", now), Some(2));
        assert_eq!(cache.get("1", now), None);
    }

    #[test]
    fn a_newer_value_takes_the_place_of_the_older() {
        let now = Instant::now();
        let later = now + Duration::from_secs(60);
        let mut cache = ExpiringCache::new(2);
        cache.insert("a", 1, later);
        cache.insert("b", 2, later);
        cache.insert("a", 3, later);
        assert_eq!(cache.get("a", now), Some(3));
        assert_eq!(cache.len(), 2);
    }

    #[test]
    fn nothing_is_kept_without_room() {
        let now = Instant::now();
        let mut cache = ExpiringCache::new(0);
        cache.insert("a", 1, now + Duration::from_secs(60));
        assert_eq!(cache.get("a", now), None);
    }
}
