//! How many connections there may be at once (RFC 6120 §13.12, points 1 and 2 of its list).
//!
//! Connections are counted altogether and by network address; those that are not authenticated yet
//! are counted once more, against tighter bounds, because whoever made them has shown nothing. A
//! connection over a bound is not just dropped: a small number of them at once is handed out as an
//! [`Excess`], so that its owner can be told `resource-constraint` (RFC 6120 §4.9.3.17).

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use crate::attempts::{AttemptRate, Attempts};

/// Bounds on connections. "Per address" is per IPv4 address, or per /64 of IPv6, which is what one
/// site has at the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdmissionLimits {
    /// Connections altogether.
    pub connections: usize,
    /// Connections from one address.
    pub connections_per_address: usize,
    /// Connections altogether that are not authenticated yet ([`Admitted::established`]).
    pub unauthenticated: usize,
    /// Connections from one address that are not authenticated yet.
    pub unauthenticated_per_address: usize,
    /// How often one address may connect; `None` for as often as it likes.
    pub attempts_per_address: Option<AttemptRate>,
    /// Connections over the bounds above that are told so at once; the next is closed unsaid. From one
    /// address it is an eighth of this, and one at the least, so that one site does not silence the
    /// server for all others.
    pub refusals: usize,
}

impl AdmissionLimits {
    /// These bounds for connections, whether authenticated or not and however often they are made, and
    /// [`REFUSALS`](Self::REFUSALS).
    #[must_use]
    pub const fn new(connections: usize, connections_per_address: usize) -> AdmissionLimits {
        AdmissionLimits {
            connections,
            connections_per_address,
            unauthenticated: connections,
            unauthenticated_per_address: connections_per_address,
            attempts_per_address: None,
            refusals: AdmissionLimits::REFUSALS,
        }
    }

    /// What `refusals` is unless said otherwise.
    pub const REFUSALS: usize = 64;

    fn refusals_per_address(&self) -> usize {
        (self.refusals / 8).max(1)
    }
}

/// Which bound a connection was over. Its text is fit for the peer: it tells no figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// [`AdmissionLimits::connections`]
    Connections,
    /// [`AdmissionLimits::connections_per_address`]
    ConnectionsPerAddress,
    /// [`AdmissionLimits::unauthenticated`]
    Unauthenticated,
    /// [`AdmissionLimits::unauthenticated_per_address`]
    UnauthenticatedPerAddress,
    /// [`AdmissionLimits::attempts_per_address`]
    AttemptsPerAddress,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Limit::Connections => "too many connections",
            Limit::ConnectionsPerAddress => "too many connections from your address",
            Limit::Unauthenticated => "too many connections that are not authenticated yet",
            Limit::UnauthenticatedPerAddress => "too many connections from your address that are not authenticated yet",
            Limit::AttemptsPerAddress => "your address connects too often",
        })
    }
}

/// Counts connections against bounds. Shared by the listeners that it is cloned to.
#[derive(Clone, Debug)]
pub struct Admission {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    limits: AdmissionLimits,
    all: Counts,
    /// No more entries than there are places: one without a count is removed.
    by_address: HashMap<IpAddr, Counts>,
    attempts: Attempts,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    connections: usize,
    /// Of these connections.
    unauthenticated: usize,
    /// Not among them.
    refusals: usize,
}

/// A place taken by one connection, free again when dropped.
#[derive(Debug)]
pub struct Admitted {
    shared: Arc<Mutex<Shared>>,
    address: IpAddr,
    unauthenticated: bool,
}

/// One of the few places for a connection over the bounds, free again when dropped. Hold it until
/// the connection is closed.
#[derive(Debug)]
pub struct Excess {
    shared: Arc<Mutex<Shared>>,
    address: IpAddr,
    limit: Limit,
}

impl Admission {
    /// Admits up to the bounds of [`AdmissionLimits::new`].
    #[must_use]
    pub fn new(connections: usize, connections_per_address: usize) -> Admission {
        Admission::with_limits(AdmissionLimits::new(connections, connections_per_address))
    }

