//! What needs the insides of the engine: panics, broken connections, provoked errors.

use std::sync::{Arc, mpsc};

use super::*;
use crate::{Unavailable, block_on};

fn open() -> (tempfile::TempDir, SqliteStorage) {
    let folder = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open(folder.path().join("test.sqlite")).unwrap();
    (folder, storage)
}

fn address(name: &str) -> BareJid {
    BareJid::new(name).unwrap()
}

fn credentials() -> Credentials {
    let hash = ScramHash::Sha1;
    let credential = crate::ScramCredential::new(hash, 1, vec![1], vec![2; 20], vec![3; 20]);
    Credentials::new([credential.unwrap()]).unwrap()
}

/// Lets writes gather: the writer stands still until the sender is dropped.
fn hold_writer(storage: &SqliteStorage) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel::<()>();
    let (entered, inside) = mpsc::channel();
    drop(storage.engine.write(move |_| {
        entered.send(()).unwrap();
        released.recv().unwrap_err();
        Ok(())
    }));
    inside.recv().unwrap();
    release
}

#[test]
fn panic_fails_one_operation_alone() {
    let (_folder, storage) = open();
    let release = hold_writer(&storage);
    let before = storage.create(&address("a@im.example"), credentials());
    let panicking = storage.engine.write::<()>(|db| {
        accounts::create(db, &address("b@im.example"), &credentials(), 10).unwrap();
        panic!("on purpose")
    });
    let after = storage.create(&address("c@im.example"), credentials());
    drop(release);
    block_on(before).unwrap();
    let error = block_on(panicking).unwrap_err();
    assert!(matches!(&error, StorageError::Defect { detail } if detail == "on purpose"), "{error}");
    block_on(after).unwrap();
    let listed = block_on(storage.list(None, None, 10)).unwrap();
    let listed: Vec<_> = listed.iter().map(|account| account.address.as_str()).collect();
    assert_eq!(listed, ["a@im.example", "c@im.example"], "the panic's write was undone");
    assert_eq!(storage.statistics().transactions, 2, "one for the wait, one for the three");
}

#[test]
fn panic_in_a_reader_does_not_stop_it() {
    let (_folder, storage) = open();
    for _ in 0..10 {
        let answer = block_on(storage.engine.read::<()>(|_| panic!("on purpose")));
        assert!(matches!(answer, Err(StorageError::Defect { .. })), "{answer:?}");
    }
    assert_eq!(block_on(storage.list(None, None, 10)).unwrap(), []);
}

/// A waker belongs to the caller; one that panics hurts nobody else.
#[test]
fn panic_in_a_waker_does_not_stop_the_engine() {
    struct Panicking;
    impl std::task::Wake for Panicking {
        fn wake(self: Arc<Self>) {
            panic!("on purpose")
        }
    }
    let (_folder, storage) = open();
    let release = hold_writer(&storage);
    let mut answer = storage.create(&address("a@im.example"), credentials());
    let waker = Arc::new(Panicking).into();
    let mut context = std::task::Context::from_waker(&waker);
    assert!(answer.as_mut().poll(&mut context).is_pending());
    drop(release);
    block_on(storage.create(&address("b@im.example"), credentials())).unwrap();
    block_on(answer).unwrap();
}

/// An error that leaves the connection in doubt fails the whole group; the next one has a new connection.
#[test]
fn broken_connection_is_replaced() {
    use diesel::connection::SimpleConnection;
    let (_folder, storage) = open();
    let release = hold_writer(&storage);
    let before = storage.create(&address("a@im.example"), credentials());
    // Ends the transaction behind diesel's back, as SQLite does when the disk fails.
    let breaking = storage.engine.write(|db| Ok(db.batch_execute("ROLLBACK; SELECT * FROM nothing")?));
    let after = storage.create(&address("b@im.example"), credentials());
    drop(release);
    for (what, answer) in [("before", before), ("breaking", breaking), ("after", after)] {
        let error = block_on(answer).expect_err(what);
        assert!(matches!(error, StorageError::Engine { .. }), "{what}: {error:?}");
    }
    block_on(storage.create(&address("c@im.example"), credentials())).unwrap();
    assert_eq!(block_on(storage.list(None, None, 10)).unwrap().len(), 1);
}

