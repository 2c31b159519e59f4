//! Threads for what takes long to compute, so that it never holds up the network.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use tokio::sync::oneshot;

/// Bytes of each thread's stack. What reads evidence calls itself for every level of nesting,
/// of which [`limits::JSON_DEPTH`](sealgate_core::limits::JSON_DEPTH) bounds the number; a debug
/// build takes a few kilobytes a level. Only what is used takes memory.
const STACK: usize = 8 << 20;

/// Threads that wait for work. They end when this is dropped.
pub(crate) struct Workers {
    queue: mpsc::Sender<Job>,
}

type Job = Box<dyn FnOnce() + Send>;

/// The work ended in a panic, which the log describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Panicked;

impl Workers {
    /// Starts so many threads.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn start(name: &str, count: usize) -> io::Result<Self> {
        let (queue, jobs) = mpsc::channel::<Job>();
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..count {
            let jobs = Arc::clone(&jobs);
            std::thread::Builder::new()
                .name(name.to_owned())
                .stack_size(STACK)
                .spawn(move || work(&jobs))?;
        }
        Ok(Self { queue })
    }

    /// Runs it on one of the threads, also if nobody waits for it any more.
    ///
    /// # Errors
    /// If it panics; the thread goes on.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T, Panicked>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (send, receive) = oneshot::channel();
        let job = move || {
            let result = work();
            // Whoever waited may be gone.
            drop(send.send(result));
        };
        // Who takes jobs lives as long as the sender.
        self.queue.send(Box::new(job)).map_err(|_| Panicked)?;
        receive.await.map_err(|_| Panicked)
    }
}

fn work(jobs: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else {
            return;
        };
        // The hook has written what is to be known of it.
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_and_its_thread_goes_on() {
        let workers = Workers::start("test", 1).unwrap();
        let panicked = workers.run(|| panic!("on purpose")).await;
        assert_eq!(panicked, Err::<(), _>(Panicked));
        assert_eq!(workers.run(|| 7).await, Ok(7));
    }

    /// Takes as much stack as it is deep.
    fn descend(depth: usize) -> usize {
        let room = std::hint::black_box([depth; 128]);
        match depth {
            0 => 0,
            _ => 1 + descend(depth - 1).min(room[0]),
        }
    }

    #[tokio::test]
    async fn the_stack_is_larger_than_what_threads_have_by_default_rt_1() {
        let workers = Workers::start("test", 1).unwrap();
        // A kilobyte each at least: more than the two megabytes that Rust gives a thread.
        assert_eq!(workers.run(|| descend(2500)).await, Ok(2500));
    }
}
