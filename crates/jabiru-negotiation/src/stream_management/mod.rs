//! Stream management (XEP-0198): what was sent and is not known to have arrived, what was handled, and the words for it.
//!
//! The same for streams of clients and of servers. Only stanzas count, of each direction for itself, from `<enable/>` or
//! `<enabled/>` on. Who keeps the state of a stream that broke, and for how long, is the business of the floors above.
//!
//! ```
//! use jabiru_negotiation::stream_management::{Bounds, Handled, Unacknowledged};
//!
//! let mut sent = Unacknowledged::new(Bounds::default());
//! let mut handled = Handled::default();
//! for stanza in ["one", "two", "three"] {
//!     sent.push(stanza, stanza.len()).map_err(|_| "full")?;
//! }
//! // The other side handles two of them, and the stream breaks.
//! handled.count();
//! handled.count();
//! assert_eq!(sent.acknowledge(handled.h())?.collect::<Vec<_>>(), ["one", "two"]);
//! assert_eq!(sent.iter().copied().collect::<Vec<_>>(), ["three"]); // to be sent again
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod element;
mod handled;
mod unacknowledged;

pub use element::{SmElement, feature};
pub use handled::Handled;
pub use unacknowledged::{Bounds, HandledCountTooHigh, Unacknowledged};
