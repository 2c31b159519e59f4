//! The two clocks of the service, injectable for tests.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sealgate_core::UnixTime;

/// What time it is.
///
/// Lifetimes in caches are measured by [`Clock::monotonic`], so that setting the wall
/// clock neither revives nor kills an entry. The wall clock only says when *now* is, for
/// verification.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock.
    fn now(&self) -> UnixTime;

    /// The time since some fixed moment; it never goes back.
    fn monotonic(&self) -> Duration;
}

/// The clocks of the machine.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// The clocks of the machine.
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> UnixTime {
        // A clock before 1970 is wrong; at the epoch nothing signed since is valid.
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        UnixTime::from_seconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}
