//! How fast another server is read (RFC 6120 §13.12).

use std::io;
use std::time::Instant;

use jabiru_net::rate::{Meter, Pace, RateLimits};
use jabiru_net::{Chunk, Connection, Wake};
use jabiru_stanza::{StreamCondition, StreamError};

/// Measures one stream, and holds it back where that is due.
#[derive(Debug)]
pub(crate) struct Pacing<'a> {
    meter: Meter<'a>,
    /// First-level elements that were read and that the meter does not know of yet.
    elements: usize,
    /// Nothing is read before.
    rests_until: Option<Instant>,
}

impl Pacing<'_> {
    pub(crate) fn new(limits: &RateLimits, now: Instant) -> Pacing<'_> {
        Pacing { meter: Meter::new(limits, now), elements: 0, rests_until: None }
    }

    /// What happens next on the connection, as [`Connection::next`] gives it, but that what is to be read may wait.
    /// [`Wake::Deadline`] may come early.
    pub(crate) async fn next(&mut self, connection: &mut Connection, deadline: Option<Instant>) -> io::Result<Wake> {
        match self.rests_until.filter(|until| Instant::now() < *until) {
            Some(until) => connection.rest(deadline.map_or(until, |deadline| deadline.min(until))).await,
            None => {
                self.rests_until = None;
                connection.next(deadline).await
            }
        }
    }

    /// What is received next on a connection that ends; `None` if nothing is until then.
    pub(crate) async fn received_by(&mut self, connection: &mut Connection, deadline: Instant) -> Option<Chunk> {
        loop {
            match self.next(connection, Some(deadline)).await {
                Ok(Wake::Received(chunk)) => return Some(chunk),
                Ok(Wake::Deadline) if Instant::now() < deadline => {}
                // Its end was ordered already, and nobody is left to tell of what breaks it.
                Ok(Wake::Deadline | Wake::Ended | Wake::EndOrdered(_)) | Err(_) => return None,
            }
        }
    }

    /// Takes note of an element.
    pub(crate) fn count(&mut self) {
        self.elements += 1;
    }

    /// Takes note of octets, after the elements in them; an error if the stream is to end for its speed.
    pub(crate) fn took(&mut self, octets: usize) -> Option<StreamError> {
        match self.meter.read(octets, std::mem::take(&mut self.elements), Instant::now()) {
            Pace::Go => None,
            Pace::Rest(until) => {
                self.rests_until = Some(until);
                None
            }
            Pace::Close => {
                let error = StreamError::new(StreamCondition::PolicyViolation);
                Some(error.with_text("too much in too short a time"))
            }
        }
    }
}
