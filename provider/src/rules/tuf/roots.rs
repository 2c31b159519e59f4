//! All trust roots from TUF, and the task that renews them.

use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use futures::future::join_all;
use sealgate_core::TrustMaterial;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::client::{LastGood, TufClient};
use super::error::TufSetupError;
use crate::clock::Clock;
use crate::config::TrustRoot;
use crate::observe::metrics::Metrics;

/// The pause after a first failure; it doubles with each that follows.
const FIRST_PAUSE: Duration = Duration::from_secs(30);

/// All trust roots from TUF, with what is trusted of each.
#[derive(Debug, Default)]
pub struct TufRoots {
    roots: Vec<Renewed>,
    /// Goes up whenever a root has another content.
    generation: AtomicU64,
    changed: Notify,
}

#[derive(Debug)]
struct Renewed {
    client: TufClient,
    every: Duration,
    current: ArcSwapOption<LastGood>,
}

impl TufRoots {
    /// Sets up every root that comes from TUF, with what is kept of it. Without network.
    ///
    /// What is kept but does not verify is reported in the log, and not used.
    ///
    /// # Errors
    /// With every root whose configuration names files that cannot be used.
    pub fn open(roots: &[TrustRoot], cache: Option<&Path>) -> Result<Self, Vec<TufSetupError>> {
        let mut opened = Self::default();
        let mut problems = Vec::new();
        for root in roots {
            let Some(tuf) = root.tuf() else { continue };
            match TufClient::open(&root.name, tuf, cache) {
                Ok(client) => opened.roots.push(Renewed::new(client, tuf.refresh_every)),
                Err(error) => problems.push(error),
            }
        }
        match problems.is_empty() {
            true => Ok(opened),
            false => Err(problems),
        }
    }

    /// Adds what is trusted now, in place of files and built-in roots of the same names.
    pub fn insert_into(&self, trust: &mut TrustMaterial) {
        for renewed in &self.roots {
            if let Some(good) = renewed.current.load_full() {
                trust.insert_root(renewed.client.name(), good.root.clone());
            }
        }
    }

    /// Goes up whenever [`Self::insert_into`] would add something else.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Waits for the next change.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Renews all of them until `stop`.
    pub(crate) async fn keep_fresh(
        self: Arc<Self>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        stop: CancellationToken,
    ) {
        for renewed in &self.roots {
            if let Some(good) = renewed.current.load_full() {
                warn_if_expired(renewed.client.name(), &good, clock.as_ref());
                good.show(renewed.client.name(), &metrics);
            }
        }
        let each = self.roots.iter().map(|renewed| async {
            let mut failures = 0;
            loop {
                let pause = tokio::select! {
                    pause = self.renew(renewed, &mut failures, clock.as_ref(), &metrics) => pause,
                    () = stop.cancelled() => return,
                };
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stop.cancelled() => return,
                }
            }
        });
        join_all(each).await;
    }

    /// Asks once, and says how long to wait.
    async fn renew(
        &self,
        renewed: &Renewed,
        failures: &mut u32,
        clock: &dyn Clock,
        metrics: &Metrics,
    ) -> Duration {
        let root = renewed.client.name();
        match renewed.client.refresh(clock.now()).await {
            Ok(good) => {
                *failures = 0;
                self.put_in_force(renewed, good, metrics);
                jittered(renewed.every)
            }
            Err(error) => {
                *failures = failures.saturating_add(1);
                let pause = jittered(backoff(*failures, renewed.every));
                metrics.trust_root_refresh(root, error.cause().code());
                tracing::warn!(
                    root,
                    repository = renewed.client.repository(),
                    code = error.cause().code(),
                    %error,
                    failures,
                    again_in_seconds = pause.as_secs(),
                    "the trust root could not be refreshed, the last good one stays"
                );
                if let Some(good) = renewed.current.load_full() {
                    warn_if_expired(root, &good, clock);
                }
                pause
            }
        }
    }

    fn put_in_force(&self, renewed: &Renewed, good: LastGood, metrics: &Metrics) {
        let root = renewed.client.name();
        metrics.trust_root_refresh(root, "ok");
        good.show(root, metrics);
        let revision = good.root.revision();
        let versions = good.versions;
        let unsupported = good.root.unsupported().to_vec();
        let before = renewed.current.swap(Some(Arc::new(good)));
        if before.is_some_and(|before| before.root.revision() == revision) {
            tracing::debug!(root, ?versions, "the trust root is still the same");
            return;
        }
        tracing::info!(root, %revision, ?versions, ?unsupported, "a new trust root");
        self.generation.fetch_add(1, Ordering::Release);
        self.changed.notify_one();
    }
}

impl LastGood {
    fn show(&self, root: &str, metrics: &Metrics) {
        metrics.trust_root(root, self.refreshed_at, self.expires);
    }
}

impl Renewed {
    fn new(client: TufClient, every: Duration) -> Self {
        let good = client.restore().unwrap_or_else(|error| {
            tracing::warn!(
                root = client.name(),
                code = error.cause().code(),
                %error,
                "the kept trust root does not verify, and is not used"
            );
            None
        });
        Self {
            current: ArcSwapOption::from_pointee(good),
            client,
            every,
        }
    }
}

fn warn_if_expired(root: &str, good: &LastGood, clock: &dyn Clock) {
    if good.expires < clock.now() {
        tracing::warn!(
            root,
            expired = %good.expires,
            refreshed = %good.refreshed_at,
            "the metadata of the trust root have expired: it is in force, and may be outdated"
        );
    }
}

/// Doubles with each failure, up to the usual pause.
fn backoff(failures: u32, every: Duration) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(every)
}

/// Give or take a tenth, so that replicas do not ask at once.
fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().hash_one(()) % 2001;
    let permille = u32::try_from(random).unwrap_or_default();
    pause.saturating_mul(9000 + permille) / 10_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_followed_by_longer_pauses_up_to_the_usual_one() {
        let every = Duration::from_secs(3600);
        let pauses: Vec<_> = [1, 2, 3, 7, 8, u32::MAX]
            .map(|failures| backoff(failures, every).as_secs())
            .into();
        assert_eq!(pauses, [30, 60, 120, 1920, 3600, 3600]);
        assert_eq!(backoff(1, Duration::from_secs(1)), Duration::from_secs(1));
        for _ in 0..100 {
            let pause = jittered(every);
            assert!(pause >= every * 9 / 10 && pause <= every * 11 / 10);
        }
    }
}
