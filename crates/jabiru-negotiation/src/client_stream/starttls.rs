//! STARTTLS (RFC 6120 §5).

use jabiru_stanza::{RawElement, StreamError, ns};

use super::State;
use super::context::{Context, out_of_turn};
use super::sasl;
use crate::{Event, starttls};

/// `<starttls/>` offered as mandatory to negotiate: nothing else is (§5.3.1).
pub(super) struct AwaitStartTls;

impl AwaitStartTls {
    pub(super) fn handle(self, element: &RawElement, context: &mut Context) -> Result<State, StreamError> {
        if starttls::is_command(element) {
            return Ok(proceed(element, context));
        }
        if element.is("auth", ns::SASL) {
            // §6.5.4. What else it says is not looked at; the stream goes on, for <starttls/> may still come.
            let name = element.attribute("mechanism").unwrap_or_default();
            sasl::choose(&name, context).err().unwrap_or_else(sasl::needs_encryption).tell(context)?;
            return Ok(State::AwaitStartTls(self));
        }
        Err(out_of_turn(element, "STARTTLS is required"))
    }
}

/// Answers `<starttls/>` where it was offered: `<proceed/>`, and from then on TLS (§5.4.2.3).
pub(super) fn proceed(element: &RawElement, context: &mut Context) -> State {
    if starttls::proceed(element, Event::StartTls, &mut context.output) {
        return State::TlsHandshake;
    }
    context.close(None);
    State::Closed
}

/// Answers `<starttls/>` where none was offered: `<failure/>`, and the end (§5.4.2.2).
pub(super) fn refuse(context: &mut Context) -> State {
    starttls::refuse(&mut context.output);
    context.close(None);
    State::Closed
}
