//! Accounts: who may log in, in which state, with which credentials.

use jid::{BareJid, DomainPart};

use crate::{Credentials, ScramCredential, ScramHash, StorageFuture};

/// The accounts of all domains.
///
/// Object safe: hold it as `Arc<dyn Accounts>`. Addresses are prepared by the `jid` crate, so two
/// spellings of one address are one account. An operation starts when its method is called (see
/// [`StorageFuture`]); a change is acknowledged only once it is kept as safely as the engine can,
/// and every look-up that starts after that sees it, from whichever process. Several changes asked for
/// through one handle take effect in the order of the calls.
///
/// Any operation can fail with [`Unavailable`](crate::StorageError::Unavailable) and with the
/// variants that need the operator; only the errors an operation adds to these are listed with it.
///
/// An engine proves itself with [`battery::accounts`](crate::battery::accounts).
pub trait Accounts: Send + Sync {
    /// Creates an account, in the state [`Active`](AccountStatus::Active).
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::StorageError::AlreadyExists), which leaves the account as it is;
    /// [`NoLocalpart`](crate::StorageError::NoLocalpart) for the address of a domain.
    fn create(&self, address: &BareJid, credentials: Credentials) -> StorageFuture<()>;

    /// Finds an account's state and its credential for one hash function, in one round trip.
    ///
    /// `None` if there is no such account. To those who only authenticate, an unknown account
    /// must look like a known one with a wrong password: that is the caller's part.
    fn look_up(&self, address: &BareJid, hash: ScramHash) -> StorageFuture<Option<Account>>;

    /// Lists accounts, sorted by domainpart, then by localpart, octet by octet.
    ///
    /// `domain` selects one domain, `None` all; `after` continues behind an address that need not
    /// exist (any more); `limit` is the most that is wanted at once, and never more than
    /// [`MAX_PAGE`] are given. An empty page is the end. Accounts that are created or removed
    /// between two pages may or may not show; all others do, once.
    fn list(
        &self,
        domain: Option<&DomainPart>,
        after: Option<&BareJid>,
        limit: usize,
    ) -> StorageFuture<Vec<ListedAccount>>;

    /// Replaces all credentials of an account, also those that have no successor.
    ///
    /// If the old ones had [expired](AccountStatus::CredentialsExpired), the account is active again.
    /// A disabled account stays disabled, a moved one moved.
    ///
    /// # Errors
    /// [`NotFound`](crate::StorageError::NotFound).
    fn replace_credentials(&self, address: &BareJid, credentials: Credentials) -> StorageFuture<()>;

    /// Puts an account into a state. If it is in that state already, nothing changes.
    ///
    /// Of an account that has moved this is the state it will be in once it is back: until then it
    /// shows as [`Moved`](AccountStatus::Moved).
    ///
    /// # Errors
    /// [`NotFound`](crate::StorageError::NotFound);
    /// [`InvalidTarget`](crate::StorageError::InvalidTarget) for the state `Moved`, which needs a
    /// target and is [`set_moved`](Self::set_moved)'s.
    fn set_status(&self, address: &BareJid, status: AccountStatus) -> StorageFuture<()>;

    /// Notes where an account has moved to, in place of what was noted before, or with `None` that
    /// it is back, in the state it had. If that is so already, nothing changes.
    ///
    /// # Errors
    /// [`NotFound`](crate::StorageError::NotFound);
    /// [`InvalidTarget`](crate::StorageError::InvalidTarget) if the URI is empty or longer than
    /// [`MAX_URI_LENGTH`](Moved::MAX_URI_LENGTH). That it is a URI at all is the caller's part.
    fn set_moved(&self, address: &BareJid, moved: Option<Moved>) -> StorageFuture<()>;

    /// Lists the accounts that have moved, with their targets; sorted and paged as
    /// [`list`](Self::list) is.
    fn moved(&self, after: Option<&BareJid>, limit: usize) -> StorageFuture<Vec<(BareJid, Moved)>>;

    /// Removes an account with everything that is stored under it.
    ///
    /// # Errors
    /// [`NotFound`](crate::StorageError::NotFound).
    fn remove(&self, address: &BareJid) -> StorageFuture<()>;

    /// The position of the latest change, from which [`changes_since`](Self::changes_since) goes on.
    fn latest_change(&self) -> StorageFuture<ChangePosition>;

    /// Tells what was changed after `position`, oldest first, also by other processes.
    ///
    /// Cheap enough to be asked every second. At most [`MAX_PAGE`] changes come at once: ask again
    /// from the new position until there are none. The history is bounded; who fell behind it gets
    /// [`Resync`](Changes::Resync).
    fn changes_since(&self, position: ChangePosition) -> StorageFuture<Changes>;
}

