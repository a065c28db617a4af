//! STARTTLS for those who are sent elsewhere: in clear, anybody on the way could send them anywhere (RFC 6120 §4.9.3.19).

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jabiru_negotiation::{ClientStream, Event, Policy, Security};
use jabiru_net::{Connection, TlsSettings, Wake};
use jabiru_stanza::{StreamCondition, StreamError};
use jabiru_xml::Reader;

use crate::farewell::log_end;
use crate::service::Service;

/// Is it an error that is to be told under TLS only?
pub(crate) fn is_for_tls_only(service: &Service, error: &StreamError) -> bool {
    // Where STARTTLS is not offered, it is said as it can be said.
    service.policy.starttls_available && matches!(error.condition(), StreamCondition::SeeOtherHost(_))
}

/// Negotiates a stream up to TLS; the client's header behind it is left to the caller.
///
/// Gives the last words instead if the stream ends before: where TLS is offered but not required, `error` is told to
/// those who go on without it. Negotiation and the handshake may each take this long.
///
/// # Errors
/// What the socket or TLS say, and `ConnectionAborted` if the client is gone.
pub(crate) async fn secure(
    service: &Service,
    settings: &TlsSettings,
    connection: &mut Connection,
    error: &StreamError,
    within: Duration,
) -> io::Result<Option<Vec<u8>>> {
    let policy = Policy { negotiation_timeout: within, ..Policy::clone(&service.policy) };
    let mut machine = ClientStream::new(Arc::new(policy), Security::Plaintext, Instant::now());
    let mut reader = Reader::new(service.settings.unauthenticated);
    let mut to = None;
    loop {
        match connection.next(machine.poll_timeout()).await? {
            Wake::Received(chunk) => {
                let mut input = &*chunk;
                // What comes behind <starttls/> in clear is not looked at (§5.4.3.3): the reader goes with this stream.
                loop {
                    match reader.read(&mut input) {
                        Ok(Some(event)) => {
                            if let jabiru_xml::Event::StreamOpen(root) = &event {
                                to = root.attribute("to").map(|to| to.to_lowercase());
                            }
                            machine.handle_event(event, Instant::now());
                        }
                        Ok(None) => break,
                        Err(error) => {
                            machine.handle_read_error(&error);
                            break;
                        }
                    }
                }
                // While something is there to be read, the connection tells of no deadline.
                machine.handle_timeout(Instant::now());
            }
            Wake::Ended => return Err(io::ErrorKind::ConnectionAborted.into()),
            Wake::Deadline => machine.handle_timeout(Instant::now()),
            Wake::EndOrdered(error) => machine.close(error),
        }
        let mut output = Vec::new();
        while let Some(event) = machine.poll_event() {
            match event {
                Event::StartTls => {
                    push(connection, &mut machine, &mut output);
                    connection.receive_tls(settings, to.as_deref(), within).await?;
                    return Ok(None);
                }
                Event::Closed { error } => {
                    log_end(connection, error.as_ref());
                    machine.take_output(&mut output);
                    return Ok(Some(output));
                }
                Event::AuthenticationFailed { .. } => {}
                // It authenticates in clear.
                Event::RestartStream
                | Event::LookUpCredentials { .. }
                | Event::CheckPassword(_)
                | Event::Authenticated { .. }
                | Event::BindResource { .. }
                | Event::Established { .. } => machine.close(Some(error.clone())),
            }
        }
        push(connection, &mut machine, &mut output);
    }
}

fn push(connection: &Connection, machine: &mut ClientStream, output: &mut Vec<u8>) {
    // Refused only after an order to end, which comes back as a wake and closes the machine.
    if machine.take_output(output)
        && let Err(refused) = connection.outbox().push(|out| out.append(output))
    {
        tracing::debug!(%refused, "negotiation can't go on");
    }
}
