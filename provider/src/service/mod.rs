//! The service: from a question to a decision.
//!
//! ```text
//! question ─► digest ─► verdict ──────────────────────────────► decision
//!             (tags)   (verdicts)                            hit, miss, stale
//!                          └─ miss ─► evidence ─► verify
//!                                    (evidence)   (blocking pool)
//! ```
//!
//! Whatever is not in a cache is found by detached work that all who ask share; each
//! leaves at its own deadline, the work goes on and fills the caches. While the registry
//! cannot be asked, a verdict that is not too old is given out, marked stale.
//!
//! Registries share the turns, the bytes and the threads that this takes (`shares`); an
//! answer from the caches takes none of them.

mod cache;
mod deciding;
mod decision;
mod fetching;
mod recall;
pub(crate) mod undecided;
mod verifier;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use sealgate_core::Reference;
use sealgate_core::evidence::Evidence;
use tokio::time::Instant;

use self::cache::{
    EvidenceCache, EvidenceKey, Fetched, KeyCache, LastAnswer, QuestionKey, TagCache, VerdictCache,
};
use self::verifier::{Most, Verifier};
use crate::clock::Clock;
use crate::collect::{Collector, Resolved, RevocationClient, Wanted};
use crate::config::Config;
use crate::flight::Flights;
use crate::observe::metrics::{CacheName, Metrics, Work};
use crate::question::{KeyError, Question};
use crate::registry::Room;
use crate::rules::{CurrentRules, Rules};
use crate::shares::{Bounds, Shares};

pub(crate) use self::cache::{Key, size};
pub(crate) use self::decision::{Decision, NoDecision};
pub(crate) use self::undecided::Undecided;

/// How long a registry gets that did not answer the last time, if there is a verdict that can
/// be given out meanwhile.
const GRACE: Duration = Duration::from_millis(300);
/// Registries that are remembered as silent, and for how long.
const MOST_SILENT: u64 = 1024;
const SILENT_FOR: Duration = Duration::from_secs(600);

/// The part of the bytes of verdicts that is for those found by the bytes of a key.
const BY_KEY: u64 = 8;

/// Answers questions about images. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Service(Arc<Inner>);

struct Inner {
    collector: Collector,
    revocation: RevocationClient,
    rules: CurrentRules,
    clock: Arc<dyn Clock>,
    verifier: Verifier,
    lives: Lives,
    fetch_timeout: Duration,
    longest_wait: Duration,
    turns: Arc<Shares>,
    /// Registries that did not answer the last time.
    silent: Cache<String, ()>,
    tags: TagCache,
    evidence: EvidenceCache,
    verdicts: VerdictCache,
    keys: KeyCache,
    lookups: Flights<Reference, Result<Resolved, NoDecision>>,
    fetches: Flights<EvidenceKey, Result<Fetched, NoDecision>>,
    decisions: Flights<QuestionKey, Result<Decision, NoDecision>>,
    metrics: Arc<Metrics>,
}

/// How long answers live.
struct Lives {
    tag: Duration,
    allow: Duration,
    deny: Duration,
    stale: Duration,
}

