//! Reads large manifests beside the threads that serve requests, few of them at once.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Bytes that are read in less time than it takes to hand them over.
const SMALL: usize = 64 << 10;
/// Bytes that are read at once; what is read takes several times as much for a moment.
const AT_ONCE: usize = 16 << 20;
/// What they are counted in.
const UNIT: usize = 1 << 10;

/// Bounds what is read at once. Clones share the bound.
#[derive(Clone, Debug)]
pub(super) struct Parsing(Arc<Semaphore>);

impl Parsing {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE / UNIT)))
    }

    /// Runs `read`, which goes through so many bytes.
    pub(super) async fn run<T, F>(&self, bytes: usize, read: F) -> T
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        if bytes <= SMALL {
            return read();
        }
        let units = bytes.min(AT_ONCE).div_ceil(UNIT);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        // Nobody closes it.
        let permit = Arc::clone(&self.0).acquire_many_owned(units).await;
        let read = spawn_blocking(move || {
            let _permit = permit;
            read()
        });
        match read.await.map_err(tokio::task::JoinError::try_into_panic) {
            Ok(read) => read,
            // A defect is no empty answer.
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            // The runtime is shutting down.
            Err(Err(_)) => std::future::pending().await,
        }
    }
}