#[test]
fn queues_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions { write_queue: 3, read_queue: 2, readers: 1, ..Default::default() };
    let storage = SqliteStorage::open_with(folder.path().join("test.sqlite"), &options).unwrap();
    let release = hold_writer(&storage);
    let mut answers: Vec<_> =
        (0..5).map(|index| storage.create(&address(&format!("u{index}@im.example")), credentials())).collect();
    // Refused at once, while the others still wait.
    for answer in answers.split_off(3) {
        let error = block_on(answer).unwrap_err();
        assert!(matches!(error, StorageError::Unavailable { reason: Unavailable::QueueFull }), "{error:?}");
        assert!(error.is_temporary());
    }
    assert_eq!(storage.statistics().refused, 2);
    drop(release);
    for answer in answers {
        block_on(answer).unwrap();
    }

    let (release, released) = mpsc::channel::<()>();
    let (entered, inside) = mpsc::channel();
    drop(storage.engine.read(move |_| {
        entered.send(()).unwrap();
        released.recv().unwrap_err();
        Ok(())
    }));
    inside.recv().unwrap();
    let answers: Vec<_> = (0..3).map(|_| storage.look_up(&address("u0@im.example"), ScramHash::Sha1)).collect();
    drop(release);
    let refused = answers.into_iter().map(|answer| block_on(answer).is_err());
    assert_eq!(refused.collect::<Vec<_>>(), [false, false, true]);
}

#[test]
fn writes_share_a_transaction() {
    let (_folder, storage) = open();
    let release = hold_writer(&storage);
    let mut answers: Vec<_> =
        (0..1000).map(|index| storage.create(&address(&format!("u{index}@im.example")), credentials())).collect();
    // One that fails among them does not undo the others.
    answers.insert(500, storage.create(&address("u0@im.example"), credentials()));
    drop(release);
    let failed = answers.into_iter().map(block_on).filter(Result::is_err).count();
    assert_eq!(failed, 1);
    let statistics = storage.statistics();
    assert_eq!(statistics.writes, 1002);
    // The one that held the writer, then groups of at most 256.
    assert_eq!(statistics.transactions, 1 + 1001_u64.div_ceil(256));
    assert_eq!(block_on(storage.list(None, None, 1000)).unwrap().len(), 1000);
}

/// Closing does what was asked for before, and refuses what comes after.
#[test]
fn close_finishes_the_queue() {
    let (_folder, storage) = open();
    let release = hold_writer(&storage);
    let queued = storage.create(&address("a@im.example"), credentials());
    std::thread::scope(|scope| {
        scope.spawn(|| storage.close());
        drop(release);
        block_on(queued).unwrap();
    });
    for answer in [storage.create(&address("b@im.example"), credentials()), storage.remove(&address("a@im.example"))] {
        let error = block_on(answer).unwrap_err();
        assert!(matches!(error, StorageError::Unavailable { reason: Unavailable::Closed }), "{error:?}");
    }
}

/// The last handle may go away on the engine's own thread, with the answer it carries.
#[test]
fn dropped_on_its_own_thread() {
    struct DropsStorage(parking_lot::Mutex<Option<Arc<SqliteStorage>>>, mpsc::Sender<()>);
    impl std::task::Wake for DropsStorage {
        fn wake(self: Arc<Self>) {
            drop(self.0.lock().take());
            self.1.send(()).unwrap();
        }
    }
    let (_folder, storage) = open();
    let release = hold_writer(&storage);
    let storage = Arc::new(storage);
    let mut answer = storage.create(&address("a@im.example"), credentials());
    let (dropped, wait) = mpsc::channel();
    let waker = Arc::new(DropsStorage(parking_lot::Mutex::new(Some(storage)), dropped)).into();
    let mut context = std::task::Context::from_waker(&waker);
    assert!(answer.as_mut().poll(&mut context).is_pending());
    drop(release);
    wait.recv_timeout(Duration::from_secs(10)).unwrap();
    block_on(answer).unwrap();
}

