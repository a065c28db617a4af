//! Accounts that have moved to another address (RFC 6120 §8.3.3.5 and §8.3.3.14).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use jabiru_stanza::{BareJid, Condition};
use parking_lot::RwLock;

use crate::Account;

/// Where an account has moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// A URI or IRI of the new address, say `xmpp:juliet@im.example`. Not looked at here: whoever stores it
    /// checks it.
    pub uri: String,
    /// For good: senders are told `gone`; else `redirect`.
    pub permanent: bool,
}

impl Moved {
    /// What senders are told: `gone` (§8.3.3.5) or `redirect` (§8.3.3.14), with the URI.
    #[must_use]
    pub fn condition(&self) -> Condition {
        if self.permanent {
            Condition::Gone(Some(self.uri.clone()))
        } else {
            Condition::Redirect(Some(self.uri.clone()))
        }
    }
}

/// A shared table of accounts that have moved: clones see what is put into any of them.
///
/// It holds what the storage knows to have moved, and is as large as that. The [`Router`](crate::Router) asks
/// it only about stanzas that no resource takes, so a message that is delivered costs no look.
#[derive(Clone, Default)]
pub struct MovedAccounts(Arc<RwLock<HashMap<Box<str>, Moved>>>);

impl MovedAccounts {
    /// Enters an account, or changes where it has moved.
    pub fn set(&self, account: &BareJid, moved: Moved) {
        self.0.write().insert(account.as_str().into(), moved);
    }

    /// Takes an account out: it is back. Returns where it had been.
    pub fn remove(&self, account: &BareJid) -> Option<Moved> {
        self.0.write().remove(account.as_str())
    }

    /// Puts other accounts in the place of all that there are, at once.
    pub fn replace_all(&self, accounts: impl IntoIterator<Item = (BareJid, Moved)>) {
        let table = accounts.into_iter().map(|(account, moved)| (account.as_str().into(), moved)).collect();
        // The old table is freed after the lock.
        let _old = std::mem::replace(&mut *self.0.write(), table);
    }

    /// Where this account has moved, if it has. The same work for one that is there, one that has moved and one that
    /// never was (§13.11).
    #[must_use]
    pub fn get(&self, account: Account<'_>) -> Option<Moved> {
        self.0.read().get(account.as_str()).cloned()
    }

    /// How many have moved.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.read().len()
    }

    /// None has?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for MovedAccounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MovedAccounts({})", self.len())
    }
}

#[cfg(test)]
mod tests {
    use jabiru_stanza::Jid;

    use super::*;

    #[test]
    fn set_removed_and_replaced_through_any_clone() {
        let jid = |name: &str| BareJid::new(&format!("{name}@im.example")).unwrap();
        let moved = |uri: &str| Moved { uri: uri.to_owned(), permanent: true };
        let full = Jid::new("Juliet@im.example/balcony").unwrap();
        let table = MovedAccounts::default();
        let find = || table.get(Account::of(&full).unwrap()).map(|moved| moved.uri);
        let clone = table.clone();
        assert_eq!((find(), table.is_empty()), (None, true));
        clone.set(&jid("juliet"), moved("xmpp:a@x"));
        clone.set(&jid("juliet"), moved("xmpp:b@x"));
        assert_eq!((find().as_deref(), table.len()), (Some("xmpp:b@x"), 1));
        clone.replace_all([(jid("romeo"), moved("xmpp:c@x")), (jid("juliet"), moved("xmpp:d@x"))]);
        assert_eq!((find().as_deref(), table.len()), (Some("xmpp:d@x"), 2));
        assert_eq!(clone.remove(&jid("juliet")), Some(moved("xmpp:d@x")));
        assert_eq!((find(), clone.remove(&jid("juliet")), table.len()), (None, None, 1));
    }

    #[test]
    fn for_good_or_not() {
        for (permanent, name) in [(true, "gone"), (false, "redirect")] {
            let condition = Moved { uri: "xmpp:a@x".to_owned(), permanent }.condition();
            assert_eq!(condition.name(), name);
            assert!(
                matches!(condition, Condition::Gone(Some(uri)) | Condition::Redirect(Some(uri)) if uri == "xmpp:a@x")
            );
        }
    }
}
