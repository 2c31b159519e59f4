//! Verification on threads of its own, so that signatures never hold up the network.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sealgate_core::evidence::Evidence;
use sealgate_core::{Digest, Verdict, verify};
use tokio::time::Instant;

use super::cache::{CachedVerdict, size};
use super::undecided::Undecided;
use crate::clock::Clock;
use crate::observe::audit::VerdictPart;
use crate::observe::metrics::{Metrics, Work};
use crate::rules::Rules;
use crate::shares::{Bounds, Crowded, Party, Shares};
use crate::words::Refusal;
use crate::workers::{Panicked, Workers};

/// Evidence up to this size never waits behind larger evidence.
const SMALL: usize = 1 << 20;
/// As what evidence counts whose statements conditions look at: a statement takes up to 48 bytes
/// for each of its own then, and never more than [`HELD_BYTES`](sealgate_core::limits::HELD_BYTES).
const AS_TREE: usize = 12;
/// What bytes are counted in.
const UNIT: usize = 1 << 10;

/// Makes verdicts, on threads of its own that registries share.
///
/// There are two threads for each processor, and no registry has more than half of them: what
/// takes long to judge leaves half of every processor to the others. And only so many bytes of
/// evidence are judged at once, for to judge takes several times as much for a moment.
pub(crate) struct Verifier {
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    threads: Arc<Shares>,
    bytes: Arc<Shares>,
    most_bytes: usize,
    workers: Workers,
    longest_wait: Duration,
}

/// How much is judged at once.
pub(crate) struct Most {
    /// Bytes of the largest evidence.
    pub(crate) bytes: usize,
    /// How much evidence waits.
    pub(crate) waiting: usize,
    /// How long.
    pub(crate) wait: Duration,
}

impl Verifier {
    /// A verifier with threads of its own.
    ///
    /// # Errors
    /// If the threads cannot be started.
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        most: &Most,
    ) -> io::Result<Self> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = 2 * processors;
        let units = most.bytes / UNIT;
        Ok(Self {
            clock,
            metrics,
            threads: Shares::new(Bounds {
                total: threads,
                share: processors,
                strangers: processors,
                small: threads,
                large: (threads, processors),
                waiting: most.waiting,
            }),
            // The largest evidence alone, and beside it the small.
            bytes: Shares::new(Bounds::bytes(
                units + units / 4,
                units,
                SMALL / UNIT,
                most.waiting,
            )),
            most_bytes: most.bytes,
            workers: Workers::start("judge", threads)?,
            longest_wait: most.wait,
        })
    }

    /// Runs what looks through so many bytes of a registry's, when it is its turn.
    ///
    /// # Errors
    /// [`Undecided::Overloaded`] if its turn does not come soon; a panic is
    /// [`Undecided::Crashed`].
    pub(crate) async fn run<T, F>(
        &self,
        party: &Party,
        bytes: usize,
        work: F,
    ) -> Result<T, Undecided>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let until = Instant::now() + self.longest_wait;
        let overloaded = |Crowded| Undecided::Overloaded;
        // Bytes before a thread: who has a thread waits for nobody.
        let bytes = self.bytes.take(party, bytes.div_ceil(UNIT), until).await;
        let bytes = bytes.map_err(overloaded)?;
        let thread = self.threads.take(party, 1, until).await;
        let thread = thread.map_err(overloaded)?;
        let work = move || {
            let _turn = (bytes, thread);
            work()
        };
        self.workers.run(work).await.map_err(|Panicked| {
            tracing::error!("a computation crashed: this image stays undecided");
            Undecided::Crashed
        })
    }

    /// As how many bytes evidence counts while it is judged by these rules.
    fn takes(&self, bytes: usize, rules: &Rules) -> usize {
        let policies = &rules.policies.policies;
        let reads_statements = policies
            .iter()
            .any(|policy| policy.rules().next().is_some());
        match reads_statements && bytes > SMALL {
            // The largest takes all there is.
            true => bytes
                .saturating_mul(AS_TREE)
                .min(self.most_bytes)
                .max(bytes),
            false => bytes,
        }
    }

    /// Verifies evidence that was asked for at `at`. A panic is no verdict.
    pub(crate) async fn verify(
        &self,
        party: &Party,
        evidence: Evidence,
        rules: &Arc<Rules>,
        at: Duration,
    ) -> Result<CachedVerdict, Undecided> {
        let bytes = self.takes(size(&evidence), rules);
        let rules = Arc::clone(rules);
        let clock = Arc::clone(&self.clock);
        let metrics = Arc::clone(&self.metrics);
        let work = move || {
            let timer = metrics.start(Work::Verification);
            let verdict = verify(&evidence, &rules.policies, &rules.trust, clock.now())?;
            let judged = CachedVerdict::new(&verdict, evidence.pack_digest(), &rules, at);
            timer.stop();
            Ok::<_, sealgate_core::Undecided>(judged)
        };
        Ok(self.run(party, bytes, work).await??)
    }
}

