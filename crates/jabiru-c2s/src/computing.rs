//! Computing that takes milliseconds on purpose, such as deriving a key from a password.
//!
//! It is kept from the threads that serve streams, and bounded: anybody can ask for it before having proved
//! anything, and as many threads as there are connections would leave the streams of others next to no time.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Semaphore;

/// A bounded number of places to compute.
#[derive(Debug)]
pub(crate) struct Computing {
    places: Arc<Semaphore>,
}

impl Computing {
    pub(crate) fn new(places: usize) -> Computing {
        Computing { places: Arc::new(Semaphore::new(places)) }
    }

    /// Runs `job` once there is a place, first come, first served. `None` if `deadline` came before the place.
    ///
    /// # Errors
    /// If the job panicked, or the runtime is ending.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        deadline: Option<Instant>,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<Option<T>> {
        let place = self.places.clone().acquire_owned();
        let place = match deadline {
            None => place.await,
            Some(deadline) => match tokio::time::timeout_at(deadline.into(), place).await {
                Ok(place) => place,
                Err(_) => return Ok(None),
            },
        };
        let place = place.map_err(io::Error::other)?;
        let result = tokio::task::spawn_blocking(move || {
            // Given back when the job is done, even if nobody waits for it any more.
            let _place = place;
            job()
        });
        result.await.map(Some).map_err(io::Error::other)
    }
}

/// One place for each processor: those who serve streams still get as much.
impl Default for Computing {
    fn default() -> Computing {
        Computing::new(std::thread::available_parallelism().map_or(1, usize::from))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn no_more_at_once_than_there_are_places() {
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

    /// Who is no longer waited for still takes its place until it is done.
    #[tokio::test]
    async fn waiting_for_a_place_ends_with_the_deadline() {
        let computing = Computing::new(1);
        let (finish, finished) = mpsc::channel::<()>();
        let abandoned = computing.run(None, move || finished.recv());
        assert!(tokio::time::timeout(Duration::from_millis(20), abandoned).await.is_err());
        let soon = Some(Instant::now() + Duration::from_millis(20));
        assert_eq!(computing.run(soon, || 1).await.unwrap(), None);
        finish.send(()).unwrap();
        assert_eq!(computing.run(None, || 2).await.unwrap(), Some(2));
        assert!(computing.run(None, || panic!("on purpose")).await.is_err());
        assert_eq!(computing.run(None, || 3).await.unwrap(), Some(3), "its place is free again");
    }
}
