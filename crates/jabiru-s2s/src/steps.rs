//! What happens on the way to another server, as steps for whoever wants to know of them.

use std::io;

use jabiru_negotiation::{InitiatingServerEvent, InitiatingServerStream, TlsInfo};
use jabiru_net::Beginning;
use jabiru_stanza::DomainRef;

use crate::connect::ConnectStep;
use crate::report::{Step, Verdict};
use crate::resolve::{Found, ResolveError};
use crate::trace::Trace;

pub(crate) fn found(_domain: &DomainRef, _found: &Result<Found, ResolveError>) -> (Step, Verdict) {
    todo!()
}

pub(crate) fn connecting(_trace: &Trace, _step: &ConnectStep<'_>) {}

pub(crate) fn negotiating(_trace: &Trace, _event: &InitiatingServerEvent, _machine: &InitiatingServerStream) {}

pub(crate) fn tls(_domain: &DomainRef, _beginning: Beginning, _info: &io::Result<TlsInfo>) -> (Step, Verdict) {
    todo!()
}
