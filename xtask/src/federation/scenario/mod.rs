//! What is tried between two servers, the left and the right one.
//!
//! A scenario pushes rows of what it saw. One that can't be carried out is a failed row of its own.

mod breaks;
mod certificates;
mod errors;
mod proof;
mod questions;
mod talk;

use anyhow::Result;

use super::domain::{Domain, Party, Purpose};
use super::judge::Verdict;
use super::stage::Stage;

/// One scenario; each is tried with every pair that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Scenario {
    /// STARTTLS, certificates of a common authority, SASL EXTERNAL both ways
    External,
    /// Presence, and what is asked of servers and resources
    Questions,
    /// TLS from the first octet (XEP-0368)
    Direct,
    /// SRV records: the first target is dead, then priority and weight count
    Targets,
    /// SRV records: the first target does not answer
    Silent,
    /// No SRV record
    Address,
    /// A domain beyond ASCII
    International,
    /// Self-signed certificates and Server Dialback (XEP-0220)
    Dialback,
    /// Self-signed certificates that DNSSEC vouches for (RFC 7673)
    Dane,
    /// Self-signed certificates that a web server vouches for (RFC 7711)
    Posh,
    /// Certificates that must be refused
    Certificates,
    /// Domains and accounts that are not there
    Errors,
    /// The connection breaks in the midst of messages
    Broken,
    /// The right server is killed between messages, and started again
    Killed,
    /// The right server is killed in the midst of messages, and started again
    KilledInFlight,
    /// The left server is ended and started again in the midst of messages
    Restarted,
}

impl Scenario {
    pub(super) const ALL: [Scenario; 16] = [
        Scenario::External,
        Scenario::Questions,
        Scenario::Direct,
        Scenario::Targets,
        Scenario::Silent,
        Scenario::Address,
        Scenario::International,
        Scenario::Dialback,
        Scenario::Dane,
        Scenario::Posh,
        Scenario::Certificates,
        Scenario::Errors,
        Scenario::Broken,
        Scenario::Killed,
        Scenario::KilledInFlight,
        Scenario::Restarted,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Scenario::External => "external",
            Scenario::Questions => "questions",
            Scenario::Direct => "direct",
            Scenario::Targets => "targets",
            Scenario::Silent => "silent",
            Scenario::Address => "address",
            Scenario::International => "international",
            Scenario::Dialback => "dialback",
            Scenario::Dane => "dane",
            Scenario::Posh => "posh",
            Scenario::Certificates => "certificates",
            Scenario::Errors => "errors",
            Scenario::Broken => "broken",
            Scenario::Killed => "killed",
            Scenario::KilledInFlight => "killed-in-flight",
            Scenario::Restarted => "restarted",
        }
    }

    /// Is there something to try between the two?
    pub(super) fn is_for(self, pair: Pair) -> bool {
        match self {
            // Of one server alone there is nothing else to try.
            Scenario::External | Scenario::Questions | Scenario::International => true,
            Scenario::Errors | Scenario::Restarted => pair.left != pair.right,
            Scenario::Direct
            | Scenario::Targets
            | Scenario::Address
            | Scenario::Dialback
            | Scenario::Certificates
            | Scenario::Broken
            | Scenario::Killed
            | Scenario::KilledInFlight => pair.left != pair.right,
            // Others take half a minute to try the second target, and have no DANE or POSH by default.
            Scenario::Silent | Scenario::Dane | Scenario::Posh => pair.left != pair.right && pair.left.is_ours(),
        }
    }

    /// Does it end a server that takes part in other pairs too?
    pub(super) fn is_alone(self) -> bool {
        self == Scenario::Restarted
    }

    pub(super) fn run(self, stage: &Stage, pair: Pair) {
        let trial = Trial { stage, pair, scenario: self.name() };
        let result = match self {
            Scenario::External => talk::external(&trial),
            Scenario::Questions => questions::questions(&trial),
            Scenario::Direct => talk::direct(&trial),
            Scenario::Targets => talk::targets(&trial),
            Scenario::Silent => talk::silent(&trial),
            Scenario::Address => trial.talk(Purpose::Address, Purpose::Address),
            Scenario::International => trial.talk(Purpose::International, Purpose::International),
            Scenario::Dialback => talk::dialback(&trial),
            Scenario::Dane => certificates::dane(&trial),
            Scenario::Posh => certificates::posh(&trial),
            Scenario::Certificates => certificates::certificates(&trial),
            Scenario::Errors => errors::errors(&trial),
            Scenario::Broken => breaks::broken(&trial),
            Scenario::Killed => breaks::killed(&trial),
            Scenario::KilledInFlight => breaks::killed_in_flight(&trial),
            Scenario::Restarted => breaks::restarted(&trial),
        };
        if let Err(error) = result {
            trial.push("carried out", Err(format!("{error:#}")));
        }
    }
}

/// Two servers, or one with itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) left: Party,
    pub(super) right: Party,
}

impl Pair {
    pub(super) fn name(self) -> String {
        format!("{}-{}", self.left.name(), self.right.name())
    }
}

/// A scenario with a pair.
struct Trial<'a> {
    stage: &'a Stage,
    pair: Pair,
    scenario: &'static str,
}

impl Trial<'_> {
    fn left(&self, purpose: Purpose) -> Domain {
        Domain { party: self.pair.left, purpose }
    }

    /// Of a server with itself, the domains of the right side are other ones.
    fn right(&self, purpose: Purpose) -> Domain {
        let is_alone = self.pair.left == self.pair.right;
        let purpose = if is_alone && purpose == Purpose::Plain { Purpose::Two } else { purpose };
        Domain { party: self.pair.right, purpose }
    }

    fn push(&self, what: impl Into<String>, verdict: Verdict) {
        self.stage.push(&self.pair.name(), self.scenario, what, verdict);
    }

    /// Messages both ways.
    fn talk(&self, left: Purpose, right: Purpose) -> Result<()> {
        let (left, mut right) = (self.left(left), self.right(right));
        if left == right {
            right.purpose = Purpose::Plain;
        }
        for (what, verdict) in self.stage.talk(left, right)? {
            self.push(what, verdict);
        }
        Ok(())
    }
}
