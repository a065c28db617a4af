//! How many stanzas of the other side were handled.

/// The counter that `h` tells (XEP-0198 §4); after 2³²−1 comes 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handled(u32);

impl Handled {
    /// A counter that goes on from here.
    #[must_use]
    pub fn from_h(h: u32) -> Handled {
        Handled(h)
    }

    /// One more stanza was handled: we are responsible for it now.
    pub fn count(&mut self) {
        self.0 = self.0.wrapping_add(1);
    }

    /// What to say in `<a/>`, `<resume/>` and `<resumed/>`.
    #[must_use]
    pub fn h(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_wraps() {
        let mut handled = Handled::from_h(u32::MAX - 1);
        handled.count();
        assert_eq!(handled.h(), u32::MAX);
        handled.count();
        assert_eq!(handled.h(), 0);
    }
}
