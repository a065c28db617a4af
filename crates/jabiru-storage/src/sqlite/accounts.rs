//! The queries of [`Accounts`](crate::Accounts), in diesel's language rather than SQLite's where
//! that costs nothing. What changes anything runs inside the writer's transaction.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::{Bool, Text};
use diesel::sqlite::Sqlite;
use jid::{BareJid, NodeRef};

use super::failure::Failure;
use super::schema::{account_change_counter, account_changes, accounts, scram_credentials};
use crate::{
    Account, AccountChange, AccountStatus, ChangeKind, ChangePosition, Changes, Credentials, ListedAccount, MAX_PAGE,
    Moved, ScramCredential, ScramHash, StorageError,
};

/// The connection all queries are written for.
type Db = SqliteConnection;

/// The columns of `scram_credentials` that make a [`ScramCredential`].
type CredentialRow = (i32, Vec<u8>, Vec<u8>, Vec<u8>);

/// The columns of `accounts` that make an [`AccountStatus`]: that of the account when it is here, and
/// whether it has moved.
fn status() -> (accounts::status, diesel::dsl::IsNotNull<accounts::moved_to>) {
    (accounts::status, accounts::moved_to.is_not_null())
}

type StatusRow = (String, bool);

pub(super) fn create(db: &mut Db, address: &BareJid, credentials: &Credentials, history: u32) -> Result<(), Failure> {
    let inserted = diesel::insert_into(accounts::table)
        .values((
            accounts::domainpart.eq(domainpart(address)),
            accounts::localpart.eq(localpart(address)),
            accounts::status.eq(AccountStatus::Active.as_str()),
        ))
        .execute(db);
    match inserted {
        Ok(_) => {}
        Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => {
            return Err(StorageError::AlreadyExists { address: address.clone() }.into());
        }
        Err(error) => return Err(error.into()),
    }
    let account_id = find(db, address)?.account_id;
    insert_credentials(db, account_id, credentials)?;
    remember(db, address, ChangeKind::Created, history)
}

pub(super) fn look_up(db: &mut Db, address: &BareJid, hash: ScramHash) -> Result<Option<Account>, Failure> {
    use scram_credentials as scram;
    let found: Option<(StatusRow, Option<CredentialRow>)> = accounts::table
        .left_join(
            scram::table.on(scram::account_id.eq(accounts::account_id).and(scram::mechanism.eq(hash.mechanism()))),
        )
        .filter(accounts::domainpart.eq(domainpart(address)))
        .filter(accounts::localpart.eq(localpart(address)))
        .select((status(), (scram::iterations, scram::salt, scram::stored_key, scram::server_key).nullable()))
        // Not `first`: there is one at most, and for a bound LIMIT SQLite plans the statement anew every time.
        .get_result(db)
        .optional()?;
    let Some((status, row)) = found else {
        return Ok(None);
    };
    let credential = row.map(|row| credential(address, hash, row)).transpose()?;
    Ok(Some(Account::new(parse_status(address, &status)?, credential)))
}

pub(super) fn list(
    db: &mut Db,
    domain: Option<&str>,
    after: Option<&BareJid>,
    limit: usize,
) -> Result<Vec<ListedAccount>, Failure> {
    let mut query = accounts::table
        .select((accounts::domainpart, accounts::localpart, status()))
        .order((accounts::domainpart, accounts::localpart))
        // Fits: it is at most MAX_PAGE.
        .limit(limit.min(MAX_PAGE) as i64)
        .into_boxed();
    if let Some(domain) = domain {
        query = query.filter(accounts::domainpart.eq(domain));
    }
    if let Some(after) = after {
        query = query.filter(behind(after));
    }
    let rows: Vec<(String, String, StatusRow)> = query.load(db)?;
    rows.iter()
        .map(|(domainpart, localpart, status)| {
            let address = parse_address(domainpart, localpart)?;
            let status = parse_status(&address, status)?;
            Ok(ListedAccount::new(address, status))
        })
        .collect()
}

pub(super) fn replace_credentials(
    db: &mut Db,
    address: &BareJid,
    credentials: &Credentials,
    history: u32,
) -> Result<(), Failure> {
    let account_id = find(db, address)?.account_id;
    diesel::delete(scram_credentials::table.filter(scram_credentials::account_id.eq(account_id))).execute(db)?;
    insert_credentials(db, account_id, credentials)?;
    let expired = accounts::status.eq(AccountStatus::CredentialsExpired.as_str());
    diesel::update(accounts::table.find(account_id).filter(expired))
        .set(accounts::status.eq(AccountStatus::Active.as_str()))
        .execute(db)?;
    remember(db, address, ChangeKind::Credentials, history)
}

