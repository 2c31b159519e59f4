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
//! Registries share the turns, the bytes and the threads that this takes (`shares.rs`); an
//! answer from the caches takes none of them.

mod cache;
pub mod undecided;
mod verifier;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use sealgate_core::evidence::{Evidence, Request};
use sealgate_core::notation::revocation_requests;
use sealgate_core::verdict::Outcome;
use sealgate_core::{Digest, Reference};
use tokio::time::Instant;

pub(crate) use self::cache::size;
use self::cache::{
    EvidenceCache, EvidenceKey, Fetched, Judged, Looked, QuestionKey, TagCache, VerdictCache,
    VerdictKey, size,
};
use self::undecided::Undecided;
use self::verifier::{Judge, Most};
use crate::clock::Clock;
use crate::collect::{CollectError, Collector, Resolved, RevocationClient, Wanted};
use crate::config::Config;
use crate::flight::{Crashed, Flights};
use crate::observe::metrics::{CacheName, Metrics, Work};
use crate::question::{KeyError, Question};
use crate::registry::{Cause, Room};
use crate::rules::{CurrentRules, Rules};
use crate::shares::{Bounds, Crowded, Party, Share, Shares};

/// How long a registry gets that did not answer the last time, if there is a verdict that can
/// be given out meanwhile.
const GRACE: Duration = Duration::from_millis(300);
/// Registries that are remembered as silent, and for how long.
const MOST_SILENT: u64 = 1024;
const SILENT_FOR: Duration = Duration::from_secs(600);

/// Answers questions about images. Cheap to clone.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    collector: Collector,
    revocation: RevocationClient,
    rules: CurrentRules,
    clock: Arc<dyn Clock>,
    judge: Judge,
    lives: Lives,
    fetch_timeout: Duration,
    longest_wait: Duration,
    turns: Arc<Shares>,
    /// Registries that did not answer the last time.
    silent: Cache<Arc<str>, ()>,
    tags: TagCache,
    evidence: EvidenceCache,
    verdicts: VerdictCache,
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

/// A decision about one image.
#[derive(Clone, Debug)]
pub struct Decision {
    pub(crate) judged: Arc<Judged>,
    /// Where it comes from.
    pub status: CacheStatus,
    /// How long ago the registry was asked.
    pub age: Duration,
}

/// Where a decision comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CacheStatus {
    /// From the cache.
    Hit,
    /// Made for this question.
    Miss,
    /// From the cache, beyond its life: the registry could not be asked.
    Stale,
}

impl CacheStatus {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Stale => "stale",
        }
    }
}

/// Why there is no decision.
#[derive(Clone, Debug)]
pub enum NoDecision {
    /// The question itself is wrong: it stays without an answer.
    Question(KeyError),
    /// It could not be found out; it may be next time.
    Undecided(Undecided),
}

impl From<Undecided> for NoDecision {
    fn from(undecided: Undecided) -> Self {
        Self::Undecided(undecided)
    }
}

impl From<Crashed> for NoDecision {
    fn from(_: Crashed) -> Self {
        Self::Undecided(Undecided::Crashed)
    }
}

impl From<CollectError> for NoDecision {
    fn from(error: CollectError) -> Self {
        match error {
            CollectError::ImageNotFound { image, .. } => {
                Self::Question(KeyError::ImageNotFound(image))
            }
            CollectError::Undecided(error) if error.cause() == Cause::Overloaded => {
                Self::Undecided(Undecided::Overloaded)
            }
            CollectError::Undecided(error) => Self::Undecided(Undecided::Registry(error)),
        }
    }
}

impl Service {
    /// A service with empty caches.
    ///
    /// # Errors
    /// If its threads cannot be started.
    pub fn new(
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
        let most = Most {
            bytes: usize::try_from(limits.image_bytes).unwrap_or(usize::MAX),
            waiting: limits.waiting,
            wait: longest_wait,
        };
        Ok(Self(Arc::new(Inner {
            collector,
            revocation,
            rules,
            judge: Judge::new(Arc::clone(&clock), Arc::clone(&metrics), &most)?,
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
            verdicts: VerdictCache::new(cache.verdict_bytes, keep),
            lookups: Flights::new(),
            fetches: Flights::new(),
            decisions: Flights::new(),
            metrics,
        })))
    }

