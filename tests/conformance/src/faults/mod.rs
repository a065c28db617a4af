//! Faults that no server shall have: the judge is judged by whether it finds them.
//!
//! A [`Fault`] sits between the decrypted socket and the client's parser, and changes what a sound server sent.
//! Each has to make at least one case fail.

mod delivery;
mod negotiation;
pub mod run;
mod servers;
mod splitter;
mod stanzas;
mod streams;
mod tools;
mod xml;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use self::splitter::Splitter;
use crate::tree::Element;

/// One rule that is broken.
pub struct Fault {
    /// Its name.
    pub name: &'static str,
    /// The section whose cases have to find it.
    pub section: &'static str,
    /// What the server does wrong with it.
    pub what: &'static str,
    /// Takes one unit of what the server sent, returns what the client gets instead.
    pub meddle: fn(&mut View<'_>, Unit) -> Vec<Unit>,
}

/// All faults; those of server streams only where these are judged.
#[must_use]
pub fn faults(s2s: bool) -> Vec<&'static Fault> {
    let servers = if s2s { servers::FAULTS } else { &[] };
    [streams::FAULTS, negotiation::FAULTS, stanzas::FAULTS, delivery::FAULTS, xml::FAULTS, servers]
        .into_iter()
        .flatten()
        .collect()
}

/// A part of what a server sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unit {
    /// The stream header, with the XML declaration before it if there is one.
    Header(String),
    /// A first-level element.
    Element(String),
    /// White space between them.
    Space(String),
    /// The closing tag of the stream.
    Close(String),
    /// The end of the connection.
    End,
}

/// What a fault knows, and remembers.
#[derive(Debug)]
pub struct View<'a> {
    /// What this client has sent on this connection.
    pub sent: &'a str,
    /// What the server has sent on it before, as it was.
    pub received: &'a [Unit],
    /// What the fault remembers of this connection.
    pub here: &'a mut BTreeMap<&'static str, String>,
    /// What it remembers of all connections of the case.
    pub everywhere: &'a mut Memory,
}

/// What a fault remembers between connections.
pub type Memory = BTreeMap<&'static str, String>;

/// A fault at work on one connection.
pub(crate) struct Meddling {
    fault: &'static Fault,
    everywhere: Arc<Mutex<Memory>>,
    here: BTreeMap<&'static str, String>,
    splitter: Splitter,
    sent: String,
    received: Vec<Unit>,
}

impl Meddling {
    pub(crate) fn new(fault: &'static Fault, everywhere: Arc<Mutex<Memory>>) -> Meddling {
        Meddling {
            fault,
            everywhere,
            here: BTreeMap::new(),
            splitter: Splitter::default(),
            sent: String::new(),
            received: Vec::new(),
        }
    }

    /// Notes what the client sends.
    pub(crate) fn sent(&mut self, bytes: &[u8]) {
        self.sent.push_str(&String::from_utf8_lossy(bytes));
    }

    /// What the client gets instead of these bytes.
    pub(crate) fn receives(&mut self, bytes: &[u8]) -> String {
        self.splitter.push(bytes);
        let mut text = String::new();
        while let Some(unit) = self.splitter.next() {
            for unit in self.meddle(unit) {
                text.push_str(unit.text());
            }
        }
        text
    }

    /// What the client gets at the end of the connection, and whether it learns of that.
    pub(crate) fn ends(&mut self) -> (String, bool) {
        let units = self.meddle(Unit::End);
        (units.iter().map(Unit::text).collect(), units.contains(&Unit::End))
    }

    fn meddle(&mut self, unit: Unit) -> Vec<Unit> {
        let mut everywhere = self.everywhere.lock().unwrap_or_else(PoisonError::into_inner);
        let mut view =
            View { sent: &self.sent, received: &self.received, here: &mut self.here, everywhere: &mut everywhere };
        let units = (self.fault.meddle)(&mut view, unit.clone());
        self.received.push(unit);
        units
    }
}

impl Unit {
    /// As it is sent.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Unit::Header(text) | Unit::Element(text) | Unit::Space(text) | Unit::Close(text) => text,
            Unit::End => "",
        }
    }

    /// The element, if it is one.
    #[must_use]
    pub fn element(&self) -> Option<Element> {
        match self {
            Unit::Element(text) => Element::try_parse(text).ok(),
            Unit::Header(_) | Unit::Space(_) | Unit::Close(_) | Unit::End => None,
        }
    }
}

impl std::fmt::Debug for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn faults_have_names_of_their_own() {
        let names: BTreeSet<&str> = faults(true).iter().map(|fault| fault.name).collect();
        assert_eq!(names.len(), faults(true).len());
        assert!(names.len() >= 40);
    }
}
