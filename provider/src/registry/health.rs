//! When a host, or one repository of it, is left alone.
//!
//! Who says "too many requests" is not asked again before the time it names, or before a pause
//! of ours. Who fails again and again is not asked for a while either. After each pause a single
//! request finds out whether it was long enough; all others wait for what it finds.

use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, sleep_until};

use super::error::{Cause, RegistryError};
use super::exchange::{Ask, LONGEST_THROTTLED};

/// The first pause after a refusal that names no time, and after too many failures. Each one
/// that follows without a good answer between is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause after failures: so late at most is it noticed that all is well again.
const LONGEST_BROKEN: Duration = Duration::from_secs(10);
/// Failures in a row that are too many. Those that happen at the same time count as one.
const MOST_FAILURES: u32 = 5;

/// How one host, or one repository, answered lately.
#[derive(Debug)]
pub(crate) struct Health {
    state: Mutex<State>,
    /// Held by the one request that is let through after a pause.
    probe: Arc<tokio::sync::Mutex<()>>,
    /// What its failures are.
    cause: Cause,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// Refusals in a row.
    refusals: u32,
    /// Failures in a row.
    failures: u32,
    last_failure: Option<Instant>,
    /// When it may be asked again; absent while all is well.
    until: Option<Instant>,
}

/// The right to ask. Whoever holds one after a pause holds back all others.
#[derive(Debug)]
pub(crate) struct Turn {
    _probe: Option<OwnedMutexGuard<()>>,
}

impl Health {
    /// A host or repository of which nothing is known. `cause`: what its failures are.
    pub(crate) fn new(cause: Cause) -> Self {
        Self {
            state: Mutex::default(),
            probe: Arc::default(),
            cause,
        }
    }

    /// Waits until it may be asked.
    ///
    /// # Errors
    /// [`Cause::Throttled`] if that is not before the deadline; the cause of its failures if
    /// there were too many, at once.
    pub(crate) async fn admit(
        &self,
        ask: &Ask<'_>,
        who: &(dyn Display + Sync),
    ) -> Result<Turn, RegistryError> {
        loop {
            let State {
                until, failures, ..
            } = *self.state();
            let Some(until) = until else {
                return Ok(Turn { _probe: None });
            };
            let left = until.saturating_duration_since(Instant::now());
            let seconds = left.as_secs() + 1;
            if !left.is_zero() && failures >= MOST_FAILURES {
                let found = format!(
                    "{who} failed {failures} times in a row, and is left alone for {seconds} s"
                );
                return Err(ask.error(self.cause, found));
            }
            if !left.is_zero() {
                if until >= ask.deadline {
                    let found = format!("{who} wants to be left alone for {seconds} s");
                    return Err(ask.error(Cause::Throttled, found));
                }
                sleep_until(until).await;
            }
            let probe = Arc::clone(&self.probe).lock_owned().await;
            if self.state().until == Some(until) {
                return Ok(Turn {
                    _probe: Some(probe),
                });
            }
        }
    }

    /// It answered.
    pub(crate) fn well(&self) {
        *self.state() = State::default();
    }

    /// It refused to answer now, and may have said for how long.
    pub(crate) fn refused(&self, wait: Option<Duration>) {
        let now = Instant::now();
        let mut state = self.state();
        let paused = state.until.is_some_and(|until| until > now);
        let wait = match wait.filter(|wait| !wait.is_zero()) {
            Some(wait) => wait.min(LONGEST_THROTTLED),
            // Others were refused at the same time.
            None if paused => return,
            None => doubled(state.refusals, LONGEST_THROTTLED),
        };
        if !paused {
            state.refusals = state.refusals.saturating_add(1);
        }
        state.until = state.until.max(Some(now + wait));
    }

