//! The SQLite engine from outside: the battery, its file, and what other processes do to it.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use jabiru_storage::{
    AccountStatus, Accounts, ChangeKind, Changes, Credentials, ScramCredential, ScramHash, SqliteOptions,
    SqliteStorage, StorageError, battery, block_on,
};
use jid::BareJid;

fn address(index: usize, domain: &str) -> BareJid {
    BareJid::new(&format!("u{index:05}@{domain}")).unwrap()
}

fn credentials() -> Credentials {
    let credential = |hash: ScramHash| {
        let key = vec![9; hash.key_length()];
        ScramCredential::new(hash, 10_000, vec![5; 16], key.clone(), key).unwrap()
    };
    Credentials::new(ScramHash::ALL.map(credential)).unwrap()
}

fn options(change: impl FnOnce(&mut SqliteOptions)) -> SqliteOptions {
    let mut options = SqliteOptions::default();
    change(&mut options);
    options
}

/// A fresh file for each engine of a battery, all in one folder.
fn fresh(folder: &Path, options: &SqliteOptions) -> Arc<dyn Accounts> {
    let number = fs::read_dir(folder).unwrap().count();
    let path = folder.join(number.to_string()).join("jabiru.sqlite");
    Arc::new(SqliteStorage::open_with(path, options).unwrap())
}

#[test]
fn passes_the_battery() {
    let folder = tempfile::tempdir().unwrap();
    battery::accounts(|| fresh(folder.path(), &SqliteOptions::default()));
}

#[test]
fn passes_the_history_battery() {
    let folder = tempfile::tempdir().unwrap();
    battery::account_history(|history| fresh(folder.path(), &options(|options| options.history = history as u32)));
}

/// The least an engine can be given still works.
#[test]
fn passes_the_battery_with_one_of_everything() {
    let folder = tempfile::tempdir().unwrap();
    let least = options(|options| {
        options.readers = 0;
        options.group = 0;
    });
    battery::accounts(|| fresh(folder.path(), &least));
}

#[test]
fn kept_when_reopened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jabiru.sqlite");
    let juliet = address(1, "im.example");
    let position = {
        let storage = SqliteStorage::open(&path).unwrap();
        block_on(storage.create(&juliet, credentials())).unwrap();
        block_on(storage.set_status(&juliet, AccountStatus::Disabled)).unwrap();
        block_on(storage.latest_change()).unwrap()
    };
    let storage = SqliteStorage::open(&path).unwrap();
    let account = block_on(storage.look_up(&juliet, ScramHash::Sha512)).unwrap().unwrap();
    assert_eq!(account.status, AccountStatus::Disabled);
    assert_eq!(account.credential.as_ref(), credentials().credential(ScramHash::Sha512));
    assert_eq!(block_on(storage.latest_change()).unwrap(), position);
}

/// Credentials that were replaced or removed are not left behind in the file.
#[test]
fn removed_credentials_are_overwritten() {
    let with_key = |key: [u8; 20]| {
        let credential = ScramCredential::new(ScramHash::Sha1, 1, vec![1], key.into(), key.into());
        Credentials::new([credential.unwrap()]).unwrap()
    };
    let secret = *b"a very secret secret";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jabiru.sqlite");
    let contains_secret = || {
        let content = fs::read(&path).unwrap();
        // The first octets of a freed place are used to link it to others.
        content.windows(12).any(|window| window == &secret[8..])
    };
    for (what, remove) in [("remove", true), ("replace", false)] {
        let storage = SqliteStorage::open(&path).unwrap();
        for index in 0..100 {
            // Others live on in the same pages.
            let key = if index % 10 == 0 { secret } else { [7; 20] };
            block_on(storage.create(&address(index, what), with_key(key))).unwrap();
        }
        drop(storage);
        assert!(contains_secret(), "{what}: the test cannot fail");
        let storage = SqliteStorage::open(&path).unwrap();
        for index in (0..100).step_by(10) {
            let address = address(index, what);
            block_on(match remove {
                true => storage.remove(&address),
                false => storage.replace_credentials(&address, with_key([8; 20])),
            })
            .unwrap();
        }
        drop(storage);
        assert!(!contains_secret(), "{what}");
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("new").join("jabiru-data");
    let path = folder.join("jabiru.sqlite");
    let storage = SqliteStorage::open(&path).unwrap();
    block_on(storage.create(&address(1, "im.example"), credentials())).unwrap();
    assert_eq!(mode(&folder), 0o700);
    let mut files = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let entry = entry.unwrap().path();
        assert_eq!(mode(&entry), 0o600, "{}", entry.display());
        files += 1;
    }
    assert_eq!(files, 3, "the database, its log and the log's index");
    drop(storage);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    drop(SqliteStorage::open(&path).unwrap());
    assert_eq!(mode(&path), 0o600, "tightened");
}

/// Opens `path`, which must be refused, and checks that the file is what it was.
fn refused(path: &Path) -> StorageError {
    let before = fs::read(path).unwrap();
    let error = SqliteStorage::open(path).unwrap_err();
    assert_eq!(fs::read(path).unwrap(), before, "the file was touched");
    error
}

#[test]
fn newer_schema_is_refused() {
    use diesel::connection::SimpleConnection;
    use diesel::{Connection, SqliteConnection};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jabiru.sqlite");
    drop(SqliteStorage::open(&path).unwrap());
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    let migrate = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99998'), ('99999')";
    connection.batch_execute(migrate).unwrap();
    drop(connection);
    let error = refused(&path);
    let StorageError::NewerSchema { path: named, found, supported } = &error else {
        panic!("{error:?}");
    };
    assert_eq!((named, found.as_str()), (&path, "99999"));
    assert_eq!(supported.len(), 5);
    let text = error.to_string();
    assert!(text.contains("99999") && text.contains(path.to_str().unwrap()), "{text}");
}

