//! Follows what is done to accounts, even if another process does it: ends the streams of those that were disabled,
//! moved or removed, or whose password was changed or has expired, and tells the router who has moved where.

use std::collections::VecDeque;
use std::time::Duration;

use jabiru_router::{Account, Moved, Router};
use jabiru_stanza::{BareJid, Element, StreamCondition, StreamError};
use jabiru_storage::{
    self as storage, AccountStatus, Accounts, ChangeKind, ChangePosition, Changes, MAX_PAGE, ScramHash, StorageError,
};
use parking_lot::Mutex;

use crate::live::Live;

/// What was noticed lately, so that a login under way at that moment does not slip through: it
/// may have read the credentials before the change and registered its resource after the streams
/// of the account were closed.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    recent: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    round: u64,
    /// Rounds before this one are forgotten.
    complete_since: u64,
    changes: VecDeque<(u64, BareJid)>,
}

/// A moment in the watch's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Since(u64);

impl Watch {
    pub(crate) fn now(&self) -> Since {
        Since(self.recent.lock().round)
    }

    /// May the account have changed since then, so that its streams have lost their ground?
    pub(crate) fn disturbed(&self, account: &BareJid, since: Since) -> bool {
        let recent = self.recent.lock();
        since.0 < recent.complete_since
            || recent.changes.iter().any(|(round, changed)| *round > since.0 && changed == account)
    }

    /// Notes that any account may have changed: logins under way count as disturbed.
    fn note_any(&self) {
        let mut recent = self.recent.lock();
        recent.round += 1;
        recent.complete_since = recent.round;
        recent.changes.clear();
    }

    fn note(&self, accounts: impl Iterator<Item = BareJid>) {
        let mut recent = self.recent.lock();
        recent.round += 1;
        let round = recent.round;
        for account in accounts {
            if recent.changes.len() >= REMEMBERED
                && let Some((forgotten, _)) = recent.changes.pop_front()
            {
                recent.complete_since = forgotten;
            }
            recent.changes.push_back((round, account));
        }
    }

    /// Asks for changes until it is dropped.
    pub(crate) async fn run(&self, accounts: &dyn Accounts, router: &Router, live: &Live, interval: Duration) {
        let mut position = None;
        let mut clock = tokio::time::interval(interval);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            clock.tick().await;
            if let Err(error) = self.round(&mut position, accounts, router, live).await {
                tracing::warn!(%error, "can't learn which accounts were changed; asking again");
            }
        }
    }

    async fn round(
        &self,
        position: &mut Option<ChangePosition>,
        accounts: &dyn Accounts,
        router: &Router,
        live: &Live,
    ) -> Result<(), StorageError> {
        let Some(after) = *position else {
            // First the position: what changes while they are loaded is told by the next round.
            let latest = accounts.latest_change().await?;
            load_moved(accounts, router).await?;
            *position = Some(latest);
            return Ok(());
        };
        let changes = accounts.changes_since(after).await?;
        let next = changes.position();
        if concerns_moved(&changes, router) {
            load_moved(accounts, router).await?;
        }
        let ended: Vec<(BareJid, ChangeKind)> = match changes {
            Changes::Since { changes, .. } => changes
                .into_iter()
                .filter(|change| change.kind.ends_streams())
                .map(|change| (change.address, change.kind))
                .collect(),
            // Too much has happened to be told: every account with a stream is looked up, and who is about to
            // have one starts over.
            _ => {
                self.note_any();
                changed_among(live.accounts(), accounts).await?
            }
        };
        if !ended.is_empty() {
            // First noted, then closed: whoever registers in between finds the note.
            self.note(ended.iter().map(|(account, _)| account.clone()));
            for (account, kind) in ended {
                let error = reason(&account, kind, router);
                let closed = match Account::of(&account) {
                    Some(key) => router.close_account(key, &error).await,
                    None => 0,
                };
                tracing::info!(%account, change = ?kind, streams = closed, "account changed");
            }
        }
        *position = Some(next);
        Ok(())
    }
}

/// Changes of this many accounts are remembered; a login that outlasts them starts over.
const REMEMBERED: usize = 4096;

/// May other accounts have moved than before, or to another place?
fn concerns_moved(changes: &Changes, router: &Router) -> bool {
    match changes {
        Changes::Since { changes, .. } => changes.iter().any(|change| match change.kind {
            ChangeKind::Moved | ChangeKind::MovedBack => true,
            ChangeKind::Removed => moved(&change.address, router).is_some(),
            _ => false,
        }),
        _ => true,
    }
}

