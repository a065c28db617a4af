//! RFC 6120 as cases that any XMPP server can be judged by.
//!
//! A [`Case`] is a function that talks to a server ([`Subject`]) over sockets, with a [`Client`] that shares
//! nothing with the servers it judges. Cases lie at `src/<rfc>/section_N/section_N_M.rs`. The server is the
//! bundled one, started by the suite, or any other that is given by its address ([`Site`]). Each case says
//! which rows of the checklist it proves; what came of a run is shown as a table, JSON, JUnit, or the
//! document `docs/conformance/rfc6120.md`.
//!
//! Nothing in here hangs: every wait on a socket ends, and every case has a bound.

pub mod case;
pub mod cli;
pub mod client;
pub mod coverage;
pub mod faults;
pub mod ns;
pub mod peers;
pub mod report;
pub mod rfc6120;
mod rfc6121;
pub mod runner;
pub mod servers;
pub mod subject;
pub mod tree;
mod xep0220;

pub use case::{Case, Level, Need, Verb};
pub use client::{Client, Features, Item, Login, Next, TlsOptions};
pub use subject::{Account, Site, Stage, Subject};
pub use tree::Element;
