//! The receiving entity of a client stream.

use std::sync::Arc;
use std::time::Instant;

use jabiru_stanza::{FullJid, StreamError};
use jabiru_xml::ReadError;

use crate::{BindError, CredentialsAnswer, Event, PasswordOutcome, Policy, Security, TlsInfo};

/// One client stream, seen from the receiving entity, up to the bound resource.
#[derive(Debug)]
pub struct ClientStream {}

#[allow(clippy::todo, unused_variables, clippy::needless_pass_by_value, clippy::unused_self)]
impl ClientStream {
    /// A stream that awaits its header. With `Security::Tls` it is a direct TLS stream (XEP-0368).
    #[must_use]
    pub fn new(policy: Arc<Policy>, security: Security, now: Instant) -> ClientStream {
        todo!()
    }

    /// Takes what the reader read.
    pub fn handle_event(&mut self, event: jabiru_xml::Event, now: Instant) {
        todo!()
    }

    /// Takes the reader's failure: the stream ends with the stream error that fits.
    pub fn handle_read_error(&mut self, error: &ReadError) {
        todo!()
    }

    /// Takes the end of the TLS handshake that [`Event::StartTls`] asked for. A new reader then awaits a new header.
    pub fn handle_tls(&mut self, info: TlsInfo, now: Instant) {
        todo!()
    }

    /// Takes the answer to [`Event::LookUpCredentials`].
    pub fn handle_credentials(&mut self, answer: CredentialsAnswer, now: Instant) {
        todo!()
    }

    /// Takes the outcome of [`Event::CheckPassword`].
    pub fn handle_password_check(&mut self, outcome: PasswordOutcome, now: Instant) {
        todo!()
    }

    /// Takes the answer to [`Event::BindResource`].
    pub fn handle_bind(&mut self, result: Result<FullJid, BindError>) {
        todo!()
    }

    /// Closes the stream if its deadline has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        todo!()
    }

    /// Closes the stream, with or without an error.
    pub fn close(&mut self, error: Option<StreamError>) {
        todo!()
    }

    /// What to do or know next; `None`: feed it more.
    pub fn poll_event(&mut self) -> Option<Event> {
        todo!()
    }

    /// Appends what is to be sent to `out`; `false` if there was nothing.
    pub fn take_output(&mut self, out: &mut Vec<u8>) -> bool {
        todo!()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` once there is no deadline any more.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }

    /// Waits for an answer from the caller (credentials, password check, resource): what the other side
    /// sends meanwhile is held up to a small bound, so the caller had better stop reading.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        todo!()
    }
}