pub(super) fn set_status(db: &mut Db, address: &BareJid, status: AccountStatus, history: u32) -> Result<(), Failure> {
    let kind = match status {
        AccountStatus::Active => ChangeKind::Enabled,
        AccountStatus::Disabled => ChangeKind::Disabled,
        AccountStatus::CredentialsExpired => ChangeKind::Expired,
        AccountStatus::Moved => return Err(StorageError::InvalidTarget { address: address.clone() }.into()),
    };
    let found = find(db, address)?;
    if found.status == status.as_str() {
        return Ok(());
    }
    diesel::update(accounts::table.find(found.account_id)).set(accounts::status.eq(status.as_str())).execute(db)?;
    remember(db, address, kind, history)
}

pub(super) fn set_moved(db: &mut Db, address: &BareJid, moved: Option<&Moved>, history: u32) -> Result<(), Failure> {
    let found = find(db, address)?;
    let (uri, permanent) = (moved.map(|moved| moved.uri.as_str()), moved.map(|moved| moved.permanent));
    if (found.moved_to.as_deref(), found.moved_for_good) == (uri, permanent) {
        return Ok(());
    }
    diesel::update(accounts::table.find(found.account_id))
        .set((accounts::moved_to.eq(uri), accounts::moved_for_good.eq(permanent)))
        .execute(db)?;
    let kind = if moved.is_some() { ChangeKind::Moved } else { ChangeKind::MovedBack };
    remember(db, address, kind, history)
}

pub(super) fn moved(db: &mut Db, after: Option<&BareJid>, limit: usize) -> Result<Vec<(BareJid, Moved)>, Failure> {
    let rows: Vec<(String, String, String, bool)> = moved_query(after, limit).load(db)?;
    rows.into_iter()
        .map(|(domainpart, localpart, uri, permanent)| {
            Ok((parse_address(&domainpart, &localpart)?, Moved { uri, permanent }))
        })
        .collect()
}

type MovedColumns = (Text, Text, Text, Bool);

pub(super) fn moved_query(
    after: Option<&BareJid>,
    limit: usize,
) -> accounts::BoxedQuery<'static, Sqlite, MovedColumns> {
    let mut query = accounts::table
        .select((
            accounts::domainpart,
            accounts::localpart,
            accounts::moved_to.assume_not_null(),
            accounts::moved_for_good.assume_not_null(),
        ))
        // The condition of the index moved_accounts, which holds those alone.
        .filter(accounts::moved_to.is_not_null())
        .order((accounts::domainpart, accounts::localpart))
        // Fits: it is at most MAX_PAGE.
        .limit(limit.min(MAX_PAGE) as i64)
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(behind(after));
    }
    query
}

pub(super) fn remove(db: &mut Db, address: &BareJid, history: u32) -> Result<(), Failure> {
    let account_id = find(db, address)?.account_id;
    // Everything else under the account goes with it: ON DELETE CASCADE.
    diesel::delete(accounts::table.find(account_id)).execute(db)?;
    remember(db, address, ChangeKind::Removed, history)
}

pub(super) fn latest_change(db: &mut Db) -> Result<ChangePosition, Failure> {
    let latest: i64 = account_change_counter::table.select(account_change_counter::latest).first(db)?;
    Ok(ChangePosition::new(unsigned(latest)?))
}

pub(super) fn changes_since(db: &mut Db, position: ChangePosition) -> Result<Changes, Failure> {
    // One snapshot for both questions: another process may write in between.
    db.transaction(|db| {
        let latest = latest_change(db)?;
        if position == latest {
            return Ok(Changes::Since { changes: Vec::new(), position });
        }
        let resync = Changes::Resync { position: latest };
        if position > latest {
            return Ok(resync);
        }
        let after = i64::try_from(position.number())
            .map_err(|_| StorageError::corrupt("more changes than SQLite can count"))?;
        let rows: Vec<(i64, String, String, String)> = account_changes::table
            .filter(account_changes::number.gt(after))
            .order(account_changes::number)
            .limit(MAX_PAGE as i64)
            .load(db)?;
        match rows.first() {
            // Numbers have no gaps: what does not go on at once has been pruned.
            Some((number, ..)) if *number == after + 1 => {}
            _ => return Ok(resync),
        }
        let position = ChangePosition::new(position.number() + rows.len() as u64);
        let mut changes = Vec::with_capacity(rows.len());
        for (_, domainpart, localpart, kind) in &rows {
            // A kind of change that this version does not know was made by a later one: look at everything.
            let Some(kind) = parse_kind(kind) else { return Ok(resync) };
            changes.push(AccountChange::new(parse_address(domainpart, localpart)?, kind));
        }
        Ok(Changes::Since { changes, position })
    })
}

/// What the operations that change an account need to know of it.
#[derive(Queryable)]
struct Found {
    account_id: i64,
    status: String,
    moved_to: Option<String>,
    moved_for_good: Option<bool>,
}

fn find(db: &mut Db, address: &BareJid) -> Result<Found, Failure> {
    let found = accounts::table
        .filter(accounts::domainpart.eq(domainpart(address)))
        .filter(accounts::localpart.eq(localpart(address)))
        .select((accounts::account_id, accounts::status, accounts::moved_to, accounts::moved_for_good))
        .first(db)
        .optional()?;
    found.ok_or_else(|| StorageError::NotFound { address: address.clone() }.into())
}