/// Damaged rows are reported as such, not passed on.
#[test]
fn damaged_rows() {
    use diesel::connection::SimpleConnection;
    for (damage, detail) in [
        ("UPDATE accounts SET status = 'odd'", "the status \"odd\""),
        ("UPDATE scram_credentials SET iterations = -5", "0 iterations"),
        ("UPDATE scram_credentials SET stored_key = x'00'", "a key of 1 octets"),
        ("UPDATE scram_credentials SET salt = x''", "a salt of 0 octets"),
    ] {
        let (_folder, storage) = open();
        let juliet = address("juliet@im.example");
        block_on(storage.create(&juliet, credentials())).unwrap();
        block_on(storage.engine.write(move |db| Ok(db.batch_execute(damage)?))).unwrap();
        let error = block_on(storage.look_up(&juliet, ScramHash::Sha1)).unwrap_err();
        assert!(matches!(&error, StorageError::Corrupt { .. }), "{damage}: {error:?}");
        assert!(error.to_string().contains(detail), "{damage}: {error}");
    }
}

/// SQLite says by words alone what has happened; here are the situations themselves.
#[test]
fn engine_errors_are_told_apart() {
    use diesel::connection::SimpleConnection;
    // A full disk: no page may be added any more.
    let (_folder, storage) = open();
    let error = block_on(storage.engine.write(|db| {
        db.batch_execute(
            "PRAGMA max_page_count = 1; CREATE TABLE filler (x BLOB);
             INSERT INTO filler VALUES (zeroblob(1000000));",
        )?;
        Ok(())
    }))
    .unwrap_err();
    assert!(matches!(error, StorageError::Full), "{error:?}");
    // The connection, and with it the limit, is gone.
    block_on(storage.create(&address("a@im.example"), credentials())).unwrap();

    // A lock that is not given back in time.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.sqlite");
    let impatient = SqliteOptions { busy_timeout: Duration::from_millis(50), ..Default::default() };
    let storage = SqliteStorage::open_with(&path, &impatient).unwrap();
    let other = SqliteStorage::open(&path).unwrap();
    let release = hold_writer(&other);
    let error = block_on(storage.create(&address("a@im.example"), credentials())).unwrap_err();
    assert!(matches!(error, StorageError::Unavailable { reason: Unavailable::Busy }), "{error:?}");
    drop(release);
    block_on(storage.create(&address("a@im.example"), credentials())).unwrap();

    // A damaged page.
    let (folder, storage) = open();
    for index in 0..100 {
        block_on(storage.create(&address(&format!("u{index}@im.example")), credentials())).unwrap();
    }
    drop(storage);
    let path = folder.path().join("test.sqlite");
    let mut file = std::fs::read(&path).unwrap();
    file[4096..].fill(0x5a);
    std::fs::write(&path, file).unwrap();
    let error = match SqliteStorage::open(&path) {
        Ok(storage) => block_on(storage.list(None, None, 100)).unwrap_err(),
        Err(error) => error,
    };
    assert!(matches!(error, StorageError::Corrupt { .. }), "{error:?}");
}

/// What a later version has noted leads to a resync, not to an error for ever.
#[test]
fn unknown_kinds_of_change() {
    use diesel::connection::SimpleConnection;
    let (_folder, storage) = open();
    let start = block_on(storage.latest_change()).unwrap();
    block_on(storage.create(&address("a@im.example"), credentials())).unwrap();
    block_on(storage.create(&address("b@im.example"), credentials())).unwrap();
    let position = block_on(storage.latest_change()).unwrap();
    let odd = "UPDATE account_changes SET kind = 'split in two' WHERE localpart = 'b'";
    block_on(storage.engine.write(move |db| Ok(db.batch_execute(odd)?))).unwrap();
    assert_eq!(block_on(storage.changes_since(start)).unwrap(), Changes::Resync { position });
    block_on(storage.create(&address("c@im.example"), credentials())).unwrap();
    let changes = block_on(storage.changes_since(position)).unwrap();
    assert!(matches!(changes, Changes::Since { changes, .. } if changes.len() == 1));
}