/// The most accounts or changes that one call returns.
pub const MAX_PAGE: usize = 1000;

/// An account as it was looked up for authentication.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// Whether the account may be used.
    pub status: AccountStatus,
    /// The credential for the hash function that was asked for; `None` if the account has only others.
    pub credential: Option<ScramCredential>,
}

impl Account {
    /// Puts an answer together; for engines.
    #[must_use]
    pub fn new(status: AccountStatus, credential: Option<ScramCredential>) -> Self {
        Self { status, credential }
    }
}

/// An account as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedAccount {
    /// The account's address.
    pub address: BareJid,
    /// Whether the account may be used.
    pub status: AccountStatus,
}

impl ListedAccount {
    /// Puts an entry together; for engines.
    #[must_use]
    pub fn new(address: BareJid, status: AccountStatus) -> Self {
        Self { address, status }
    }
}

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AccountStatus {
    /// It may log in.
    Active,
    /// It exists but may not log in: SASL answers `<account-disabled/>` (RFC 6120 §6.5.2).
    Disabled,
    /// It may not log in before it gets other credentials: SASL answers `<credentials-expired/>`
    /// (RFC 6120 §6.5.4).
    CredentialsExpired,
    /// Its owner is to be found elsewhere ([`Moved`] says where), and it may not log in: SASL answers
    /// as for a disabled account.
    Moved,
}

impl AccountStatus {
    /// The word for it, as the command line shows it and the SQLite engine writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::CredentialsExpired => "expired",
            Self::Moved => "moved",
        }
    }
}

/// Where the owner of an account is to be found instead.
///
/// What is sent to the account is answered with the stanza error `<gone/>` or `<redirect/>` (RFC 6120
/// §8.3.3.5, §8.3.3.14).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Moved {
    /// The URI or IRI to contact, typically of the scheme `xmpp` (RFC 5122).
    pub uri: String,
    /// Whether this is for good (`<gone/>`) or for a time (`<redirect/>`).
    pub permanent: bool,
}

impl Moved {
    /// The longest URI that is kept, in bytes. An `xmpp` URI with the longest address there is, each
    /// octet of it written as `%XX`, fits.
    pub const MAX_URI_LENGTH: usize = 10_000;

    /// Whether an engine keeps it.
    pub(crate) fn fits(&self) -> bool {
        (1..=Self::MAX_URI_LENGTH).contains(&self.uri.len())
    }
}

/// A point in the history of an engine's accounts; later points are greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangePosition(u64);

impl ChangePosition {
    /// The position after the `number`th change; 0 is before the first. For engines.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// How many changes lie before this position.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }
}

/// What happened to the accounts since a position.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Changes {
    /// Every change after the position that was asked for.
    Since {
        /// The changes, oldest first.
        changes: Vec<AccountChange>,
        /// Where to go on.
        position: ChangePosition,
    },
    /// The position lies before the history that was kept, or is none of this engine's, or there are
    /// changes of a kind that this version does not know: changes were missed. Check every account that matters by [`Accounts::look_up`].
    Resync {
        /// Where to go on; what happened up to here is not going to be told.
        position: ChangePosition,
    },
}

impl Changes {
    /// Where to go on in either case.
    #[must_use]
    pub fn position(&self) -> ChangePosition {
        match self {
            Self::Since { position, .. } | Self::Resync { position } => *position,
        }
    }
}

/// One change of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountChange {
    /// The account that was changed.
    pub address: BareJid,
    /// What was done to it.
    pub kind: ChangeKind,
}

impl AccountChange {
    /// Puts a change together; for engines.
    #[must_use]
    pub fn new(address: BareJid, kind: ChangeKind) -> Self {
        Self { address, kind }
    }
}

/// What was done to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChangeKind {
    /// It was created.
    Created,
    /// Its credentials were replaced: another password. If the old ones had expired, it is active again.
    Credentials,
    /// It was disabled.
    Disabled,
    /// Its credentials have expired.
    Expired,
    /// It became active again, without other credentials.
    Enabled,
    /// It moved, or moved on to another target.
    Moved,
    /// It is back, in the state it had before it moved.
    MovedBack,
    /// It was removed.
    Removed,
}

impl ChangeKind {
    /// Whether streams that were authenticated before the change have lost their ground: the
    /// account is gone, disabled or elsewhere, or its credentials hold no more.
    #[must_use]
    pub fn ends_streams(self) -> bool {
        match self {
            Self::Credentials | Self::Disabled | Self::Expired | Self::Moved | Self::Removed => true,
            Self::Created | Self::Enabled | Self::MovedBack => false,
        }
    }
}