impl Service {
    /// A service with empty caches.
    ///
    /// # Errors
    /// If its threads cannot be started.
    pub(crate) fn new(
        config: &Config,
        collector: Collector,
        revocation: RevocationClient,
        rules: CurrentRules,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> io::Result<Self> {
        let limits = &config.limits;
        let longest_wait = config.timeouts.request;
        let cache = &config.cache;
        let keep = cache.allow.max(cache.deny).max(cache.stale);
        // moka takes a life of zero for no life at all.
        let keep = keep.max(cache.tag).max(Duration::from_secs(1));
        let by_key = cache.verdict_bytes / BY_KEY;
        let most = Most {
            bytes: usize::try_from(limits.image_bytes).unwrap_or(usize::MAX),
            waiting: limits.waiting,
            wait: longest_wait,
        };
        Ok(Self(Arc::new(Inner {
            collector,
            revocation,
            rules,
            verifier: Verifier::new(Arc::clone(&clock), Arc::clone(&metrics), &most)?,
            clock,
            lives: Lives {
                tag: cache.tag,
                allow: cache.allow,
                deny: cache.deny,
                stale: cache.stale,
            },
            fetch_timeout: config.timeouts.fetch,
            longest_wait,
            turns: Shares::new(Bounds::alike(limits.fetches, limits.waiting)),
            silent: Cache::builder()
                .max_capacity(MOST_SILENT)
                .time_to_live(SILENT_FOR)
                .build(),
            tags: TagCache::new(cache.tag_bytes, keep),
            evidence: EvidenceCache::new(cache.evidence_bytes, keep),
            verdicts: VerdictCache::new(cache.verdict_bytes - by_key, keep),
            keys: KeyCache::new(by_key, keep),
            lookups: Flights::new(),
            fetches: Flights::new(),
            decisions: Flights::new(),
            metrics,
        })))
    }

    /// Answers a key that was answered before in the same bytes, if that answer is still fresh. With
    /// the image as the key has it.
    pub(crate) fn recall(&self, key: Key<'_>) -> Option<(Arc<str>, Decision)> {
        let inner = &self.0;
        let last = inner.keys.get(key)?;
        let now = inner.clock.monotonic();
        let looked = |at| now.saturating_sub(at) < inner.lives.tag;
        let same = last.rules == inner.rules.revision() && last.looked_at.is_none_or(looked);
        let decision = same.then(|| inner.fresh(&last.judged, now))??;
        Some((Arc::clone(&last.image), decision))
    }

    /// Answers from the caches alone, if they have a fresh answer, which is remembered as that of the
    /// key if there is one.
    pub(crate) fn cached(&self, question: &Question, key: Option<Key<'_>>) -> Option<Decision> {
        let inner = &self.0;
        let rules = inner.rules.get();
        let (digest, looked_at) = match question.reference.digest() {
            Some(digest) => (*digest, None),
            None => {
                let looked = inner.fresh_tag(&question.reference)?;
                (looked.digest, Some(looked.at))
            }
        };
        let verdict = QuestionKey::new(question, &rules).about(digest);
        let decision = inner.fresh_verdict(&verdict)?;
        if let Some(key) = key {
            let answer = LastAnswer {
                image: question.request.image.as_str().into(),
                rules: rules.revision,
                looked_at,
                judged: Arc::clone(&decision.judged),
            };
            inner.keys.insert(key, answer);
        }
        Some(decision)
    }

    /// Answers, at the latest at `deadline`.
    ///
    /// # Errors
    /// If the question is wrong, or nobody could tell in time.
    pub(crate) async fn answer(
        &self,
        question: &Question,
        deadline: Instant,
    ) -> Result<Decision, NoDecision> {
        // One set of rules for the whole answer, whatever changes meanwhile.
        let rules = self.0.rules.get();
        known_policy(question, &rules)?;
        let host = question.reference.repository().host();
        let stale = self.0.stale(question, &rules);
        let deadline = match stale.is_some() && self.0.silent.get(host).is_some() {
            true => deadline.min(Instant::now() + GRACE),
            false => deadline,
        };
        let found = match tokio::time::timeout_at(deadline, self.find(question, &rules)).await {
            Ok(found) => found,
            Err(_) => {
                self.0.silent.insert(host.to_owned(), ());
                Err(Undecided::Deadline.into())
            }
        };
        found.or_else(|error| match error {
            NoDecision::Undecided(_) => stale.ok_or(error),
            NoDecision::Question(_) => Err(error),
        })
    }

    /// The evidence about an image, from the cache or the registry, and the room that it takes as
    /// long as it is held.
    ///
    /// # Errors
    /// As [`Service::answer`].
    pub(crate) async fn evidence(
        &self,
        question: &Question,
        deadline: Instant,
    ) -> Result<(Evidence, Arc<Vec<Room>>), NoDecision> {
        let rules = self.0.rules.get();
        known_policy(question, &rules)?;
        let find = async {
            let image = self.resolve(question).await?;
            let key = EvidenceKey::new(&image);
            let life = self.0.lives.deny;
            let fetched = match self.0.fresh_evidence(&key, life) {
                Some(fetched) if fetched.places.covers(Wanted::ALL) => fetched,
                _ => {
                    let (key, image) = (key.clone(), image.clone());
                    self.fetched(question, key, image, Wanted::ALL).await?
                }
            };
            let asked = &fetched.evidence.subject;
            let each = rules.policies.ask_for_platforms(asked, &question.request);
            let all = Wanted::ALL.and_platforms(each);
            let fetched = match fetched.places.covers(all) {
                true => fetched,
                false => self.fetched(question, key, image, all).await?,
            };
            // Whoever judges it takes it for all there is.
            if let Some(doubt) = fetched.doubt {
                return Err(Undecided::Registry(doubt).into());
            }
            let evidence = self.0.complete(question, &rules, &fetched).await?;
            Ok((evidence, fetched.rooms))
        };
        match tokio::time::timeout_at(deadline, find).await {
            Ok(found) => found,
            Err(_) => Err(Undecided::Deadline.into()),
        }
    }

    /// Writes the pack of some evidence, as the verifier does: it is work.
    ///
    /// # Errors
    /// If others take too long.
    pub(crate) async fn pack(
        &self,
        question: &Question,
        evidence: Evidence,
        rooms: Arc<Vec<Room>>,
    ) -> Result<Vec<u8>, Undecided> {
        let party = self.0.party(question);
        let bytes = size(&evidence);
        let write = move || {
            let _rooms = rooms;
            evidence.to_pack()
        };
        self.0.verifier.run(&party, bytes, write).await
    }

    /// What is in the caches and in progress, for metrics.
    pub(crate) fn report(&self) {
        let Inner {
            metrics,
            tags,
            evidence,
            verdicts,
            keys,
            lookups,
            fetches,
            decisions,
            ..
        } = &*self.0;
        metrics.cache_size(CacheName::Tags, tags.bytes(), tags.len());
        metrics.cache_size(CacheName::Evidence, evidence.bytes(), evidence.len());
        metrics.cache_size(CacheName::Verdicts, verdicts.bytes(), verdicts.len());
        metrics.cache_size(CacheName::Keys, keys.bytes(), keys.len());
        metrics.in_progress(Work::Lookup, lookups.len());
        metrics.in_progress(Work::Fetch, fetches.len());
        metrics.in_progress(Work::Decision, decisions.len());
    }
}

fn known_policy(question: &Question, rules: &Rules) -> Result<(), NoDecision> {
    match &question.request.policy {
        Some(name) if rules.policies.named(name).is_none() => {
            Err(NoDecision::Question(KeyError::UnknownPolicy(name.clone())))
        }
        _ => Ok(()),
    }
}