    /// Answers from the caches alone, if they have a fresh answer.
    pub fn cached(&self, question: &Question) -> Option<Decision> {
        let inner = &self.0;
        let rules = inner.rules.get();
        let digest = match question.reference.digest() {
            Some(digest) => *digest,
            None => inner.fresh_tag(&question.reference)?.digest,
        };
        inner.fresh_verdict(&QuestionKey::new(question, &rules).about(digest))
    }

    /// Answers, at the latest at `deadline`.
    ///
    /// # Errors
    /// If the question is wrong, or nobody could tell in time.
    pub async fn answer(
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
                self.0.silent.insert(host.into(), ());
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
    pub async fn evidence(
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
                _ => self.fetched(question, key, image, Wanted::ALL).await?,
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

    /// Writes the pack of some evidence, as a judge does: it is work.
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
        self.0.judge.run(&party, bytes, write).await
    }

    /// What is in the caches and in progress, for metrics.
    pub(crate) fn report(&self) {
        let Inner {
            metrics,
            tags,
            evidence,
            verdicts,
            lookups,
            fetches,
            decisions,
            ..
        } = &*self.0;
        metrics.cache_size(CacheName::Tags, tags.bytes(), tags.len());
        metrics.cache_size(CacheName::Evidence, evidence.bytes(), evidence.len());
        metrics.cache_size(CacheName::Verdicts, verdicts.bytes(), verdicts.len());
        metrics.in_progress(Work::Lookup, lookups.len());
        metrics.in_progress(Work::Fetch, fetches.len());
        metrics.in_progress(Work::Decision, decisions.len());
    }

    /// Decides, or joins whoever is deciding the same question.
    async fn find(&self, question: &Question, rules: &Arc<Rules>) -> Result<Decision, NoDecision> {
        let key = QuestionKey::new(question, rules);
        let decision = self.0.decisions.join(&key, || {
            let (service, key) = (self.clone(), key.clone());
            let (question, rules) = (question.clone(), Arc::clone(rules));
            async move { service.decide(&question, key, &rules).await }
        });
        decision.await?
    }

    async fn decide(
        &self,
        question: &Question,
        key: QuestionKey,
        rules: &Arc<Rules>,
    ) -> Result<Decision, NoDecision> {
        let image = self.resolve(question).await?;
        let key = key.about(*image.digest());
        if let Some(decision) = self.0.fresh_verdict(&key) {
            return Ok(decision);
        }
        let judged = self.judge(question, key, image, rules).await?;
        Ok(self.0.decision(judged, CacheStatus::Miss))
    }

    /// The image that the reference names: asked for once, then only digests count.
    async fn resolve(&self, question: &Question) -> Result<Resolved, NoDecision> {
        let reference = &question.reference;
        if let Some(digest) = reference.digest() {
            return Ok(Resolved::known(reference.clone(), *digest));
        }
        if let Some(looked) = self.0.fresh_tag(reference) {
            return Ok(Resolved::known(reference.clone(), looked.digest));
        }
        let looked = self.0.lookups.join(reference, || {
            let (service, reference) = (self.clone(), reference.clone());
            let namespace = question.request.namespace.clone();
            async move { service.look_up(reference, namespace.as_deref()).await }
        });
        looked.await?
    }

    async fn look_up(
        &self,
        reference: Reference,
        namespace: Option<&str>,
    ) -> Result<Resolved, NoDecision> {
        let inner = &self.0;
        if let Some(looked) = inner.fresh_tag(&reference) {
            return Ok(Resolved::known(reference, looked.digest));
        }
        let host = reference.repository().host();
        let _turn = inner.turn(host, namespace).await?;
        let at = inner.clock.monotonic();
        let deadline = Instant::now() + inner.fetch_timeout;
        let timer = inner.metrics.start(Work::Lookup);
        let resolved = inner.collector.resolve(&reference, deadline).await;
        let resolved = inner.heard(host, resolved)?;
        timer.stop();
        let digest = *resolved.digest();
        inner.tags.insert(reference, Looked { digest, at });
        Ok(resolved)
    }

    /// Fetches evidence from (at least) these places, or joins whoever is fetching.
    async fn fetched(
        &self,
        question: &Question,
        key: EvidenceKey,
        image: Resolved,
        places: Wanted,
    ) -> Result<Fetched, NoDecision> {
        loop {
            let fetched = self.0.fetches.join(&key, || {
                let (service, request) = (self.clone(), question.request.clone());
                let (key, image) = (key.clone(), image.clone());
                async move { service.fetch(request, key, image, places).await }
            });
            let fetched = fetched.await??;
            // Who was joined may have looked in fewer places.
            if fetched.places.covers(places) {
                return Ok(fetched);
            }
        }
    }

    async fn fetch(
        &self,
        request: Request,
        key: EvidenceKey,
        image: Resolved,
        places: Wanted,
    ) -> Result<Fetched, NoDecision> {
        let inner = &self.0;
        let known = inner.fresh_evidence(&key, inner.lives.deny);
        if let Some(known) = known.as_ref().filter(|known| known.places.covers(places)) {
            return Ok(known.clone());
        }
        let host = image.reference().repository().host();
        let _turn = inner.turn(host, request.namespace.as_deref()).await?;
        let asked_at = inner.clock.monotonic();
        let deadline = Instant::now() + inner.fetch_timeout;
        let timer = inner.metrics.start(Work::Fetch);
        let collector = &inner.collector;
        let fetched = match known {
            Some(known) => {
                let more = places - known.places;
                let collected = collector.extend(&known.evidence, more, deadline).await;
                let collected = inner.heard(host, collected)?;
                Fetched {
                    evidence: Arc::new(collected.evidence),
                    places: known.places | places,
                    at: known.at,
                    rooms: Arc::new(collected.rooms),
                    doubt: known.doubt.or(collected.doubt),
                }
            }
            None => {
                let collected = collector.collect(&image, request, places, deadline).await;
                let collected = inner.heard(host, collected)?;
                Fetched {
                    evidence: Arc::new(collected.evidence),
                    places,
                    at: asked_at,
                    rooms: Arc::new(collected.rooms),
                    doubt: collected.doubt,
                }
            }
        };
        timer.stop();
        inner.evidence.insert(key, fetched.clone());
        Ok(fetched)
    }

    /// Makes a verdict and keeps it.
    ///
    /// Evidence may be as old as an allowing verdict may be; but if it leads to a refusal,
    /// only as old as a refusal may be: the image may have been signed meanwhile. And a
    /// refusal needs a look everywhere; where most signatures are goes first. While the
    /// registry leaves open whether there is more, there is no refusal.
    async fn judge(
        &self,
        question: &Question,
        key: VerdictKey,
        image: Resolved,
        rules: &Arc<Rules>,
    ) -> Result<Arc<Judged>, NoDecision> {
        let inner = &self.0;
        let evidence = EvidenceKey::new(&image);
        let mut fetched = match inner.fresh_evidence(&evidence, inner.lives.allow) {
            Some(known) => known,
            None => {
                let (key, image) = (evidence.clone(), image.clone());
                self.fetched(question, key, image, Wanted::REFERRERS)
                    .await?
            }
        };
        let mut judged = inner.judge(question, rules, &fetched).await?;
        let everywhere = fetched.places.covers(Wanted::ALL);
        let young = inner.age(fetched.at) < inner.lives.deny;
        let final_refusal = everywhere && young;
        if judged.outcome.lacks_proof() && !final_refusal {
            // What does not fit the cache is fetched anew: not beside itself.
            drop(fetched);
            fetched = self.fetched(question, evidence, image, Wanted::ALL).await?;
            judged = inner.judge(question, rules, &fetched).await?;
        }
        let by_evidence = !matches!(judged.outcome, Outcome::NoPolicy);
        if let Some(doubt) = fetched.doubt
            && !judged.verified
            && by_evidence
        {
            return Err(Undecided::Registry(doubt).into());
        }
        if judged.outcome == Outcome::Verified {
            let host = question.reference.repository().host();
            inner.collector.standing().prove(host);
        }
        let judged = Arc::new(judged);
        inner.verdicts.insert(key, Arc::clone(&judged));
        tracing::info!(
            image = %judged.reference,
            outcome = judged.outcome.name(),
            reason = judged.reasons.first().map(|code| code.as_str()),
            "judged"
        );
        Ok(judged)
    }
}

impl Inner {
    async fn judge(
        &self,
        question: &Question,
        rules: &Arc<Rules>,
        fetched: &Fetched,
    ) -> Result<Judged, Undecided> {
        let evidence = self.complete(question, rules, fetched).await?;
        let party = self.party(question);
        self.judge.judge(&party, evidence, rules, fetched.at).await
    }