fn moved(account: &BareJid, router: &Router) -> Option<Moved> {
    Account::of(account).and_then(|account| router.moved().get(account))
}

/// Tells the router all accounts that have moved. There are few, and it happens seldom.
async fn load_moved(accounts: &dyn Accounts, router: &Router) -> Result<(), StorageError> {
    let mut all: Vec<(BareJid, Moved)> = Vec::new();
    loop {
        let page = accounts.moved(all.last().map(|(account, _)| account), MAX_PAGE).await?;
        if page.is_empty() {
            break;
        }
        let translated =
            page.into_iter().map(|(account, storage::Moved { uri, permanent })| (account, Moved { uri, permanent }));
        all.extend(translated);
    }
    router.moved().replace_all(all);
    Ok(())
}

/// What the streams of a changed account are told.
fn reason(account: &BareJid, kind: ChangeKind, router: &Router) -> StreamError {
    match kind {
        // RFC 6120 §4.9.3.16: the stream was negotiated with credentials that hold no more.
        ChangeKind::Credentials => StreamError::new(StreamCondition::Reset).with_text("the password was changed"),
        ChangeKind::Expired => StreamError::new(StreamCondition::Reset).with_text("the credentials have expired"),
        ChangeKind::Removed => StreamError::new(StreamCondition::NotAuthorized).with_text("the account was removed"),
        ChangeKind::Moved => {
            // No defined condition says so; §4.9.4 is for such.
            let error = StreamError::new(StreamCondition::UndefinedCondition).with_text("the account has moved");
            match moved(account, router) {
                Some(to) => error.with_application(Element::new("account-moved", ERRORS).with_text(to.uri)),
                // It is back already.
                None => error,
            }
        }
        _ => StreamError::new(StreamCondition::NotAuthorized).with_text("the account was disabled"),
    }
}

/// The namespace of our application-specific conditions (RFC 6120 §4.9.4).
const ERRORS: &str = "urn:jabiru:errors:0";

async fn changed_among(
    live: Vec<BareJid>,
    accounts: &dyn Accounts,
) -> Result<Vec<(BareJid, ChangeKind)>, StorageError> {
    let mut changed = Vec::new();
    for account in live {
        match accounts.look_up(&account, ScramHash::Sha256).await? {
            // Whether the password changed in the time that was missed can't be told any more.
            Some(found) if found.status == AccountStatus::Active => changed.push((account, ChangeKind::Credentials)),
            Some(found) if found.status == AccountStatus::CredentialsExpired => {
                changed.push((account, ChangeKind::Expired));
            }
            Some(found) if found.status == AccountStatus::Moved => changed.push((account, ChangeKind::Moved)),
            Some(_) => changed.push((account, ChangeKind::Disabled)),
            None => changed.push((account, ChangeKind::Removed)),
        }
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(number: usize) -> BareJid {
        BareJid::new(&format!("a{number}@x")).unwrap()
    }

    #[test]
    fn a_login_under_way_is_disturbed() {
        let watch = Watch::default();
        let before = watch.now();
        assert!(!watch.disturbed(&account(1), before));
        watch.note([account(1)].into_iter());
        assert!(watch.disturbed(&account(1), before));
        assert!(!watch.disturbed(&account(2), before));
        assert!(!watch.disturbed(&account(1), watch.now()));
    }

    /// Either the round finds the account among those with a stream, or its stream finds what was noted: a stream is
    /// entered with its account before it asks.
    #[test]
    fn nobody_slips_through_when_changes_were_missed() {
        let watch = Watch::default();
        watch.note([account(1)].into_iter());
        let before = watch.now();
        watch.note_any();
        assert!(watch.disturbed(&account(2), before));
        assert!(!watch.disturbed(&account(1), watch.now()));
        watch.note([account(3)].into_iter());
        assert!(watch.disturbed(&account(2), before) && !watch.disturbed(&account(2), watch.now()));
    }

    #[test]
    fn what_was_forgotten_disturbs_everybody_of_that_time() {
        let watch = Watch::default();
        let before = watch.now();
        watch.note([account(0)].into_iter());
        watch.note((1..=REMEMBERED).map(account));
        assert!(watch.disturbed(&account(9_999_999), before));
        assert!(!watch.disturbed(&account(9_999_999), watch.now()));
    }
}
