//! ANONYMOUS (RFC 4505): an account that nobody else has, made up for one stream (XEP-0175).

use jabiru_stanza::{BareJid, SaslCondition};
use stringprep::tables;

use super::context::Context;
use super::sasl::{self, Step};
use crate::{AccountStatus, Mechanism};

/// Reads the trace information, which is checked and then forgotten (XEP-0175 §3), and makes an account up.
pub(super) fn begin(message: &[u8], context: &mut Context) -> Step {
    if !std::str::from_utf8(message).is_ok_and(is_trace) {
        return Err(SaslCondition::MalformedRequest.into());
    }
    let account = account(context).ok_or_else(sasl::unavailable)?;
    sasl::succeed(account, Mechanism::Anonymous, AccountStatus::Active, None, context)
}

/// A UUID of the stream's domain (XEP-0175 §3): 122 random bits, which no other stream ever has. `None` without
/// randomness.
fn account(context: &Context) -> Option<BareJid> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).ok()?;
    context.domain.as_ref()?.with_node_str(&uuid(random)).ok()
}

/// A UUID of version 4 in its textual form (RFC 4122 §3 and §4.4), which nodeprep leaves as it is.
fn uuid(random: [u8; 16]) -> String {
    let bits = u128::from_be_bytes(random) & !(0xF << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// Nothing, a token or an email address, by the stringprep profile "trace" (RFC 4505 §2 and §3).
///
/// Of the address only so much is held as keeps it one: something on either side of an `@`, and no longer than a
/// token. Nobody reads it.
fn is_trace(message: &str) -> bool {
    let prohibited = |c: char| {
        tables::ascii_control_character(c)
            || tables::non_ascii_control_character(c)
            || tables::private_use(c)
            || tables::non_character_code_point(c)
            || tables::surrogate_code(c)
            || tables::inappropriate_for_plain_text(c)
            || tables::change_display_properties_or_deprecated(c)
            || tables::tagging_character(c)
    };
    let halves = message.rsplit_once('@').is_none_or(|(local, domain)| !local.is_empty() && !domain.is_empty());
    message.chars().count() <= MAX_TRACE_CHARACTERS && halves && !message.contains(prohibited) && is_bidi_sound(message)
}

/// RFC 3454 §6: text from right to left has none from left to right in it, and reaches from end to end.
fn is_bidi_sound(message: &str) -> bool {
    let ends = [message.chars().next(), message.chars().next_back()];
    !message.contains(tables::bidi_r_or_al)
        || !message.contains(tables::bidi_l) && ends.into_iter().flatten().all(tables::bidi_r_or_al)
}

/// RFC 4505 §2.
const MAX_TRACE_CHARACTERS: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces() {
        let longest = "\u{FC}".repeat(255);
        for (message, expected) in [
            ("", true),
            ("sirhc", true),
            ("two words", true),
            ("sirhc@example.org", true),
            ("\"a@b\"@example.org", true),
            (&longest, true),
            (&format!("{longest}x"), false),
            ("@", false),
            ("sirhc@", false),
            ("@example.org", false),
            ("a\0b", false),
            ("a\u{7F}", false),
            ("\u{80}", false),
            ("\u{E000}", false),
            ("\u{FDD0}", false),
            ("\u{FFFD}", false),
            ("\u{202E}a", false),
            ("\u{E0041}", false),
            ("\u{5D0}\u{5D1}", true),
            ("\u{5D0}a\u{5D1}", false),
            ("\u{5D0}1", false),
        ] {
            assert_eq!(is_trace(message), expected, "{message:?}");
        }
    }

    /// RFC 4122 §4.4: version 4, variant 10, and all other bits as drawn.
    #[test]
    fn uuids() {
        assert_eq!(uuid([0; 16]), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid([0xFF; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(uuid(std::array::from_fn(|n| n as u8)), "00010203-0405-4607-8809-0a0b0c0d0e0f");
    }
}
