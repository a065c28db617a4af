//! The database file: opening, protecting, migrating.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::failure::Failure;
use crate::{StorageError, error::Unavailable};

/// Every version of the schema, oldest first; each runs in a transaction, and never changes once released.
const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// "Jabi": tells our files from other programs' (`PRAGMA application_id`).
const APPLICATION_ID: i64 = 0x4a61_6269;

/// A database file that is present, ours, and of the schema of this build.
#[derive(Clone, Debug)]
pub(super) struct Database {
    path: PathBuf,
    url: String,
    busy_timeout: Duration,
}

impl Database {
    /// Makes sure of the file at `path`: creates it with its folder, or checks and migrates it.
    pub(super) fn prepare(path: &Path, busy_timeout: Duration) -> Result<Self, StorageError> {
        let path = std::path::absolute(path).map_err(io_error("find", path))?;
        let Some(url) = path.to_str().map(str::to_owned) else {
            let error = io::Error::new(io::ErrorKind::InvalidFilename, "the path is not UTF-8");
            return Err(io_error("open", &path)(error));
        };
        create_file(&path)?;
        let database = Self { path, url, busy_timeout };
        let mut connection = database.connect()?;
        database.migrate(&mut connection)?;
        database.use_write_ahead_log(&mut connection)?;
        Ok(database)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A connection for the one thread that writes.
    pub(super) fn connect_writer(&self) -> Result<SqliteConnection, StorageError> {
        // FULL: a commit returns once the log is on disk, not merely handed to the system.
        // secure_delete: what replaced or removed credentials leave behind is overwritten.
        // journal_size_limit: a log that grew in a busy hour shrinks again, to 16 MiB.
        self.connect_with("PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA journal_size_limit = 16777216;")
    }

    /// A connection for a thread that only reads.
    pub(super) fn connect_reader(&self) -> Result<SqliteConnection, StorageError> {
        self.connect_with("PRAGMA query_only = ON;")
    }

    fn connect_with(&self, pragmas: &str) -> Result<SqliteConnection, StorageError> {
        // SQLite would create a file that has been moved away, and find no tables in it.
        fs::metadata(&self.path).map_err(io_error("open", &self.path))?;
        let mut connection = self.connect()?;
        connection.batch_execute(pragmas).map_err(|error| self.explain(error))?;
        Ok(connection)
    }

    fn connect(&self) -> Result<SqliteConnection, StorageError> {
        let mut connection = SqliteConnection::establish(&self.url)
            .map_err(|error| io_error("open", &self.path)(io::Error::other(error.to_string())))?;
        let pragmas = format!(
            "PRAGMA busy_timeout = {}; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; \
             PRAGMA cell_size_check = ON;",
            self.busy_timeout.as_millis()
        );
        connection.batch_execute(&pragmas).map_err(|error| self.explain(error))?;
        Ok(connection)
    }

    /// Brings the schema up to date, or refuses the file without having touched it.
    fn migrate(&self, connection: &mut SqliteConnection) -> Result<(), StorageError> {
        if self.is_current(connection)? {
            return Ok(());
        }
        // Whoever else starts at this moment waits here, and then finds nothing left to do.
        let migrated = connection.immediate_transaction::<_, MigrationFailure, _>(|connection| {
            if self.is_current(connection)? {
                return Ok(());
            }
            for version in connection.run_pending_migrations(MIGRATIONS)? {
                tracing::info!(path = %self.path.display(), %version, "storage schema brought up to date");
            }
            connection.batch_execute(&format!("PRAGMA application_id = {APPLICATION_ID}"))?;
            Ok(())
        });
        migrated.map_err(|failure| match failure {
            MigrationFailure::Storage(error) => error,
            MigrationFailure::Database(error) => self.explain(error),
            MigrationFailure::Migration(error) => self.explain_boxed(error),
        })
    }

    /// Whether every migration has run; an error if the file is not ours or ahead of us.
    fn is_current(&self, connection: &mut SqliteConnection) -> Result<bool, StorageError> {
        let tables: i64 = self.value(connection, "SELECT count(*) AS value FROM sqlite_schema")?;
        if tables == 0 {
            return Ok(false);
        }
        let id: i64 = self.value(connection, "SELECT application_id AS value FROM pragma_application_id")?;
        if id != APPLICATION_ID {
            let detail = format!("its application id is {id:#x}, not {APPLICATION_ID:#x}");
            return Err(StorageError::Foreign { path: self.path.clone(), detail });
        }
        let known = known_versions()?;
        let applied = connection.applied_migrations().map_err(|error| self.explain_boxed(error))?;
        let applied: Vec<_> = applied.iter().map(ToString::to_string).collect();
        match applied.iter().filter(|version| !known.contains(version)).max() {
            Some(found) => Err(StorageError::NewerSchema {
                path: self.path.clone(),
                found: found.clone(),
                supported: known.into_iter().max().unwrap_or_default(),
            }),
            None => Ok(applied.len() == known.len()),
        }
    }

    /// Readers then never wait for the writer, nor it for them.
    fn use_write_ahead_log(&self, connection: &mut SqliteConnection) -> Result<(), StorageError> {
        const PAUSE: Duration = Duration::from_millis(10);
        // The change of mode does not always heed busy_timeout, so wait here, for as long in all.
        let mut pauses_left = self.busy_timeout.as_millis() / PAUSE.as_millis();
        while let Err(error) = connection.batch_execute("PRAGMA journal_mode = WAL") {
            match self.explain(error) {
                StorageError::Unavailable { reason: Unavailable::Busy } if pauses_left > 0 => {
                    pauses_left -= 1;
                    std::thread::sleep(PAUSE);
                }
                error => return Err(error),
            }
        }
        let mode: Word = diesel::sql_query("SELECT journal_mode AS value FROM pragma_journal_mode")
            .get_result(connection)
            .map_err(|error| self.explain(error))?;
        if mode.value == "wal" {
            return Ok(());
        }
        let detail = format!("no write-ahead log on this file system (mode is {})", mode.value);
        Err(StorageError::Engine { detail })
    }

    fn value(&self, connection: &mut SqliteConnection, query: &str) -> Result<i64, StorageError> {
        let row: Number = diesel::sql_query(query).get_result(connection).map_err(|error| self.explain(error))?;
        Ok(row.value)
    }

    fn explain_boxed(&self, error: Box<dyn std::error::Error + Send + Sync>) -> StorageError {
        match error.downcast::<diesel::result::Error>() {
            Ok(error) => self.explain(*error),
            Err(error) => StorageError::Engine { detail: format!("migration failed: {error}") },
        }
    }

    fn explain(&self, error: diesel::result::Error) -> StorageError {
        match Failure::from(error).error {
            StorageError::Engine { detail } if detail.contains("file is not a database") => {
                StorageError::Foreign { path: self.path.clone(), detail }
            }
            error => error,
        }
    }
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    value: i64,
}

#[derive(QueryableByName)]
struct Word {
    #[diesel(sql_type = Text)]
    value: String,
}

enum MigrationFailure {
    Storage(StorageError),
    Database(diesel::result::Error),
    Migration(Box<dyn std::error::Error + Send + Sync>),
}

impl From<StorageError> for MigrationFailure {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl From<diesel::result::Error> for MigrationFailure {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Box<dyn std::error::Error + Send + Sync>> for MigrationFailure {
    fn from(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
        Self::Migration(error)
    }
}

fn known_versions() -> Result<Vec<String>, StorageError> {
    let migrations = diesel::migration::MigrationSource::<Sqlite>::migrations(&MIGRATIONS)
        .map_err(|error| StorageError::Engine { detail: error.to_string() })?;
    Ok(migrations.iter().map(|migration| migration.name().version().to_string()).collect())
}

/// Creates the file with its folder, for nobody's eyes but the owner's. SQLite gives its log and
/// index files the mode of the database.
fn create_file(path: &Path) -> Result<(), StorageError> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    }
    builder.create(folder).map_err(io_error("create the folder", folder))?;
    match options.open(path) {
        Ok(file) => {
            file.sync_all().map_err(io_error("write", path))?;
            // The file's name is on disk only once its folder is.
            #[cfg(unix)]
            fs::File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(io_error("write the folder", folder))?;
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // The system says more clearly than SQLite what is in the way.
            OpenOptions::new().read(true).write(true).open(path).map_err(io_error("open", path))?;
            tighten(path)
        }
        Err(error) => Err(io_error("create", path)(error)),
    }
}

/// Takes away what others may do with a file that was copied or restored carelessly.
#[cfg(unix)]
fn tighten(path: &Path) -> Result<(), StorageError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path).map_err(io_error("read", path))?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), mode = format!("{:o}", mode & 0o777),
            "others could read the database; its mode is now 600");
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(io_error("protect", path))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn tighten(_path: &Path) -> Result<(), StorageError> {
    Ok(())
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StorageError {
    let path = path.to_owned();
    move |source| StorageError::Io { action, path, source: Arc::new(source) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pragma(connection: &mut SqliteConnection, name: &str) -> i64 {
        let query = format!("SELECT {name} AS value FROM pragma_{name}");
        diesel::sql_query(query).get_result::<Number>(connection).unwrap().value
    }

    /// What the crate promises about durability and secrecy rests on these.
    #[test]
    fn connections_have_their_settings() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.sqlite");
        let database = Database::prepare(&path, Duration::from_millis(1234)).unwrap();
        let mut writer = database.connect_writer().unwrap();
        let mut reader = database.connect_reader().unwrap();
        for (name, of_writer, of_reader) in
            [("synchronous", 2, 2), ("foreign_keys", 1, 1), ("secure_delete", 1, 0), ("query_only", 0, 1)]
        {
            assert_eq!(pragma(&mut writer, name), of_writer, "{name}");
            assert_eq!(pragma(&mut reader, name), of_reader, "{name}");
        }
        #[derive(QueryableByName)]
        struct Timeout {
            #[diesel(sql_type = BigInt)]
            timeout: i64,
        }
        let timeout: Timeout = diesel::sql_query("PRAGMA busy_timeout").get_result(&mut writer).unwrap();
        assert_eq!(timeout.timeout, 1234);
    }

    /// A file of each earlier version is brought up to date, with what is in it.
    #[test]
    fn earlier_versions_are_upgraded() {
        let folder = tempfile::tempdir().unwrap();
        let versions = known_versions().unwrap();
        for undone in 1..versions.len() {
            let path = folder.path().join(format!("{undone}.sqlite"));
            let database = Database::prepare(&path, Duration::from_secs(1)).unwrap();
            let mut connection = database.connect_writer().unwrap();
            for _ in 0..undone {
                connection.revert_last_migration(MIGRATIONS).unwrap();
            }
            let account =
                "INSERT INTO accounts (domainpart, localpart, status) VALUES ('im.example', 'juliet', 'disabled')";
            connection.batch_execute(account).unwrap();
            drop(connection);

            let database = Database::prepare(&path, Duration::from_secs(1)).unwrap();
            let mut connection = database.connect_writer().unwrap();
            assert!(database.is_current(&mut connection).unwrap(), "{undone}");
            let listed = super::super::accounts::list(&mut connection, None, None, 10).unwrap_or_default();
            let listed: Vec<_> = listed.iter().map(|found| (found.address.as_str(), found.status.as_str())).collect();
            assert_eq!(listed, [("juliet@im.example", "disabled")], "{undone}");
        }
    }

    /// Those that have moved are found by their index alone, however many others there are.
    #[test]
    fn moved_accounts_are_found_by_their_index() {
        #[derive(QueryableByName)]
        struct Step {
            #[diesel(sql_type = Text)]
            detail: String,
        }
        let folder = tempfile::tempdir().unwrap();
        let database = Database::prepare(&folder.path().join("test.sqlite"), Duration::from_secs(1)).unwrap();
        let mut connection = database.connect_reader().unwrap();
        let query = super::super::accounts::moved_query(None, 10);
        let query = diesel::debug_query::<Sqlite, _>(&query).to_string();
        let query = query.split(" -- ").next().unwrap().to_owned();
        let plan: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {query}")).load(&mut connection).unwrap();
        let plan: Vec<_> = plan.iter().map(|step| step.detail.as_str()).collect();
        assert_eq!(plan, ["SCAN accounts USING INDEX moved_accounts"]);
    }

    /// The migrations can be undone, by hand, one by one.
    #[test]
    fn migrations_revert() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.sqlite");
        let database = Database::prepare(&path, Duration::from_secs(1)).unwrap();
        let mut connection = database.connect_writer().unwrap();
        connection.revert_all_migrations(MIGRATIONS).unwrap();
        let tables = "SELECT count(*) AS value FROM sqlite_schema \
                      WHERE type = 'table' AND name NOT LIKE '\\_\\_diesel%' ESCAPE '\\'";
        assert_eq!(database.value(&mut connection, tables).unwrap(), 0);
        connection.run_pending_migrations(MIGRATIONS).unwrap();
    }
}
