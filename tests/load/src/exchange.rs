//! Clients that send as fast as what they sent arrives, or at a given pace.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use memchr::memmem::{self, Finder};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use crate::login::{Login, Target};
use crate::message::Message;
use crate::wire::Wire;
use crate::{Figures, cpu_time};

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub enum Traffic<'a> {
    /// Pairs of clients: one sends messages to the other's full JID.
    Chat,
    /// The same, but the other is a client of another server.
    ChatBetween(&'a Target),
    /// Clients that ping the server.
    Ping,
}

impl Traffic<'_> {
    /// How many clients it takes to send one thing, and to receive it.
    fn clients(self) -> usize {
        match self {
            Traffic::Chat | Traffic::ChatBetween(_) => 2,
            Traffic::Ping => 1,
        }
    }

    /// By what its end is known where it arrives.
    fn marker(self) -> &'static [u8] {
        match self {
            Traffic::Chat | Traffic::ChatBetween(_) => b"</message>",
            Traffic::Ping => b"<iq ",
        }
    }
}

/// When the next one is sent.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// As soon as less than so many of a pair are on the way.
    InFlight(usize),
    /// So many a second, all pairs together.
    Rate(u32),
}

/// Before counting.
const WARM_UP: Duration = Duration::from_millis(500);
/// Nothing at all for so long: the server has lost something.
const SILENCE: Duration = Duration::from_secs(20);

/// Exchanges stanzas for so long, after a short time of warming up.
///
/// # Errors
/// If a login fails, a stanza is lost or answered with an error, or a stream ends.
pub fn exchange(
    target: &Target,
    processes: &[u32],
    traffic: Traffic<'_>,
    lanes: usize,
    pace: Pace,
    duration: Duration,
) -> Result<Figures> {
    let mut exchange = Exchange::new(target, traffic, lanes)?;
    exchange.run(pace, WARM_UP)?;
    exchange.times.clear();
    let (start, before) = (Instant::now(), cpu_time(processes)?);
    let count = exchange.run(pace, duration)?;
    let (seconds, cpu) = (start.elapsed(), cpu_time(processes)? - before);
    exchange.drain()?;
    Ok(Figures::new(count, seconds, cpu, &mut exchange.times))
}

/// From one client to another, or to the server and back.
struct Lane {
    sender: usize,
    receiver: usize,
    message: Message,
    /// When those on the way were sent.
    sent: VecDeque<Instant>,
}

struct Exchange {
    clients: Vec<Wire>,
    lanes: Vec<Lane>,
    /// The end of what is counted.
    marker: Finder<'static>,
    /// By client: what may be the beginning of a marker at the end of the last piece.
    tails: Vec<Vec<u8>>,
    poll: Poll,
    times: Vec<Duration>,
    out: Vec<u8>,
    buffer: Vec<u8>,
    due: Instant,
    next_lane: usize,
}

impl Exchange {
    fn new(target: &Target, traffic: Traffic<'_>, count: usize) -> Result<Exchange> {
        let poll = Poll::new()?;
        let mut clients = Vec::new();
        let mut jids = Vec::new();
        for account in 0..count * traffic.clients() {
            let target = match traffic {
                Traffic::ChatBetween(other) if account % 2 == 1 => other,
                Traffic::Chat | Traffic::ChatBetween(_) | Traffic::Ping => target,
            };
            let mut login = Login::new(target, account, "load").with_context(|| format!("account {account}"))?;
            login.wire.set_nonblocking()?;
            let token = Token(account);
            poll.registry().register(&mut SourceFd(&login.wire.as_raw_fd()), token, Interest::READABLE)?;
            clients.push(login.wire);
            jids.push(login.jid);
        }
        let lanes = (0..count).map(|lane| match traffic {
            Traffic::Chat | Traffic::ChatBetween(_) => {
                let (sender, receiver) = (2 * lane, 2 * lane + 1);
                Lane { sender, receiver, message: Message::chat(&jids[receiver]), sent: VecDeque::new() }
            }
            Traffic::Ping => {
                Lane { sender: lane, receiver: lane, message: Message::ping(&target.domain), sent: VecDeque::new() }
            }
        });
        Ok(Exchange {
            lanes: lanes.collect(),
            marker: Finder::new(traffic.marker()),
            tails: vec![Vec::new(); clients.len()],
            clients,
            poll,
            times: Vec::new(),
            out: Vec::new(),
            buffer: vec![0; 64 * 1024],
            due: Instant::now(),
            next_lane: 0,
        })
    }