fn insert_credentials(db: &mut Db, account_id: i64, credentials: &Credentials) -> Result<(), Failure> {
    for credential in credentials.iter() {
        let iterations = i32::try_from(credential.iterations())
            .map_err(|_| StorageError::corrupt("iteration count beyond 31 bits"))?;
        diesel::insert_into(scram_credentials::table)
            .values((
                scram_credentials::account_id.eq(account_id),
                scram_credentials::mechanism.eq(credential.hash().mechanism()),
                scram_credentials::iterations.eq(iterations),
                scram_credentials::salt.eq(credential.salt()),
                scram_credentials::stored_key.eq(credential.stored_key()),
                scram_credentials::server_key.eq(credential.server_key()),
            ))
            .execute(db)?;
    }
    Ok(())
}

/// Adds a change to the history and forgets the one that falls out of it.
fn remember(db: &mut Db, address: &BareJid, kind: ChangeKind, history: u32) -> Result<(), Failure> {
    // A counter row rather than the database's own sequence: it has no gaps, is undone with the
    // transaction, and makes writers of an engine with several of them queue up, so that a lower
    // number is never committed after a higher one has been read.
    diesel::update(account_change_counter::table)
        .set(account_change_counter::latest.eq(account_change_counter::latest + 1))
        .execute(db)?;
    let latest: i64 = account_change_counter::table.select(account_change_counter::latest).first(db)?;
    diesel::insert_into(account_changes::table)
        .values((
            account_changes::number.eq(latest),
            account_changes::domainpart.eq(domainpart(address)),
            account_changes::localpart.eq(localpart(address)),
            account_changes::kind.eq(kind_name(kind)),
        ))
        .execute(db)?;
    let forgotten = latest - i64::from(history);
    diesel::delete(account_changes::table.filter(account_changes::number.le(forgotten))).execute(db)?;
    Ok(())
}

/// The rows behind an address, in the order of lists.
fn behind(after: &BareJid) -> Box<dyn BoxableExpression<accounts::table, Sqlite, SqlType = Bool>> {
    // A row comparison walks the index from there, which `a > x OR (a = x AND b > y)` doesn't.
    let behind = diesel::dsl::sql::<Bool>("(accounts.domainpart, accounts.localpart) > (")
        .bind::<Text, _>(domainpart(after).to_owned())
        .sql(", ")
        .bind::<Text, _>(localpart(after).to_owned())
        .sql(")");
    Box::new(behind)
}

fn domainpart(address: &BareJid) -> &str {
    address.domain().as_str()
}

fn localpart(address: &BareJid) -> &str {
    address.node().map(NodeRef::as_str).unwrap_or_default()
}

fn credential(
    address: &BareJid,
    hash: ScramHash,
    (iterations, salt, stored_key, server_key): CredentialRow,
) -> Result<ScramCredential, StorageError> {
    let iterations = u32::try_from(iterations).unwrap_or_default();
    ScramCredential::new(hash, iterations, salt, stored_key, server_key)
        .map_err(|error| StorageError::corrupt(format!("the {hash} credential of {address} has {error}")))
}

fn parse_address(domainpart: &str, localpart: &str) -> Result<BareJid, StorageError> {
    BareJid::new(&format!("{localpart}@{domainpart}"))
        .map_err(|error| StorageError::corrupt(format!("{localpart:?} at {domainpart:?} is no address: {error}")))
}

fn parse_status(address: &BareJid, (name, moved): &StatusRow) -> Result<AccountStatus, StorageError> {
    if *moved {
        return Ok(AccountStatus::Moved);
    }
    [AccountStatus::Active, AccountStatus::Disabled, AccountStatus::CredentialsExpired]
        .into_iter()
        .find(|status| status.as_str() == name)
        .ok_or_else(|| StorageError::corrupt(format!("{address} has the status {name:?}")))
}

/// The word that stands for a change in the database.
fn kind_name(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Created => "created",
        ChangeKind::Credentials => "credentials",
        ChangeKind::Disabled => "disabled",
        ChangeKind::Expired => "expired",
        ChangeKind::Enabled => "enabled",
        ChangeKind::Moved => "moved",
        ChangeKind::MovedBack => "moved back",
        ChangeKind::Removed => "removed",
    }
}

fn parse_kind(name: &str) -> Option<ChangeKind> {
    use ChangeKind as K;
    let known = [K::Created, K::Credentials, K::Disabled, K::Expired, K::Enabled, K::Moved, K::MovedBack, K::Removed];
    known.into_iter().find(|kind| kind_name(*kind) == name)
}

fn unsigned(number: i64) -> Result<u64, StorageError> {
    u64::try_from(number).map_err(|_| StorageError::corrupt(format!("{number} changes")))
}