/// Another program's database, and a file that is none.
#[test]
fn foreign_files_are_refused() {
    use diesel::connection::SimpleConnection;
    use diesel::{Connection, SqliteConnection};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.sqlite");
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    connection.batch_execute("CREATE TABLE prosody (host TEXT)").unwrap();
    drop(connection);
    let error = refused(&path);
    assert!(matches!(error, StorageError::Foreign { .. }), "{error:?}");

    let path = folder.path().join("notes.txt");
    fs::write(&path, "Buy milk. ".repeat(200)).unwrap();
    let error = refused(&path);
    assert!(matches!(error, StorageError::Foreign { .. }), "{error:?}");
}

#[test]
fn places_that_cannot_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    // A folder where the file should be, and a file where the folder should be.
    for path in [folder.path().to_owned(), file.join("jabiru.sqlite")] {
        let error = SqliteStorage::open(&path).unwrap_err();
        assert!(matches!(error, StorageError::Io { .. }), "{}: {error:?}", path.display());
        assert!(error.to_string().contains(file.parent().unwrap().to_str().unwrap()), "{error}");
    }
}

/// Whoever comes first creates and migrates; the others wait for that.
#[test]
fn many_open_a_new_file_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jabiru.sqlite");
    let children: Vec<_> = (0..4).map(|index| Writer::start(&path, index, 20)).collect();
    for (index, child) in children.into_iter().enumerate() {
        assert_eq!(child.finish(), 20, "{index}");
    }
    let storage = SqliteStorage::open(&path).unwrap();
    assert_eq!(block_on(storage.list(None, None, 1000)).unwrap().len(), 80);
}

/// A server that runs sees what a command in another process did, in look-ups and in the history.
#[test]
fn another_process_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jabiru.sqlite");
    let storage = SqliteStorage::open(&path).unwrap();
    let mut position = block_on(storage.latest_change()).unwrap();
    let mut child = Writer::start(&path, 0, 200);
    let mut told = 0;
    for index in 0..200 {
        let acknowledged = child.next().expect("the child goes on");
        assert_eq!(acknowledged, address(index, "d0.example").to_string());
        // Both write at the same time.
        block_on(storage.create(&address(index, "here.example"), credentials())).unwrap();
        let there = address(index, "d0.example");
        assert!(block_on(storage.look_up(&there, ScramHash::Sha1)).unwrap().is_some(), "{there}");
        match block_on(storage.changes_since(position)).unwrap() {
            Changes::Since { changes, position: next } => {
                assert!(changes.iter().all(|change| change.kind == ChangeKind::Created));
                told += changes.len();
                position = next;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(child.finish(), 0, "all were read");
    assert_eq!(told, 400);
}

/// What was acknowledged survives the death of the process at any moment.
#[test]
fn acknowledged_survives_a_kill() {
    for after in [1, 7, 50] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jabiru.sqlite");
        let mut child = Writer::start(&path, 0, usize::MAX);
        for _ in 0..after {
            child.next().expect("the child goes on");
        }
        let acknowledged = after + child.kill();
        let storage = SqliteStorage::open(&path).unwrap();
        for index in 0..acknowledged {
            let address = address(index, "d0.example");
            let account = block_on(storage.look_up(&address, ScramHash::Sha256)).unwrap();
            let credential = account.expect("acknowledged, so it is there").credential;
            assert_eq!(credential.as_ref(), credentials().credential(ScramHash::Sha256));
        }
        // And the file can be written to again.
        block_on(storage.create(&address(0, "after.example"), credentials())).unwrap();
    }
}

/// A process of its own that creates accounts and prints the address of each acknowledged one:
/// this very program, running [`writer_process`] alone.
struct Writer {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

const WRITER_PATH: &str = "STORAGE_TEST_WRITER_PATH";
const WRITER_DOMAIN: &str = "STORAGE_TEST_WRITER_DOMAIN";
const WRITER_COUNT: &str = "STORAGE_TEST_WRITER_COUNT";

impl Writer {
    fn start(path: &Path, domain: usize, count: usize) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer_process", "--nocapture"])
            .env(WRITER_PATH, path)
            .env(WRITER_DOMAIN, format!("d{domain}.example"))
            .env(WRITER_COUNT, count.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next address that was acknowledged; `None` when there are no more.
    fn next(&mut self) -> Option<String> {
        // The line may begin with what the test harness prints, and the last one may be cut short.
        self.lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split_once("acknowledged ").map(|(_, address)| address.to_owned()))
    }

    /// Kills the process where it is; returns how many addresses it had printed that were not read.
    fn kill(mut self) -> usize {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::iter::from_fn(|| self.next()).filter(|address| address.ends_with(".example")).count()
    }

    /// Reads the rest and waits for a good end; returns how many addresses that were.
    fn finish(mut self) -> usize {
        let rest = std::iter::from_fn(|| self.next()).count();
        assert!(self.child.wait().unwrap().success());
        rest
    }
}

/// Does nothing unless [`Writer`] runs it in a process of its own.
#[test]
fn writer_process() {
    let Ok(path) = std::env::var(WRITER_PATH) else {
        return;
    };
    let domain = std::env::var(WRITER_DOMAIN).unwrap();
    let count: usize = std::env::var(WRITER_COUNT).unwrap().parse().unwrap();
    let storage = SqliteStorage::open(path).unwrap();
    for index in 0..count {
        let address = address(index, &domain);
        block_on(storage.create(&address, credentials())).unwrap();
        println!("acknowledged {address}");
    }
}