    /// Admits up to these bounds.
    #[must_use]
    pub fn with_limits(limits: AdmissionLimits) -> Admission {
        let shared =
            Shared { limits, all: Counts::default(), by_address: HashMap::new(), attempts: Attempts::default() };
        Admission { shared: Arc::new(Mutex::new(shared)) }
    }

    /// Other bounds from now on. Connections that are there stay, even if they are over them.
    pub fn set_limits(&self, limits: AdmissionLimits) {
        self.shared.lock().limits = limits;
    }

    /// Takes a place for a connection from this address, not authenticated yet; failing that, a
    /// place to be told so.
    ///
    /// # Errors
    /// `Some` if a bound is reached; `None` if there is not even a place to be told, so that the
    /// connection has to be closed at once.
    pub fn admit(&self, address: IpAddr) -> Result<Admitted, Option<Excess>> {
        let address = site(address);
        let mut shared = self.shared.lock();
        let limits = shared.limits;
        let here = shared.by_address.get(&address).copied().unwrap_or_default();
        let limit = limits.reached(shared.all, here).or_else(|| {
            // Asked last: only what would be accepted otherwise is an attempt that counts.
            let allowed =
                limits.attempts_per_address.is_none_or(|rate| shared.attempts.allow(address, rate, Instant::now()));
            (!allowed).then_some(Limit::AttemptsPerAddress)
        });
        let Some(limit) = limit else {
            shared.change(address, |counts| {
                counts.connections += 1;
                counts.unauthenticated += 1;
            });
            return Ok(Admitted { shared: self.shared.clone(), address, unauthenticated: true });
        };
        if shared.all.refusals >= limits.refusals || here.refusals >= limits.refusals_per_address() {
            return Err(None);
        }
        shared.change(address, |counts| counts.refusals += 1);
        Err(Some(Excess { shared: self.shared.clone(), address, limit }))
    }

    /// How many connections there are, without those over the bounds.
    #[must_use]
    pub fn total(&self) -> usize {
        self.shared.lock().all.connections
    }

    /// How many of them are not authenticated yet.
    #[must_use]
    pub fn unauthenticated(&self) -> usize {
        self.shared.lock().all.unauthenticated
    }
}

impl AdmissionLimits {
    /// The bound that one more connection would be over. What concerns all comes first: it says
    /// nothing of the address.
    fn reached(&self, all: Counts, here: Counts) -> Option<Limit> {
        [
            (all.connections >= self.connections, Limit::Connections),
            (all.unauthenticated >= self.unauthenticated, Limit::Unauthenticated),
            (here.connections >= self.connections_per_address, Limit::ConnectionsPerAddress),
            (here.unauthenticated >= self.unauthenticated_per_address, Limit::UnauthenticatedPerAddress),
        ]
        .into_iter()
        .find_map(|(reached, limit)| reached.then_some(limit))
    }
}

impl Shared {
    fn change(&mut self, address: IpAddr, change: impl Fn(&mut Counts)) {
        change(&mut self.all);
        let here = self.by_address.entry(address).or_default();
        change(here);
        if *here == Counts::default() {
            self.by_address.remove(&address);
        }
    }
}

impl Admitted {
    /// Says that the connection is authenticated: it does not count against the tighter bounds any
    /// more, now and until it ends.
    pub fn established(&mut self) {
        if std::mem::take(&mut self.unauthenticated) {
            self.shared.lock().change(self.address, |counts| counts.unauthenticated -= 1);
        }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let unauthenticated = usize::from(self.unauthenticated);
        self.shared.lock().change(self.address, |counts| {
            counts.connections -= 1;
            counts.unauthenticated -= unauthenticated;
        });
    }
}

impl Excess {
    /// The bound that was reached.
    #[must_use]
    pub fn limit(&self) -> Limit {
        self.limit
    }
}

impl Drop for Excess {
    fn drop(&mut self) {
        self.shared.lock().change(self.address, |counts| counts.refusals -= 1);
    }
}

