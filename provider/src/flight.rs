//! One piece of work per key at a time, however many wait for it.
//!
//! The work runs in a task of its own: a caller that gives up neither cancels nor restarts
//! it, and what it finds is kept for the next one.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::{FutureExt, Shared};
use tokio::sync::oneshot;

/// The work in progress.
#[derive(Debug)]
pub(crate) struct Flights<K, T> {
    running: Running<K, T>,
}

type Running<K, T> = Arc<Mutex<HashMap<K, Shared<oneshot::Receiver<T>>>>>;

/// The work ended in a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crashed;

impl<K, T> Flights<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    pub(crate) fn new() -> Self {
        Self {
            running: Arc::default(),
        }
    }

    /// Joins the work for `key`, or starts it.
    ///
    /// The work should look into its cache first: it may have been filled since the caller
    /// looked.
    pub(crate) async fn join<W>(&self, key: &K, work: impl FnOnce() -> W) -> Result<T, Crashed>
    where
        W: Future<Output = T> + Send + 'static,
    {
        let landing = {
            let mut running = lock(&self.running);
            match running.get(key) {
                Some(landing) => landing.clone(),
                None => {
                    let (send, receive) = oneshot::channel();
                    let landing = receive.shared();
                    running.insert(key.clone(), landing.clone());
                    let done = Done {
                        running: Arc::clone(&self.running),
                        key: key.clone(),
                    };
                    let work = work();
                    tokio::spawn(async move {
                        let result = work.await;
                        drop(done);
                        // Everybody may have left.
                        let _ = send.send(result);
                    });
                    landing
                }
            }
        };
        landing.await.map_err(|_| Crashed)
    }

    /// How much work is in progress.
    pub(crate) fn len(&self) -> usize {
        lock(&self.running).len()
    }
}

/// Takes the work off the list, also when it panics.
struct Done<K: Eq + Hash, T> {
    running: Running<K, T>,
    key: K,
}

impl<K: Eq + Hash, T> Drop for Done<K, T> {
    fn drop(&mut self) {
        lock(&self.running).remove(&self.key);
    }
}

/// No code that can panic runs under the lock, but a poisoned one is no worse.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn work_outlives_the_first_caller_and_is_done_once_l13() {
        let flights = Arc::new(Flights::<u8, u32>::new());
        let started = Arc::new(AtomicUsize::new(0));
        let (release, gate) = oneshot::channel::<()>();
        let gate = gate.shared();
        let ask = || {
            let (flights, started, gate) = (flights.clone(), started.clone(), gate.clone());
            tokio::spawn(async move {
                flights
                    .join(&1, move || async move {
                        started.fetch_add(1, Ordering::SeqCst);
                        gate.await.ok();
                        7
                    })
                    .await
            })
        };
        let first = ask();
        while started.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        let others: Vec<_> = (0..100).map(|_| ask()).collect();
        release.send(()).unwrap();
        for other in others {
            assert_eq!(other.await.unwrap(), Ok(7));
        }
        assert_eq!(started.load(Ordering::SeqCst), 1);
        assert_eq!(flights.len(), 0);
    }

    #[tokio::test]
    async fn a_panic_is_reported_and_leaves_nothing_behind_l12() {
        let flights = Flights::<u8, u32>::new();
        let crashed = flights.join(&1, || async { panic!("on purpose") }).await;
        assert_eq!(crashed, Err(Crashed));
        assert_eq!(flights.len(), 0);
        assert_eq!(flights.join(&1, || async { 2 }).await, Ok(2));
    }
}
