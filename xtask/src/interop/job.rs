//! What a client script is told to do, and what it reports.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The domain of every account. It resolves without DNS, which xmpp.js needs.
pub(super) const DOMAIN: &str = "localhost";

/// An account that does not exist.
pub(super) const UNKNOWN: &str = "nobody@localhost";

/// How many messages each of two accounts sends to the other.
const MESSAGES: usize = 200;

/// Bytes of the longest body.
const LONG_BODY_BYTES: usize = 9_900;

/// How TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    StartTls,
    DirectTls,
}

impl Over {
    pub(super) const BOTH: [Over; 2] = [Over::StartTls, Over::DirectTls];

    pub(super) fn name(self) -> &'static str {
        match self {
            Over::StartTls => "STARTTLS",
            Over::DirectTls => "direct TLS",
        }
    }
}

/// What to do.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Task {
    Talk,
    Attempt,
    Stay,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Account {
    pub(super) jid: String,
    pub(super) password: String,
}

/// One message to send.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Message {
    pub(super) to: Recipient,
    pub(super) body: String,
}

/// Which address of the other account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Recipient {
    Full,
    Bare,
}

/// A job as `tests/interop/README.md` describes it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Job {
    pub(super) task: Task,
    pub(super) domain: &'static str,
    pub(super) host: &'static str,
    pub(super) port: u16,
    pub(super) direct_tls: bool,
    pub(super) ca: PathBuf,
    pub(super) accounts: Vec<Account>,
    pub(super) unknown: &'static str,
    /// What the first account sends, and what the second does.
    pub(super) messages: [Vec<Message>; 2],
}

/// How an attempt to log in, or to stay, ended.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Outcome {
    pub(super) outcome: String,
    pub(super) condition: Option<String>,
    pub(super) detail: Option<String>,
    #[serde(default)]
    pub(super) mechanisms: Vec<String>,
}

/// A message as it arrived.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Received {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) body: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Answers {
    pub(super) ping_server: String,
    pub(super) ping_own_resource: String,
    pub(super) ping_other_account: String,
    pub(super) identities: Vec<(String, String)>,
    pub(super) features: Vec<String>,
    pub(super) version: Version,
    pub(super) unknown_query_to_server: String,
    pub(super) unknown_query_to_own_account: String,
    pub(super) query_to_unknown_account: String,
    pub(super) query_to_unknown_resource: String,
    pub(super) message_to_unknown_account: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Version {
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
}

/// The report of the task `talk`; of the other tasks it has the outcomes alone.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Report {
    pub(super) outcomes: Vec<Outcome>,
    #[serde(default)]
    pub(super) jids: Vec<String>,
    #[serde(default)]
    pub(super) mechanisms: Vec<Vec<String>>,
    #[serde(default)]
    pub(super) tls_versions: Vec<Option<String>>,
    #[serde(default)]
    pub(super) received: Vec<Vec<Received>>,
    pub(super) answers: Option<Answers>,
    #[serde(default)]
    pub(super) stream_errors: Vec<Option<String>>,
}

/// What one account sends: every kind of text, to the full JID and the bare one in turn.
pub(super) fn messages(sender: &str) -> Vec<Message> {
    let texts = [
        "plain".to_owned(),
        "emoji 😀 👩‍👩‍👧‍👦 🇩🇪 🏳️‍🌈 and beyond the BMP 𝄞".to_owned(),
        "markup <&>'\"]]> <body/> &amp; &#x41; <!-- -->".to_owned(),
        "two\nlines\n\tand a tab".to_owned(),
        "  spaces around  ".to_owned(),
        "direction: \u{202e}abc\u{202c} שלום مرحبا".to_owned(),
        "combining: e\u{301} \u{fb01} \u{200d} \u{feff} \u{fffd}".to_owned(),
    ];
    (0..MESSAGES)
        .map(|number| {
            let start = format!("{sender} {number}: ");
            // One in ten is long, and so filled that pieces are cut within characters.
            let body =
                if number % 10 == 9 { fill(start, LONG_BODY_BYTES) } else { start + &texts[number % texts.len()] };
            // The recipient changes after every second message, so that it is not tied to the kind of text.
            let to = if number / 2 % 2 == 0 { Recipient::Full } else { Recipient::Bare };
            Message { to, body }
        })
        .collect()
}

/// Lengthens `text` to exactly `bytes` bytes with characters of one to four bytes.
fn fill(mut text: String, bytes: usize) -> String {
    for character in ['é', '€', '😀', 'x', '<', '&'].into_iter().cycle() {
        let missing = bytes - text.len();
        if missing < 4 {
            text.extend(std::iter::repeat_n('.', missing));
            break;
        }
        text.push(character);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_of_every_kind_to_both_addresses() {
        let messages = messages("a");
        assert_eq!(messages.len(), 200);
        for wanted in ["😀", "<&>'\"]]>", "\n"] {
            for to in [Recipient::Full, Recipient::Bare] {
                assert!(
                    messages.iter().any(|message| message.to == to && message.body.contains(wanted)),
                    "{wanted} {to:?}"
                );
            }
        }
        assert!(messages.iter().filter(|message| message.body.len() == 9_900).count() == 20);
        let mut bodies: Vec<&str> = messages.iter().map(|message| message.body.as_str()).collect();
        bodies.sort_unstable();
        bodies.dedup();
        assert_eq!(bodies.len(), 200, "a lost message and a doubled one must not look the same");
    }
}