    /// In whose name a question takes what registries share.
    fn party(&self, question: &Question) -> Party {
        let party = self.collector.standing();
        party
            .party(question.reference.repository().host())
            .in_namespace(question.request.namespace.as_deref())
    }

    /// A turn to fetch something from this registry.
    async fn turn(&self, host: &str, namespace: Option<&str>) -> Result<Share, Undecided> {
        let party = self.collector.standing().party(host);
        let party = party.in_namespace(namespace);
        let until = Instant::now() + self.longest_wait;
        let turn = self.turns.take(&party, 1, until).await;
        turn.map_err(|Crowded| Undecided::Overloaded)
    }

    /// Remembers whether a registry answers.
    fn heard<T>(&self, host: &str, found: Result<T, CollectError>) -> Result<T, CollectError> {
        match &found {
            Err(CollectError::Undecided(error)) if error.cause().is_silence() => {
                self.silent.insert(host.into(), ());
            }
            _ => self.silent.invalidate(host),
        }
        found
    }

    /// The evidence as an answer to this question, with what it takes to know about
    /// revocation by now.
    async fn complete(
        &self,
        question: &Question,
        rules: &Arc<Rules>,
        fetched: &Fetched,
    ) -> Result<Evidence, Undecided> {
        let mut evidence = restate(&fetched.evidence, question);
        if rules.trust.stores().next().is_none() {
            return Ok(evidence);
        }
        let now = self.clock.now();
        let deadline = Instant::now() + self.fetch_timeout;
        let party = self.party(question);
        for _ in 0..RevocationClient::ROUNDS {
            // Chains are verified to know whom to ask: that is work for a judge.
            let (read, rules) = (evidence, Arc::clone(rules));
            let look = move || (revocation_requests(&read, &rules.trust, now), read);
            let bytes = size(&fetched.evidence);
            let (requests, same) = self.judge.run(&party, bytes, look).await?;
            evidence = same;
            if requests.is_empty() {
                break;
            }
            let answers = self.revocation.answers(requests, now, deadline).await;
            evidence.revocation.extend(answers);
        }
        Ok(evidence)
    }

