//! The threads that own the connections: one that writes, some that read.
//!
//! SQLite makes its caller wait for the disk, so it gets threads of its own; any executor (or
//! none) may await the answers. The writer takes what has gathered in its queue while the last
//! transaction was being written and commits it as one, so that one wait for the disk serves many.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::{Connection as _, SqliteConnection};
use futures_channel::oneshot;
use parking_lot::Mutex;

use super::database::Database;
use super::failure::Failure;
use super::queue::Queue;
use super::{SqliteOptions, Statistics};
use crate::{StorageError, StorageFuture, future::ready};

/// The running threads and the queues that lead to them. Dropping it finishes what is queued.
pub(super) struct Engine {
    writes: Arc<Queue<Box<dyn Work>>>,
    reads: Arc<Queue<Box<dyn Work>>>,
    counters: Arc<Counters>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Engine {
    /// Opens the connections and starts the threads.
    pub(super) fn start(database: &Database, options: &SqliteOptions) -> Result<Self, StorageError> {
        let engine = Self {
            writes: Arc::new(Queue::new(options.write_queue)),
            reads: Arc::new(Queue::new(options.read_queue)),
            counters: Arc::default(),
            threads: Mutex::default(),
        };
        let (queue, counters) = (Arc::clone(&engine.writes), Arc::clone(&engine.counters));
        let mut connection = Connection::open(database, Role::Writer)?;
        let most = options.group.max(1);
        engine.spawn("storage-writer", move || {
            while let Some(group) = queue.take(most) {
                survive(|| write(&mut connection, group, &counters));
            }
        })?;
        for _ in 0..options.readers.max(1) {
            let (queue, counters) = (Arc::clone(&engine.reads), Arc::clone(&engine.counters));
            let mut connection = Connection::open(database, Role::Reader)?;
            engine.spawn("storage-reader", move || {
                while let Some(group) = queue.take(1) {
                    survive(|| read(&mut connection, group, &counters));
                }
            })?;
        }
        Ok(engine)
    }

    /// Queues work for the writer; it runs inside a transaction, in a savepoint of its own.
    pub(super) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, Failure> + Send + 'static,
    ) -> StorageFuture<T> {
        self.submit(&self.writes, work)
    }

    /// Queues work for a reader.
    pub(super) fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, Failure> + Send + 'static,
    ) -> StorageFuture<T> {
        self.submit(&self.reads, work)
    }

    /// Refuses further work, finishes what is queued, and waits for that.
    pub(super) fn close(&self) {
        self.writes.close();
        self.reads.close();
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            // The last handle may be dropped by a waker that one of the threads has called.
            if thread.thread().id() != thread::current().id() && thread.join().is_err() {
                tracing::error!("a storage thread has panicked");
            }
        }
    }

    pub(super) fn statistics(&self) -> Statistics {
        self.counters.snapshot()
    }

    fn submit<T: Send + 'static>(
        &self,
        queue: &Queue<Box<dyn Work>>,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, Failure> + Send + 'static,
    ) -> StorageFuture<T> {
        let (sender, receiver) = oneshot::channel();
        let job = Job { work: Some(work), result: None, sender };
        if let Err(reason) = queue.push(Box::new(job)) {
            self.counters.refused.fetch_add(1, Ordering::Relaxed);
            return ready(Err(StorageError::unavailable(reason)));
        }
        Box::pin(async move {
            // The work was dropped by a panic outside of it; closing finishes what is queued.
            receiver.await.unwrap_or_else(|_| Err(StorageError::Defect { detail: "work was dropped".into() }))
        })
    }

    fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), StorageError> {
        let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
        let thread = thread
            .map_err(|error: io::Error| StorageError::Engine { detail: format!("cannot start a thread: {error}") })?;
        self.threads.lock().push(thread);
        Ok(())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.close();
    }
}

/// One transaction for all of `group`; the answers leave when it is on disk.
fn write(connection: &mut Connection, mut group: Vec<Box<dyn Work>>, counters: &Counters) {
    let committed = connection.with(|connection| {
        connection.immediate_transaction(|connection| {
            for work in &mut group {
                // Diesel makes the inner transaction a savepoint: a failure undoes this work alone.
                if let Err(failure) = connection.transaction(|connection| work.run(connection)) {
                    work.fail(&failure.error);
                    if failure.fatal {
                        return Err(failure);
                    }
                }
            }
            Ok(())
        })
    });
    match committed {
        Ok(()) => {
            counters.transactions.fetch_add(1, Ordering::Relaxed);
            counters.writes.fetch_add(group.len() as u64, Ordering::Relaxed);
        }
        Err(error) => {
            tracing::error!(%error, operations = group.len(), "storage transaction failed");
            group.iter_mut().for_each(|work| work.fail(&error));
        }
    }
    group.into_iter().for_each(answer);
}

fn read(connection: &mut Connection, group: Vec<Box<dyn Work>>, counters: &Counters) {
    for mut work in group {
        if let Err(error) = connection.with(|connection| work.run(connection)) {
            work.fail(&error);
        }
        counters.reads.fetch_add(1, Ordering::Relaxed);
        answer(work);
    }
}

