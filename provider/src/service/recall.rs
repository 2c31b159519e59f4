//! What the caches still know, by its age.

use std::sync::Arc;
use std::time::Duration;

use sealgate_core::{Digest, Reference};

use super::Inner;
use super::cache::{CachedVerdict, EvidenceKey, Fetched, Looked, QuestionKey, VerdictKey};
use super::decision::Decision;
use crate::collect::Resolved;
use crate::observe::metrics::CacheStatus;
use crate::question::Question;
use crate::rules::Rules;

impl Inner {
    pub(super) fn age(&self, at: Duration) -> Duration {
        self.clock.monotonic().saturating_sub(at)
    }

    pub(super) fn decision(&self, judged: Arc<CachedVerdict>, status: CacheStatus) -> Decision {
        Decision {
            age: self.age(judged.at),
            judged,
            status,
        }
    }

    /// A verdict as the answer at `now`, by the monotonic clock, while it lives.
    pub(super) fn fresh(&self, judged: &Arc<CachedVerdict>, now: Duration) -> Option<Decision> {
        let life = match judged.verified {
            true => self.lives.allow,
            false => self.lives.deny,
        };
        let age = now.saturating_sub(judged.at);
        (age < life && self.is_valid(judged)).then(|| Decision {
            age,
            judged: Arc::clone(judged),
            status: CacheStatus::Hit,
        })
    }

    fn is_valid(&self, judged: &CachedVerdict) -> bool {
        let expired = |until| until < self.clock.now();
        !judged.valid_until.is_some_and(expired)
    }

    pub(super) fn fresh_tag(&self, reference: &Reference) -> Option<Looked> {
        let looked = self.tags.get(reference)?;
        (self.age(looked.at) < self.lives.tag).then_some(looked)
    }

    pub(super) fn fresh_evidence(&self, key: &EvidenceKey, life: Duration) -> Option<Fetched> {
        let fetched = self.evidence.get(key)?;
        (self.age(fetched.at) < life).then_some(fetched)
    }

    pub(super) fn fresh_verdict(&self, key: &VerdictKey) -> Option<Decision> {
        let judged = self.verdicts.get(key)?;
        self.fresh(&judged, self.clock.monotonic())
    }

    fn valid_verdict(&self, key: &VerdictKey) -> Option<Arc<CachedVerdict>> {
        let judged = self.verdicts.get(key)?;
        self.is_valid(&judged).then_some(judged)
    }

    /// A verdict beyond its life, while it is younger than the stale window.
    pub(super) fn stale(&self, question: &Question, rules: &Rules) -> Option<Decision> {
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
    pub(super) fn new(question: &Question, rules: &Rules) -> Self {
        let mut request = question.request.clone();
        if !rules.by_namespace {
            request.namespace = None;
        }
        Self {
            request,
            rules: rules.revision,
        }
    }

    pub(super) fn about(self, digest: Digest) -> VerdictKey {
        VerdictKey {
            question: self,
            digest,
        }
    }
}

impl EvidenceKey {
    pub(super) fn new(image: &Resolved) -> Self {
        Self {
            repository: image.reference().repository().clone(),
            digest: *image.digest(),
        }
    }
}