/// The address by which connections are counted.
fn site(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn admit(admission: &Admission, address: &str) -> Result<Admitted, Option<Limit>> {
        admission.admit(address.parse().unwrap()).map_err(|excess| excess.map(|excess| excess.limit()))
    }

    #[test]
    fn places_are_counted_and_given_back() {
        let admission = Admission::new(3, 2);
        let first = admit(&admission, "2001:db8::1").unwrap();
        let _second = admit(&admission, "2001:db8::2").unwrap();
        assert_eq!(admit(&admission, "2001:db8::3").unwrap_err(), Some(Limit::ConnectionsPerAddress), "the same /64");
        let _third = admit(&admission, "192.0.2.1").unwrap();
        assert_eq!(admit(&admission, "192.0.2.2").unwrap_err(), Some(Limit::Connections));
        drop(first);
        let fourth = admit(&admission, "::ffff:192.0.2.1").expect("a place is free again");
        assert_eq!(admission.total(), 3);
        admission.set_limits(AdmissionLimits::new(4, 2));
        assert_eq!(admit(&admission, "192.0.2.1").unwrap_err(), Some(Limit::ConnectionsPerAddress), "IPv4 as IPv6");
        drop(fourth);
        assert_eq!(admission.total(), 2);
    }

    #[test]
    fn an_authenticated_connection_gives_its_place_among_the_others_back() {
        let limits =
            AdmissionLimits { unauthenticated: 2, unauthenticated_per_address: 1, ..AdmissionLimits::new(9, 9) };
        let admission = Admission::with_limits(limits);
        let mut first = admit(&admission, "192.0.2.1").unwrap();
        assert_eq!(admit(&admission, "192.0.2.1").unwrap_err(), Some(Limit::UnauthenticatedPerAddress));
        let second = admit(&admission, "192.0.2.2").unwrap();
        assert_eq!(admit(&admission, "192.0.2.3").unwrap_err(), Some(Limit::Unauthenticated));
        first.established();
        first.established();
        assert_eq!((admission.total(), admission.unauthenticated()), (2, 1));
        let third = admit(&admission, "192.0.2.1").unwrap();
        drop((first, second, third));
        assert_eq!((admission.total(), admission.unauthenticated()), (0, 0));
        assert!(admission.shared.lock().by_address.is_empty(), "nothing is remembered of who is gone");
    }

    #[test]
    fn an_address_that_connects_too_often_is_told() {
        let attempts_per_address = Some(AttemptRate { attempts: 2, within: Duration::from_secs(3600) });
        let limits = AdmissionLimits { attempts_per_address, ..AdmissionLimits::new(9, 9) };
        let admission = Admission::with_limits(limits);
        for _ in 0..2 {
            drop(admit(&admission, "2001:db8::1").unwrap());
        }
        assert_eq!(admit(&admission, "2001:db8::2").unwrap_err(), Some(Limit::AttemptsPerAddress), "the same /64");
        assert!(admit(&admission, "2001:db8:0:1::1").is_ok());
        admission.set_limits(AdmissionLimits::new(9, 9));
        assert!(admit(&admission, "2001:db8::2").is_ok());
    }

    #[test]
    fn few_are_told_at_once_and_one_address_does_not_take_all_of_it() {
        let admission = Admission::with_limits(AdmissionLimits { refusals: 16, ..AdmissionLimits::new(0, 0) });
        let excess = |address: &str| admission.admit(address.parse().unwrap()).unwrap_err();
        let mut told: Vec<Excess> = (0..2).map(|_| excess("192.0.2.1").unwrap()).collect();
        assert!(excess("192.0.2.1").is_none(), "an eighth of the places is for one address");
        told.extend((2..16).map(|last| excess(&format!("192.0.2.{last}")).unwrap()));
        assert!(excess("192.0.2.99").is_none(), "no place left");
        told.truncate(15);
        assert_eq!(excess("192.0.2.99").unwrap().limit(), Limit::Connections);
        told.clear();
        assert!(admission.shared.lock().by_address.is_empty());
    }
}
