//! A verdict in the making.

use crate::digest::Digest;
use crate::evidence::Evidence;
use crate::judged::Judged;
use crate::limits;
use crate::policy::{Mode, NoMatch, Policies, Policy};
use crate::reason::{self, Class, Code, Reason};
use crate::time::earliest;
use crate::verdict::{
    Asked, Check, CheckResult, Image, Outcome, Passed, SCHEMA_VERSION, Signs, Verdict,
};

/// A verdict in the making.
pub(crate) struct Draft {
    verdict: Verdict,
    /// What the policies themselves say against the image.
    own: Vec<Reason>,
    /// What the authorities say whose part is missing.
    failures: Vec<Reason>,
    /// The class of the most telling reason of a policy that refuses the image.
    refused: Option<Class>,
    enforced_failed: bool,
    warned: bool,
    unproven: bool,
    /// What of predicates may still be shown.
    predicate_bytes: usize,
}

impl Draft {
    /// About this image.
    pub(crate) fn new(
        evidence: &Evidence,
        policies: &Policies,
        digest: Digest,
        trust_revision: Digest,
    ) -> Self {
        let request = &evidence.request;
        Self {
            verdict: Verdict {
                schema_version: SCHEMA_VERSION,
                image: Image {
                    requested: request.image.clone(),
                    reference: evidence.subject.reference.at(digest).to_string(),
                    digest,
                    media_type: evidence.subject.media_type.clone(),
                },
                request: Asked {
                    namespace: request
                        .namespace
                        .clone()
                        .filter(|_| policies.by_namespace()),
                    policy: request.policy.clone(),
                },
                verified: false,
                outcome: Outcome::NoPolicy,
                policies: Vec::new(),
                signers: Vec::new(),
                attestations: Vec::new(),
                platforms: Vec::new(),
                checks: Vec::new(),
                reasons: Vec::new(),
                trust_revision,
                valid_until: None,
            },
            own: Vec::new(),
            failures: Vec::new(),
            refused: None,
            enforced_failed: false,
            warned: false,
            unproven: false,
            predicate_bytes: limits::PREDICATES_BYTES,
        }
    }

    /// The image is refused, whatever the policies.
    pub(crate) fn refused(mut self, reason: Reason) -> Verdict {
        self.verdict.outcome = reason.code.class().into();
        self.verdict.reasons.push(reason);
        self.verdict
    }

    /// No policy covers the image.
    pub(crate) fn without_policy(mut self, evidence: &Evidence, no_match: NoMatch) -> Verdict {
        let image = &evidence.subject.reference;
        let named = &evidence.request.policy;
        let message = match named {
            None => format!("no policy covers {image}"),
            Some(name) => {
                format!("the policy {name:?}, which was asked for, does not cover {image} here")
            }
        };
        self.verdict
            .reasons
            .push(Reason::new(Code::NoPolicy, message));
        // Others may cover it: to name one that does not is no way out.
        if named.is_none() && no_match == NoMatch::DangerAllowUnverified {
            self.verdict.outcome = Outcome::NotCovered;
            self.verdict.verified = true;
        }
        self.verdict
    }

    /// Adds what became of a policy.
    pub(crate) fn add(&mut self, policy: &Policy, judged: Judged) {
        match (judged.report.outcome, policy.mode()) {
            (Passed::Passed, _) => {}
            (Passed::Unproven, _) => self.unproven = true,
            (Passed::Failed, Mode::Enforce) => self.enforced_failed = true,
            (Passed::Failed, Mode::Warn) => self.warned = true,
        }
        if judged.report.outcome == Passed::Failed {
            let reasons = || judged.report.reasons.iter().chain(&judged.failures);
            if policy.mode() == Mode::Enforce {
                self.refused = self.refused.max(most_telling(reasons()));
            }
            self.own.extend(judged.report.reasons.iter().cloned());
            self.failures.extend(judged.failures);
        }
        let verdict = &mut self.verdict;
        verdict.policies.push(judged.report);
        verdict.signers.extend(judged.signers);
        for mut attestation in judged.attestations {
            attestation.show_within(&mut self.predicate_bytes);
            verdict.attestations.push(attestation);
        }
        verdict.checks.extend(judged.checks);
        verdict.valid_until = earliest(verdict.valid_until, judged.valid_until);
    }

    /// Whether a policy is not met for want of an attestation.
    pub(crate) fn lacks_attestation(&self) -> bool {
        let mut demands = self.verdict.policies.iter().flat_map(|one| &one.demands);
        demands.any(|one| one.signs == Signs::Attestation && one.outcome == Passed::Failed)
    }

    /// Adds checks that no policy makes.
    pub(crate) fn note(&mut self, checks: Vec<Check>) {
        self.verdict.checks.extend(checks);
    }

    /// Shows so many bytes of predicates.
    pub(crate) fn show(&mut self, predicate_bytes: usize) {
        self.predicate_bytes = predicate_bytes;
    }

    /// All policies were added. What lies beside the image and is no signature is a reason, too, where
    /// one failed.
    pub(crate) fn finish(mut self, beside: &[Reason]) -> Verdict {
        let verdict = &mut self.verdict;
        verdict.signers.sort();
        verdict.signers.dedup();
        // The failed first: of too many, those that matter stay.
        verdict
            .checks
            .sort_by_cached_key(|check| (check.result != CheckResult::Failed, check.clone()));
        verdict.checks.dedup();
        verdict.checks.truncate(limits::CHECKS);
        if self.enforced_failed || self.warned {
            self.refused = self.refused.max(most_telling(beside.iter()));
            self.failures.extend(beside.iter().cloned());
        }
        verdict.reasons = reason::most_specific_of(self.own, self.failures);
        verdict.outcome = match (self.enforced_failed, self.warned, self.unproven) {
            (true, _, _) => self.refused.map_or(Outcome::Untrusted, Outcome::from),
            (false, true, _) => Outcome::Warned,
            (false, false, true) => Outcome::Unproven,
            (false, false, false) => Outcome::Verified,
        };
        verdict.verified = !verdict.policies.is_empty() && verdict.outcome.admits();
        self.verdict
    }
}

/// The class of the most telling reason.
fn most_telling<'a>(reasons: impl Iterator<Item = &'a Reason>) -> Option<Class> {
    reasons.map(|reason| reason.code.class()).max()
}
