//! Verification on threads of its own, so that signatures never hold up the network.

use std::sync::Arc;
use std::time::Duration;

use sealgate_core::evidence::Evidence;
use sealgate_core::{Digest, Verdict, verify};
use serde::Serialize;
use tokio::sync::Semaphore;

use crate::cache::Judged;
use crate::clock::Clock;
use crate::metrics::{Metrics, Work};
use crate::rules::Rules;
use crate::undecided::Undecided;

/// Makes verdicts, as many at once as there are processors.
pub(crate) struct Judge {
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    processors: Arc<Semaphore>,
}

impl Judge {
    pub(crate) fn new(clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            clock,
            metrics,
            processors: Arc::new(Semaphore::new(processors)),
        }
    }

    /// Judges evidence that was asked for at `at`. A panic is no verdict.
    pub(crate) async fn judge(
        &self,
        evidence: Evidence,
        rules: &Arc<Rules>,
        at: Duration,
    ) -> Result<Judged, Undecided> {
        // Nobody closes it.
        let processor = Arc::clone(&self.processors)
            .acquire_owned()
            .await
            .map_err(|_| Undecided::Overloaded)?;
        let now = self.clock.now();
        let rules = Arc::clone(rules);
        let timer = self.metrics.start(Work::Verification);
        let judged = tokio::task::spawn_blocking(move || {
            let _processor = processor;
            let verdict = verify(&evidence, &rules.policies, &rules.trust, now)?;
            let evidence = Digest::sha256(&evidence.to_pack());
            Ok::<_, sealgate_core::Undecided>(Judged::new(&verdict, evidence, &rules, at))
        })
        .await
        .map_err(|crash| {
            tracing::error!(%crash, "verification crashed: this image stays undecided");
            Undecided::Crashed
        })??;
        timer.stop();
        Ok(judged)
    }
}

/// What the audit log says of a verdict, after what it says of the question.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuditWire<'a> {
    verified: bool,
    outcome: &'a str,
    reference: &'a str,
    digest: Digest,
    policies: Vec<&'a str>,
    reasons: Vec<&'static str>,
    policies_revision: Digest,
    trust_revision: Digest,
    evidence: Digest,
}

impl Judged {
    fn new(verdict: &Verdict, evidence: Digest, rules: &Rules, at: Duration) -> Self {
        let reasons: Vec<_> = verdict.reasons.iter().map(|reason| reason.code).collect();
        let audit = AuditWire {
            verified: verdict.verified,
            outcome: verdict.outcome.name(),
            reference: &verdict.image.reference,
            digest: verdict.image.digest,
            policies: verdict.policies.iter().map(|p| p.name.as_str()).collect(),
            reasons: reasons.iter().map(|code| code.as_str()).collect(),
            policies_revision: rules.policies_revision,
            trust_revision: rules.trust_revision,
            evidence,
        };
        Self {
            json: verdict.to_json().into(),
            verified: verdict.verified,
            outcome: verdict.outcome,
            reference: verdict.image.reference.clone(),
            message: verdict.reasons.first().map(|reason| reason.message.clone()),
            reasons,
            // Plain data with string keys: this cannot fail.
            audit: serde_json::to_vec(&audit).unwrap_or_default().into(),
            at,
            valid_until: verdict.valid_until,
        }
    }
}
