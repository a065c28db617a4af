//! A bounded queue between the callers and the engine's threads.

use std::collections::VecDeque;

use parking_lot::{Condvar, Mutex};

use crate::error::Unavailable;

/// First in, first out, for any number of threads at both ends.
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    capacity: usize,
}

struct State<T> {
    items: VecDeque<T>,
    open: bool,
}

impl<T> Queue<T> {
    /// An empty queue for at most `capacity` items.
    pub(super) fn new(capacity: usize) -> Self {
        let state = State { items: VecDeque::new(), open: true };
        Self { state: Mutex::new(state), changed: Condvar::new(), capacity }
    }

    /// Appends an item, or says at once why not.
    pub(super) fn push(&self, item: T) -> Result<(), Unavailable> {
        let mut state = self.state.lock();
        if !state.open {
            return Err(Unavailable::Closed);
        }
        if state.items.len() >= self.capacity {
            return Err(Unavailable::QueueFull);
        }
        state.items.push_back(item);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for the first item and takes with it those that are there already, `most` in all.
    /// `None` once the queue is closed and empty.
    pub(super) fn take(&self, most: usize) -> Option<Vec<T>> {
        let mut state = self.state.lock();
        while state.items.is_empty() {
            if !state.open {
                return None;
            }
            self.changed.wait(&mut state);
        }
        let count = state.items.len().min(most);
        Some(state.items.drain(..count).collect())
    }

    /// How many items wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.state.lock().items.len()
    }

    /// Refuses further items; those inside can still be taken.
    pub(super) fn close(&self) {
        self.state.lock().open = false;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounded_and_in_order() {
        let queue = Queue::new(3);
        assert_eq!([1, 2, 3, 4].map(|item| queue.push(item).err()), [None, None, None, Some(Unavailable::QueueFull)]);
        assert_eq!(queue.take(2), Some(vec![1, 2]));
        queue.push(5).unwrap();
        queue.close();
        assert_eq!(queue.push(6), Err(Unavailable::Closed));
        assert_eq!(queue.take(9), Some(vec![3, 5]));
        assert_eq!(queue.take(9), None);
    }
}
