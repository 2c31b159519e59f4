//! From an image to a verdict, which is kept.

use std::sync::Arc;

use sealgate_core::evidence::{Evidence, Request};
use sealgate_core::revocation_requests;
use sealgate_core::verdict::Outcome;
use tokio::time::Instant;

use super::cache::{CachedVerdict, EvidenceKey, Fetched, QuestionKey, VerdictKey, size};
use super::decision::{Decision, NoDecision};
use super::undecided::Undecided;
use super::{Inner, Service};
use crate::collect::{Resolved, RevocationClient, Wanted};
use crate::observe::metrics::CacheStatus;
use crate::question::Question;
use crate::rules::Rules;
use crate::shares::Party;

impl Service {
    /// Decides, or joins whoever is deciding the same question.
    pub(super) async fn find(
        &self,
        question: &Question,
        rules: &Arc<Rules>,
    ) -> Result<Decision, NoDecision> {
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
        let judged = self.reach_verdict(question, key, image, rules).await?;
        Ok(self.0.decision(judged, CacheStatus::Miss))
    }

    /// Makes a verdict and keeps it.
    ///
    /// Evidence may be as old as an allowing verdict may be; but if it leads to a refusal,
    /// only as old as a refusal may be: the image may have been signed meanwhile. And a
    /// refusal needs a look everywhere; where most signatures are goes first. While the
    /// registry leaves open whether there is more, there is no refusal.
    async fn reach_verdict(
        &self,
        question: &Question,
        key: VerdictKey,
        image: Resolved,
        rules: &Arc<Rules>,
    ) -> Result<Arc<CachedVerdict>, NoDecision> {
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
        let asked = restate(&fetched.evidence, question);
        let policies = &rules.policies;
        let each = policies.ask_for_platforms(&asked.subject, &asked.request);
        if each && !fetched.places.platforms {
            let places = fetched.places.and_platforms(true);
            drop(fetched);
            let (key, image) = (evidence.clone(), image.clone());
            fetched = self.fetched(question, key, image, places).await?;
        }
        let mut judged = inner.verdict(question, rules, &fetched).await?;
        let all = Wanted::ALL.and_platforms(each);
        let everywhere = fetched.places.covers(all);
        let young = inner.age(fetched.at) < inner.lives.deny;
        let final_refusal = everywhere && young;
        if judged.outcome.lacks_proof() && !final_refusal {
            // What does not fit the cache is fetched anew: not beside itself.
            drop(fetched);
            fetched = self.fetched(question, evidence, image, all).await?;
            judged = inner.verdict(question, rules, &fetched).await?;
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
            outcome = judged.outcome.as_str(),
            reason = judged.reasons.first().map(|code| code.as_str()),
            "judged"
        );
        Ok(judged)
    }
}

impl Inner {
    async fn verdict(
        &self,
        question: &Question,
        rules: &Arc<Rules>,
        fetched: &Fetched,
    ) -> Result<CachedVerdict, Undecided> {
        let evidence = self.complete(question, rules, fetched).await?;
        let party = self.party(question);
        self.verifier
            .verify(&party, evidence, rules, fetched.at)
            .await
    }

    /// In whose name a question takes what registries share.
    pub(super) fn party(&self, question: &Question) -> Party {
        let party = self.collector.standing();
        party
            .party(question.reference.repository().host())
            .in_namespace(question.request.namespace.as_deref())
    }

    /// The evidence as an answer to this question, with what it takes to know about
    /// revocation by now.
    pub(super) async fn complete(
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
            // Chains are verified to know whom to ask: that is work for the verifier.
            let (read, rules) = (evidence, Arc::clone(rules));
            let look = move || (revocation_requests(&read, &rules.trust, now), read);
            let bytes = size(&fetched.evidence);
            let (requests, same) = self.verifier.run(&party, bytes, look).await?;
            evidence = same;
            if requests.is_empty() {
                break;
            }
            let answers = self.revocation.answers(requests, now, deadline).await;
            evidence.revocation.extend(answers);
        }
        Ok(evidence)
    }
}

/// The same evidence as the answer to another question about the same image.
fn restate(evidence: &Evidence, question: &Question) -> Evidence {
    let mut evidence = evidence.clone();
    evidence.request = Request::clone(&question.request);
    evidence.subject.reference = question.reference.clone();
    evidence
}
