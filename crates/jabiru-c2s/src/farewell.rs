//! The last words of a stream (RFC 6120 §4.4, §4.9).

use jabiru_net::Connection;
use jabiru_stanza::{StreamCondition, StreamError};

/// The error, if there is one, and the closing tag; says so in the log.
pub(crate) fn last_words(connection: &Connection, error: Option<&StreamError>) -> Vec<u8> {
    let mut last_words = Vec::new();
    append_last_words(connection, error, &mut last_words);
    last_words
}

/// The same, behind what is there already.
pub(crate) fn append_last_words(connection: &Connection, error: Option<&StreamError>, words: &mut Vec<u8>) {
    log_end(connection, error);
    if let Some(error) = error {
        error.write(words);
    }
    words.extend_from_slice(b"</stream:stream>");
}

/// What a stream is told that is closed for its speed.
pub(crate) fn too_fast() -> StreamError {
    StreamError::new(StreamCondition::PolicyViolation).with_text("too much in too short a time")
}

/// One line on how a stream ended.
pub(crate) fn log_end(connection: &Connection, error: Option<&StreamError>) {
    match error {
        None => tracing::debug!(peer = %connection.peer(), "stream closed"),
        Some(error) => tracing::debug!(peer = %connection.peer(), %error, "stream closed with an error"),
    }
}
