//! A connection that gets no service still gets a stream in which it is told why (RFC 6120 §4.9.1.2).

use std::io;
use std::time::Instant;

use jabiru_net::{Connection, Wake, random_letters};
use jabiru_stanza::{ContentNamespace, DomainPart, StreamError, StreamHeader};
use jabiru_xml::{Event, Reader};

use crate::farewell::append_last_words;
use crate::redirect;
use crate::service::{Service, Transport};

/// Answers the client's stream header, once it is there, and gives the last words that follow: the error and the
/// closing tag. `None` if there is nobody left to tell.
///
/// With direct TLS the handshake comes first. STARTTLS does where the client is sent elsewhere (§4.9.3.19); for any other
/// error it is not offered, for nothing is said that somebody on the way could make use of. Each wait is bounded by the
/// closing time-out.
///
/// # Errors
/// What the socket or TLS say.
pub(crate) async fn refuse(
    service: &Service,
    transport: &Transport,
    connection: &mut Connection,
    error: &StreamError,
) -> io::Result<Option<Vec<u8>>> {
    let within = service.settings.closing_timeout;
    match transport {
        Transport::DirectTls(settings) => drop(connection.receive_tls(settings, None, within).await?),
        Transport::StartTls(settings) if redirect::is_for_tls_only(service, error) => {
            if let Some(last_words) = redirect::secure(service, settings, connection, error, within).await? {
                return Ok(Some(last_words));
            }
        }
        Transport::Plain | Transport::StartTls(_) => {}
    }
    let Some(theirs) = read_header(service, connection, Instant::now() + within).await? else { return Ok(None) };
    let mut last_words = Vec::new();
    response_header(service, &theirs).write(&mut last_words, ContentNamespace::Client);
    append_last_words(connection, Some(error), &mut last_words);
    Ok(Some(last_words))
}

/// The client's header; an empty one in place of one that is faulty or does not come.
async fn read_header(
    service: &Service,
    connection: &mut Connection,
    deadline: Instant,
) -> io::Result<Option<StreamHeader>> {
    let mut reader = Reader::new(service.settings.unauthenticated);
    loop {
        match connection.next(Some(deadline)).await? {
            Wake::Received(chunk) => match reader.read(&mut &*chunk) {
                // While something is there to be read, the connection tells of no deadline.
                Ok(None) if Instant::now() >= deadline => return Ok(Some(StreamHeader::default())),
                Ok(None) => {}
                Ok(Some(Event::StreamOpen(root))) => {
                    return Ok(Some(StreamHeader::parse(&root, ContentNamespace::Client).unwrap_or_default()));
                }
                Ok(Some(Event::Element(_) | Event::StreamClose)) | Err(_) => return Ok(Some(StreamHeader::default())),
            },
            Wake::Ended => return Ok(None),
            Wake::Deadline | Wake::EndOrdered(_) => return Ok(Some(StreamHeader::default())),
        }
    }
}

/// The response stream header (RFC 6120 §4.7), from one of our domains whatever was asked for.
pub(crate) fn response_header(service: &Service, theirs: &StreamHeader) -> StreamHeader {
    let domains = &service.policy.domains;
    let asked = theirs.to.as_deref().and_then(|to| DomainPart::new(to).ok());
    let from = match asked.filter(|asked| domains.hosts(asked)) {
        Some(asked) => asked.as_str().to_owned(),
        // §4.9.1.3: one of ours, or the empty string.
        None => domains.default_domain().map(DomainPart::into_inner).unwrap_or_default(),
    };
    StreamHeader {
        from: Some(from),
        to: theirs.from.clone(),
        id: random_letters(STREAM_ID_LETTERS).ok(),
        lang: Some(service.policy.lang.clone()),
        version: Some((1, 0)),
        ..StreamHeader::default()
    }
}

/// 140 random bits (§4.7.3).
const STREAM_ID_LETTERS: usize = 28;