    /// Returns how many have arrived.
    fn run(&mut self, pace: Pace, duration: Duration) -> Result<u64> {
        let end = Instant::now() + duration;
        let mut arrived = 0;
        let mut events = Events::with_capacity(256);
        let mut now = Instant::now();
        self.due = now;
        if let Pace::InFlight(most) = pace {
            for lane in 0..self.lanes.len() {
                self.send(lane, most - self.lanes[lane].sent.len(), now)?;
            }
        }
        while now < end {
            let timeout = match pace {
                Pace::InFlight(_) => SILENCE,
                Pace::Rate(_) => self.due.saturating_duration_since(now),
            };
            self.wait(&mut events, timeout)?;
            now = Instant::now();
            if events.is_empty() && matches!(pace, Pace::InFlight(_)) {
                bail!("nothing came for {} s", SILENCE.as_secs());
            }
            for event in &events {
                let client = event.token().0;
                let count = self.receive(client, now)?;
                arrived += count as u64;
                if let (Pace::InFlight(_), true) = (pace, count > 0) {
                    self.send(self.lane_of(client), count, now)?;
                }
            }
            if let Pace::Rate(rate) = pace {
                while self.due <= now {
                    self.send(self.next_lane, 1, now)?;
                    self.next_lane = (self.next_lane + 1) % self.lanes.len();
                    self.due += Duration::from_secs(1) / rate;
                }
            }
        }
        Ok(arrived)
    }

    /// Waits for everything that is on the way.
    fn drain(&mut self) -> Result<()> {
        let mut events = Events::with_capacity(256);
        while self.lanes.iter().any(|lane| !lane.sent.is_empty()) {
            self.wait(&mut events, SILENCE)?;
            if events.is_empty() {
                bail!("{} stanzas are lost", self.lanes.iter().map(|lane| lane.sent.len()).sum::<usize>());
            }
            for event in &events {
                self.receive(event.token().0, Instant::now())?;
            }
        }
        Ok(())
    }

    fn wait(&mut self, events: &mut Events, timeout: Duration) -> Result<()> {
        match self.poll.poll(events, Some(timeout)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                events.clear();
                Ok(())
            }
            result => Ok(result?),
        }
    }

    fn lane_of(&self, client: usize) -> usize {
        if self.clients.len() == self.lanes.len() { client } else { client / 2 }
    }

    fn send(&mut self, lane: usize, count: usize, now: Instant) -> Result<()> {
        let lane = &mut self.lanes[lane];
        self.out.clear();
        for _ in 0..count {
            lane.message.write_next(&mut self.out);
            lane.sent.push_back(now);
        }
        self.clients[lane.sender].send(&self.out).context("a client can't send")
    }

    /// Reads all there is; how many stanzas have come.
    fn receive(&mut self, client: usize, now: Instant) -> Result<usize> {
        let lane = self.lane_of(client);
        let mut arrived = 0;
        loop {
            // A short read has emptied the socket: one system call less.
            let count = match self.clients[client].receive(&mut self.buffer) {
                Ok(0) => bail!("the server has ended a stream"),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("a stream has failed"),
            };
            arrived += self.count(client, count)?;
        }
        if client == self.lanes[lane].receiver {
            for _ in 0..arrived {
                let sent = self.lanes[lane].sent.pop_front().context("more came than was sent")?;
                self.times.push(now - sent);
            }
            return Ok(arrived);
        }
        if arrived > 0 {
            bail!("the sender of messages got some");
        }
        Ok(0)
    }

    /// Counts markers in the first bytes of the buffer, and in what came before them.
    fn count(&mut self, client: usize, bytes: usize) -> Result<usize> {
        let piece = &self.buffer[..bytes];
        if memmem::find(piece, b"<error").is_some() {
            bail!("an error came: {}", String::from_utf8_lossy(piece));
        }
        let tail = &mut self.tails[client];
        let keep = self.marker.needle().len() - 1;
        let mut found = self.marker.find_iter(piece).count();
        if !tail.is_empty() {
            tail.extend_from_slice(&piece[..bytes.min(keep)]);
            found += usize::from(self.marker.find(tail).is_some());
        }
        if bytes >= keep {
            tail.clear();
            tail.extend_from_slice(&piece[bytes - keep..]);
        } else if tail.is_empty() {
            tail.extend_from_slice(piece);
        } else {
            let surplus = tail.len().saturating_sub(keep);
            tail.drain(..surplus);
        }
        Ok(found)
    }
}

impl Figures {
    pub(crate) fn new(count: u64, elapsed: Duration, cpu: Duration, times: &mut [Duration]) -> Figures {
        times.sort_unstable();
        let at = |share: usize| {
            times.get((times.len() * share / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
        };
        Figures {
            count,
            seconds: elapsed.as_secs_f64(),
            cpu_microseconds: cpu.as_secs_f64() * 1e6 / count.max(1) as f64,
            median_microseconds: at(50).as_secs_f64() * 1e6,
            percentile_99_microseconds: at(99).as_secs_f64() * 1e6,
        }
    }
}