    /// A request that began at `began` failed.
    pub(crate) fn failed(&self, began: Instant) {
        let now = Instant::now();
        let mut state = self.state();
        if state.last_failure.is_some_and(|last| began < last) {
            return;
        }
        state.last_failure = Some(now);
        state.failures = state.failures.saturating_add(1);
        if let Some(more) = state.failures.checked_sub(MOST_FAILURES) {
            state.until = state.until.max(Some(now + doubled(more, LONGEST_BROKEN)));
        }
    }

    /// A panic elsewhere leaves it as good as it was: every change is one assignment.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn doubled(times: u32, most: Duration) -> Duration {
    let factor = 2u32.saturating_pow(times);
    FIRST_PAUSE.saturating_mul(factor).min(most)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::registry::peer::Peer;

    /// How long the next request waits, or why it may not be made.
    async fn wait(health: &Health, time: Duration) -> Result<(Duration, Turn), &'static str> {
        let peer = Peer::unlisted("r.test").unwrap();
        let repository = "r.test/app".parse().unwrap();
        let mut ask = Ask::for_tests(&peer, &repository);
        let start = Instant::now();
        ask.deadline = start + time;
        match health.admit(&ask, &"r.test").await {
            Ok(turn) => Ok((start.elapsed(), turn)),
            Err(error) => Err(error.code()),
        }
    }

    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn refusals_without_a_time_pause_twice_as_long_each_f13() {
        let health = Health::new(Cause::Unreachable);
        assert_eq!(wait(&health, LONG).await.unwrap().0, Duration::ZERO);
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            health.refused(None);
            // More refusals of the same moment change nothing.
            health.refused(None);
            let short = wait(&health, Duration::from_millis(900)).await;
            assert_eq!(short.unwrap_err(), "registry_throttled");
            let waited = wait(&health, LONG).await.unwrap().0;
            assert_eq!(waited, Duration::from_secs(seconds));
        }
        health.well();
        assert_eq!(wait(&health, LONG).await.unwrap().0, Duration::ZERO);
        health.refused(None);
        let waited = wait(&health, LONG).await.unwrap().0;
        assert_eq!(waited, Duration::from_secs(1), "it begins anew");
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_that_is_named_is_kept_within_bounds() {
        for (named, kept) in [(0, 1), (7, 7), (3600, 60)] {
            let health = Health::new(Cause::Unreachable);
            health.refused(Some(Duration::from_secs(named)));
            let waited = wait(&health, LONG).await.unwrap().0;
            assert_eq!(waited, Duration::from_secs(kept), "{named}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn repeated_failures_are_answered_at_once_f13() {
        let health = Health::new(Cause::ServerError);
        for _ in 1..MOST_FAILURES {
            let began = Instant::now();
            tokio::time::advance(Duration::from_millis(1)).await;
            // Thirty requests that fail together are one failure.
            (0..30).for_each(|_| health.failed(began));
            assert_eq!(wait(&health, LONG).await.unwrap().0, Duration::ZERO);
        }
        for pause in [1, 2, 4, 8, 10, 10] {
            health.failed(Instant::now());
            assert_eq!(wait(&health, LONG).await.unwrap_err(), "registry_error");
            tokio::time::advance(Duration::from_millis(pause * 1000 - 1)).await;
            assert_eq!(wait(&health, LONG).await.unwrap_err(), "registry_error");
            tokio::time::advance(Duration::from_millis(1)).await;
            assert_eq!(wait(&health, LONG).await.unwrap().0, Duration::ZERO);
        }
        health.well();
        health.failed(Instant::now());
        assert!(wait(&health, LONG).await.is_ok(), "it begins anew");
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_pause_one_request_finds_out_for_all() {
        let health = Health::new(Cause::Unreachable);
        health.refused(None);
        let (_, probe) = wait(&health, LONG).await.unwrap();
        let others = async { tokio::join!(wait(&health, LONG), wait(&health, LONG)) };
        let found = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            health.well();
            drop(probe);
        };
        let ((first, second), ()) = tokio::join!(others, found);
        for other in [first, second] {
            assert_eq!(other.unwrap().0, Duration::from_secs(5));
        }
    }
}
