//! Computing that takes milliseconds on purpose, such as deriving a key from a password.
//!
//! It is kept from the threads that serve streams, and bounded: anybody can ask for it before having proved
//! anything, and as many threads as there are connections would leave the streams of others next to no time.
//! The runtime's own threads for blocking work are no help: their number is bounded for all kinds of work together.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// A fixed number of threads that compute. They start with the first job and end with this.
#[derive(Debug)]
pub(crate) struct Computing {
    threads: usize,
    /// Holds a job for each connection that waits for one, so it is bounded as they are; those that have given up
    /// waiting are passed over.
    jobs: Mutex<Option<Sender<Job>>>,
}

type Job = Box<dyn FnOnce() + Send>;

impl Computing {
    pub(crate) fn new(threads: usize) -> Computing {
        Computing { threads, jobs: Mutex::new(None) }
    }

    /// Runs `job` when its turn has come, first come, first served. `None` if `deadline` came before the result.
    ///
    /// # Errors
    /// If the job panicked, or there are no threads to be had.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        deadline: Option<Instant>,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<Option<T>> {
        let (sender, result) = oneshot::channel();
        self.jobs()?
            .send(Box::new(move || {
                if !sender.is_closed() {
                    // Nobody may wait for the result any more.
                    let _ = sender.send(job());
                }
            }))
            .map_err(|_| io::Error::other("the computing threads are gone"))?;
        let result = match deadline {
            None => result.await,
            Some(deadline) => match tokio::time::timeout_at(deadline.into(), result).await {
                Ok(result) => result,
                Err(_) => return Ok(None),
            },
        };
        result.map(Some).map_err(|_| io::Error::other("computing has failed"))
    }

    /// Where jobs go; the first time, the threads start.
    fn jobs(&self) -> io::Result<Sender<Job>> {
        let mut jobs = self.jobs.lock();
        if let Some(jobs) = &*jobs {
            return Ok(jobs.clone());
        }
        let (sender, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..self.threads {
            let receiver = receiver.clone();
            std::thread::Builder::new().name("computing".to_owned()).spawn(move || serve(&receiver))?;
        }
        *jobs = Some(sender.clone());
        Ok(sender)
    }
}

/// One thread for each processor: those who serve streams still get as much.
impl Default for Computing {
    fn default() -> Computing {
        Computing::new(std::thread::available_parallelism().map_or(1, usize::from))
    }
}

fn serve(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let next = jobs.lock().recv();
        let Ok(job) = next else { return };
        // A panic has been reported by the hook, and is told to who waits by the result that never comes.
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn no_more_at_once_than_there_are_threads() {
        let computing = Arc::new(Computing::new(2));
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let jobs: Vec<_> = (0..20)
            .map(|number| {
                let (computing, running, most) = (computing.clone(), running.clone(), most.clone());
                tokio::spawn(async move {
                    let job = move || {
                        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::sleep(Duration::from_millis(2));
                        running.fetch_sub(1, Ordering::SeqCst);
                        number
                    };
                    computing.run(None, job).await
                })
            })
            .collect();
        for (number, job) in jobs.into_iter().enumerate() {
            assert_eq!(job.await.unwrap().unwrap(), Some(number));
        }
        assert!((1..=2).contains(&most.load(Ordering::SeqCst)));
    }

    #[tokio::test]
    async fn waiting_ends_with_the_deadline_and_the_job_is_passed_over() {
        let computing = Computing::new(1);
        let (finish, finished) = channel::<()>();
        let occupying = computing.run(None, move || finished.recv());
        assert!(tokio::time::timeout(Duration::from_millis(20), occupying).await.is_err());
        let soon = Some(Instant::now() + Duration::from_millis(20));
        assert_eq!(computing.run(soon, || panic!("nobody waits for it")).await.unwrap(), None::<()>);
        finish.send(()).unwrap();
        assert_eq!(computing.run(None, || 2).await.unwrap(), Some(2));
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_costs_no_thread() {
        let computing = Computing::new(1);
        assert!(computing.run(None, || panic!("on purpose")).await.map(|_: Option<()>| ()).is_err());
        assert_eq!(computing.run(None, || 3).await.unwrap(), Some(3));
    }
}