    fn age(&self, at: Duration) -> Duration {
        self.clock.monotonic().saturating_sub(at)
    }

    fn decision(&self, judged: Arc<Judged>, status: CacheStatus) -> Decision {
        Decision {
            age: self.age(judged.at),
            judged,
            status,
        }
    }

    fn fresh_tag(&self, reference: &Reference) -> Option<Looked> {
        let looked = self.tags.get(reference)?;
        (self.age(looked.at) < self.lives.tag).then_some(looked)
    }

    fn fresh_evidence(&self, key: &EvidenceKey, life: Duration) -> Option<Fetched> {
        let fetched = self.evidence.get(key)?;
        (self.age(fetched.at) < life).then_some(fetched)
    }

    fn fresh_verdict(&self, key: &VerdictKey) -> Option<Decision> {
        let judged = self.valid_verdict(key)?;
        let life = match judged.verified {
            true => self.lives.allow,
            false => self.lives.deny,
        };
        (self.age(judged.at) < life).then(|| self.decision(judged, CacheStatus::Hit))
    }

    fn valid_verdict(&self, key: &VerdictKey) -> Option<Arc<Judged>> {
        let judged = self.verdicts.get(key)?;
        let expired = |until| until < self.clock.now();
        (!judged.valid_until.is_some_and(expired)).then_some(judged)
    }

    /// A verdict beyond its life, while it is younger than the stale window.
    fn stale(&self, question: &Question, rules: &Rules) -> Option<Decision> {
        let young = |at| self.age(at) < self.lives.stale;
        let digest = match question.reference.digest() {
            Some(digest) => *digest,
            None => {
                let looked = self.tags.get(&question.reference)?;
                young(looked.at).then_some(looked.digest)?
            }
        };
        let judged = self.valid_verdict(&QuestionKey::new(question, rules).about(digest))?;
        young(judged.at).then(|| self.decision(judged, CacheStatus::Stale))
    }
}

impl QuestionKey {
    fn new(question: &Question, rules: &Rules) -> Self {
        let mut request = question.request.clone();
        if !rules.by_namespace {
            request.namespace = None;
        }
        Self {
            request,
            rules: rules.revision,
        }
    }

    fn about(self, digest: Digest) -> VerdictKey {
        VerdictKey {
            question: self,
            digest,
        }
    }
}

impl EvidenceKey {
    fn new(image: &Resolved) -> Self {
        Self {
            repository: image.reference().repository().clone(),
            digest: *image.digest(),
        }
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

/// The same evidence as the answer to another question about the same image.
fn restate(evidence: &Evidence, question: &Question) -> Evidence {
    let mut evidence = evidence.clone();
    evidence.request = Request::clone(&question.request);
    evidence.subject.reference = question.reference.clone();
    evidence
}
