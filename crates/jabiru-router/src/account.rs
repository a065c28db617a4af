//! The address of an account, borrowed.

use std::fmt;

use jabiru_stanza::{BareJid, Jid};

/// The bare JID `localpart@domainpart` of an account, borrowed from any of its addresses.
///
/// This is the key by which a backend finds resources: a full JID is looked up without making a
/// bare one of it first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Account<'a>(&'a str);

impl<'a> Account<'a> {
    /// The account that this bare or full JID belongs to; `None` for the address of a server.
    #[must_use]
    pub fn of(jid: &'a Jid) -> Option<Account<'a>> {
        jid.node()?;
        let text = jid.as_str();
        // RFC 7622 §3.2: no localpart and no domainpart contains a slash, a resourcepart may.
        Some(Account(text.split_once('/').map_or(text, |(bare, _)| bare)))
    }

    /// The address as text, prepared.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// The address as one of its own.
    #[must_use]
    pub fn to_bare_jid(self) -> BareJid {
        BareJid::new(self.0).expect("it was cut out of a prepared JID before the resourcepart")
    }
}

impl fmt::Debug for Account<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({})", self.0)
    }
}

impl fmt::Display for Account<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_of_an_address() {
        for (jid, expected) in [
            ("juliet@im.example", Some("juliet@im.example")),
            ("Juliet@IM.example/A/b@c", Some("juliet@im.example")),
            ("juliet@im.example/juliet@im.example/x", Some("juliet@im.example")),
            ("im.example", None),
            ("im.example/juliet@im.example", None),
        ] {
            let jid = Jid::new(jid).unwrap();
            let account = Account::of(&jid);
            assert_eq!(account.map(Account::as_str), expected, "{jid}");
            if let Some(account) = account {
                assert_eq!(account.to_bare_jid(), jid.to_bare());
            }
        }
    }
}
