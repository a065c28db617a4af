//! The race itself, over sockets.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

use super::race::{Action, Race};
use super::{Attempt, AttemptError, ConnectError, ConnectLimits, ConnectStep};
use crate::resolve::{Addresses, Found, ResolveError, Resolver, ServerTarget};

/// Connects to the server of a domain, to one of its targets after the other.
///
/// Dropped, it stops whatever it was doing.
#[derive(Debug)]
pub struct Connector {
    resolver: Resolver,
    limits: ConnectLimits,
    race: Race,
    attempts: Vec<Attempt>,
    /// What is left of the time for all calls of [`next`](Self::next).
    time_left: Duration,
    timed_out: bool,
}

/// A TCP connection to the server of a domain; nothing was sent on it.
#[derive(Debug)]
pub struct Connected {
    /// The connection, without delay of small writes (`TCP_NODELAY`).
    pub socket: TcpStream,
    /// The target that it leads to.
    pub target: ServerTarget,
    /// Its other end.
    pub address: SocketAddr,
}

enum Outcome {
    Resolved { number: usize, result: Result<Addresses, ResolveError>, elapsed: Duration },
    Dialled { number: usize, address: SocketAddr, result: io::Result<TcpStream>, elapsed: Duration },
}

impl Connector {
    /// Will try what was found.
    #[must_use]
    pub fn new(resolver: Resolver, found: &Found, limits: ConnectLimits) -> Connector {
        Connector {
            resolver,
            limits,
            race: Race::new(found.targets.clone(), limits),
            attempts: Vec::new(),
            time_left: limits.total_timeout,
            timed_out: false,
        }
    }

    /// The next connection, to a target that was not given yet: if TLS or the negotiation failed with one, it would
    /// hardly be better at another of its addresses. Each step is told to `observer` as it happens.
    ///
    /// If the future is dropped, what was under way begins anew with the next call.
    ///
    /// # Errors
    /// [`ConnectError`], if nothing is left to try or the time is over. It tells everything that failed since the
    /// beginning; nothing, if all targets were given and refused by the caller.
    pub async fn next(
        &mut self,
        observer: &mut (dyn FnMut(ConnectStep<'_>) + Send),
    ) -> Result<Connected, ConnectError> {
        let begun = Instant::now();
        let result = timeout(self.time_left, self.race(observer)).await;
        self.time_left = self.time_left.saturating_sub(begun.elapsed());
        let connected = result.unwrap_or_else(|_| {
            self.stop(observer);
            None
        });
        connected.ok_or_else(|| ConnectError {
            attempts: self.attempts.clone(),
            timed_out: self.timed_out.then_some(self.limits.total_timeout),
        })
    }

    async fn race(&mut self, observer: &mut (dyn FnMut(ConnectStep<'_>) + Send)) -> Option<Connected> {
        let mut under_way = UnderWay(Vec::new());
        self.race.rewind();
        loop {
            let until = match self.race.poll(Instant::now()) {
                Action::Resolve(number) => {
                    under_way.begin(resolve(self.resolver.clone(), number, self.race.target(number).clone()));
                    continue;
                }
                Action::Dial(number, address) => {
                    observer(ConnectStep::Trying { target: self.race.target(number), address });
                    under_way.begin(dial(number, address, self.limits.attempt_timeout));
                    continue;
                }
                Action::Wait(until) => until,
                Action::Exhausted => return None,
            };
            let outcome = match until {
                Some(until) => tokio::select! {
                    outcome = under_way.end() => outcome,
                    () = sleep_until(until) => continue,
                },
                None => under_way.end().await,
            };
            if let Some(connected) = self.take(outcome, observer) {
                return Some(connected);
            }
        }
    }

    fn take(&mut self, outcome: Outcome, observer: &mut (dyn FnMut(ConnectStep<'_>) + Send)) -> Option<Connected> {
        match outcome {
            Outcome::Resolved { number, result: Ok(Addresses { list, secure }), elapsed } => {
                let addresses = self.race.resolved(number, list);
                let target = self.race.target(number);
                observer(ConnectStep::Addresses { target, addresses: &addresses, secure, elapsed });
            }
            Outcome::Resolved { number, result: Err(error), elapsed } => {
                self.race.resolved(number, Vec::new());
                let target = self.race.target(number);
                observer(ConnectStep::NoAddresses { target, error: &error, elapsed });
                self.attempts.push(Attempt { target: target.clone(), address: None, error: error.into(), elapsed });
            }
            Outcome::Dialled { number, address, result: Ok(socket), elapsed } => {
                let target = self.race.target(number).clone();
                observer(ConnectStep::Connected { target: &target, address, elapsed });
                self.race.won(number);
                return Some(Connected { socket, target, address });
            }
            Outcome::Dialled { number, address, result: Err(error), elapsed } => {
                self.race.failed(number, address.ip());
                self.failed(number, address, AttemptError::from(&error), elapsed, observer);
            }
        }
        None
    }

    fn failed(
        &mut self,
        number: usize,
        address: SocketAddr,
        error: AttemptError,
        elapsed: Duration,
        observer: &mut (dyn FnMut(ConnectStep<'_>) + Send),
    ) {
        let target = self.race.target(number).clone();
        observer(ConnectStep::Failed { target: &target, address, error: &error, elapsed });
        self.attempts.push(Attempt { target, address: Some(address), error, elapsed });
    }

    /// The time is over: whatever was under way has failed.
    fn stop(&mut self, observer: &mut (dyn FnMut(ConnectStep<'_>) + Send)) {
        self.timed_out = true;
        for (number, address) in self.race.stop() {
            let within = self.limits.total_timeout;
            match address {
                Some(address) => self.failed(number, address, AttemptError::Timeout, within, observer),
                None => {
                    let target = self.race.target(number).clone();
                    let error = AttemptError::Timeout;
                    self.attempts.push(Attempt { target, address: None, error, elapsed: within });
                }
            }
        }
    }
}

async fn resolve(resolver: Resolver, number: usize, target: ServerTarget) -> Outcome {
    let begun = Instant::now();
    let result = resolver.addresses(&target.host).await;
    Outcome::Resolved { number, result, elapsed: begun.elapsed() }
}

async fn dial(number: usize, address: SocketAddr, within: Duration) -> Outcome {
    let begun = Instant::now();
    let connected = timeout(within, TcpStream::connect(address)).await;
    let result = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    // Elements are written whole; each has to leave at once.
    let result = result.and_then(|socket| socket.set_nodelay(true).map(|()| socket));
    Outcome::Dialled { number, address, result, elapsed: begun.elapsed() }
}

/// What runs at the same time.
struct UnderWay(Vec<Pin<Box<dyn Future<Output = Outcome> + Send>>>);

impl UnderWay {
    fn begin(&mut self, future: impl Future<Output = Outcome> + Send + 'static) {
        self.0.push(Box::pin(future));
    }

    /// Waits for one of them to end; for ever, if there are none.
    fn end(&mut self) -> impl Future<Output = Outcome> + '_ {
        poll_fn(|context| {
            for position in 0..self.0.len() {
                if let Poll::Ready(outcome) = self.0[position].as_mut().poll(context) {
                    drop(self.0.swap_remove(position));
                    return Poll::Ready(outcome);
                }
            }
            Poll::Pending
        })
    }
}