impl CachedVerdict {
    fn new(verdict: &Verdict, evidence: Digest, rules: &Rules, at: Duration) -> Self {
        let Rules {
            policies_revision,
            trust_revision,
            ..
        } = *rules;
        Self {
            json: verdict.to_json().into(),
            verified: verdict.verified,
            outcome: verdict.outcome,
            reference: verdict.image.reference.clone(),
            message: Refusal::of(verdict).map(|refusal| refusal.sentence()),
            reasons: verdict.reasons.iter().map(|reason| reason.code).collect(),
            audit: VerdictPart::new(verdict, policies_revision, trust_revision, evidence),
            at,
            valid_until: verdict.valid_until,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::clock::SystemClock;

    fn verifier() -> Verifier {
        let most = Most {
            bytes: 40 << 20,
            waiting: 100,
            wait: Duration::from_secs(60),
        };
        let clock = Arc::new(SystemClock::new());
        Verifier::new(clock, Arc::new(Metrics::new()), &most).unwrap()
    }

    /// On a runtime of one thread, which what is run must not be.
    #[tokio::test]
    async fn what_takes_long_runs_on_threads_of_its_own_rt_15_tob_8() {
        let (send, receive) = mpsc::channel();
        let verifier = verifier();
        let party = Party::known("r.test");
        let work = verifier.run(&party, 1, move || {
            receive.recv().unwrap();
            std::thread::current().name().map(str::to_owned)
        });
        let release = async { send.send(()).unwrap() };
        let (ran, ()) = tokio::join!(work, release);
        assert_eq!(ran.unwrap().as_deref(), Some("judge"));
    }

    #[tokio::test]
    async fn one_registry_leaves_half_of_the_threads_to_others_ops_17_f5() {
        let verifier = verifier();
        let heavy = Party::known("heavy.test");
        let (release, held) = (0..100)
            .map(|_| mpsc::channel::<()>())
            .unzip::<_, _, Vec<_>, Vec<_>>();
        let held = held
            .into_iter()
            .map(|held| verifier.run(&heavy, 1, move || held.recv().is_err()));
        let held = futures::future::join_all(held);
        let other = async {
            let found = verifier.run(&Party::known("other.test"), 1, || 7).await;
            // Now the others may end.
            drop(release);
            found
        };
        let (held, other) = tokio::join!(held, other);
        assert_eq!(other, Ok(7));
        assert!(held.into_iter().all(|ended| ended == Ok(true)));
    }

    #[tokio::test]
    async fn a_panic_is_undecided_and_gives_back_what_it_took() {
        let verifier = verifier();
        let party = Party::known("r.test");
        let (empty, at) = (Vec::<u8>::new(), std::hint::black_box(1));
        let crashed = verifier
            .run(&party, 40 << 20, move || empty.split_at(at).0.len())
            .await;
        assert_eq!(crashed, Err(Undecided::Crashed));
        assert_eq!(Undecided::Crashed.code(), "internal_error");
        assert_eq!(verifier.run(&party, 40 << 20, || 7).await, Ok(7));
    }
}