/// Sends the answer; the caller's waker is not ours, and must not keep the others from theirs.
fn answer(work: Box<dyn Work>) {
    survive(|| work.answer());
}

/// Keeps a panic from taking the thread down. A connection it went through is given up, since
/// [`Connection::with`] had taken it out.
fn survive(run: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
        tracing::error!(message = panic_message(panic.as_ref()), "a storage thread has panicked, and goes on");
    }
}

/// A queued operation, whatever it answers.
trait Work: Send {
    /// Does the work, once, and keeps the outcome.
    fn run(&mut self, connection: &mut SqliteConnection) -> Result<(), Failure>;
    /// Turns a success that could not be kept, or work that never ran, into a failure.
    fn fail(&mut self, error: &StorageError);
    /// Sends the outcome to whoever waits for it.
    fn answer(self: Box<Self>);
}

struct Job<T, F> {
    work: Option<F>,
    result: Option<Result<T, StorageError>>,
    sender: oneshot::Sender<Result<T, StorageError>>,
}

impl<T, F> Work for Job<T, F>
where
    T: Send,
    F: FnOnce(&mut SqliteConnection) -> Result<T, Failure> + Send,
{
    fn run(&mut self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        let Some(work) = self.work.take() else {
            return Ok(());
        };
        // Caught here, inside diesel's transaction, so that its rollback runs as for any error.
        let result = catch_unwind(AssertUnwindSafe(|| work(connection))).unwrap_or_else(|panic| {
            let detail = panic_message(panic.as_ref());
            tracing::error!(detail, "a storage operation has panicked");
            Err(StorageError::Defect { detail }.into())
        });
        self.result = Some(Ok(result?));
        Ok(())
    }

    fn fail(&mut self, error: &StorageError) {
        if !matches!(self.result, Some(Err(_))) {
            self.result = Some(Err(error.clone()));
        }
    }

    fn answer(self: Box<Self>) {
        let unanswered = || Err(StorageError::Defect { detail: "work without outcome".into() });
        // An error means that nobody waits any more, which is the caller's right.
        let _ = self.sender.send(self.result.unwrap_or_else(unanswered));
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    if let Some(message) = panic.downcast_ref::<&str>() {
        (*message).to_owned()
    } else if let Some(message) = panic.downcast_ref::<String>() {
        message.clone()
    } else {
        "panic without a message".to_owned()
    }
}

#[derive(Clone, Copy)]
enum Role {
    Writer,
    Reader,
}

/// A connection that is opened anew after it has failed.
struct Connection {
    database: Database,
    role: Role,
    open: Option<SqliteConnection>,
}

impl Connection {
    fn open(database: &Database, role: Role) -> Result<Self, StorageError> {
        let mut connection = Self { database: database.clone(), role, open: None };
        connection.open = Some(connection.connect()?);
        Ok(connection)
    }

    /// Runs `work`, and gives up the connection if that leaves it in doubt.
    fn with<T>(&mut self, work: impl FnOnce(&mut SqliteConnection) -> Result<T, Failure>) -> Result<T, StorageError> {
        let mut connection = match self.open.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let result = work(&mut connection);
        let in_doubt = matches!(&result, Err(failure) if failure.fatal && !failure.error.is_temporary())
            || AnsiTransactionManager::is_broken_transaction_manager(&mut connection);
        if !in_doubt {
            self.open = Some(connection);
        }
        result.map_err(|failure| failure.error)
    }

    fn connect(&self) -> Result<SqliteConnection, StorageError> {
        match self.role {
            Role::Writer => self.database.connect_writer(),
            Role::Reader => self.database.connect_reader(),
        }
    }
}

#[derive(Default)]
struct Counters {
    reads: AtomicU64,
    writes: AtomicU64,
    transactions: AtomicU64,
    refused: AtomicU64,
}

impl Counters {
    fn snapshot(&self) -> Statistics {
        Statistics {
            reads: self.reads.load(Ordering::Relaxed),
            writes: self.writes.load(Ordering::Relaxed),
            transactions: self.transactions.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::block_on;

    /// Work that panics where no work should: as diesel does when it cannot clean up.
    struct Panicking;

    impl Work for Panicking {
        fn run(&mut self, _: &mut SqliteConnection) -> Result<(), Failure> {
            panic!("on purpose")
        }

        fn fail(&mut self, _: &StorageError) {}

        fn answer(self: Box<Self>) {}
    }

    #[test]
    fn threads_survive_panics() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::prepare(&folder.path().join("test.sqlite"), Duration::from_secs(5)).unwrap();
        let engine = Engine::start(&database, &SqliteOptions { readers: 1, ..Default::default() }).unwrap();
        for _ in 0..3 {
            assert!(engine.writes.push(Box::new(Panicking)).is_ok());
            assert!(engine.reads.push(Box::new(Panicking)).is_ok());
        }
        // Alone in its group, or else it would be dropped with the others.
        while engine.writes.len() > 0 {
            thread::yield_now();
        }
        block_on(engine.write(|_| Ok(()))).unwrap();
        block_on(engine.read(|_| Ok(()))).unwrap();
    }
}
