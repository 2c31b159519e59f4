//! Whether a policy passes, with everything that a verdict tells of it.

use std::collections::BTreeSet;

use crate::demanded::{self, Demanded};
use crate::discovery::Discovered;
use crate::findings::Findings;
use crate::policy::Policy;
use crate::reason::{self, Reason};
use crate::time::{UnixTime, earliest};
use crate::verdict::{Attestation, AuthorityReport, Check, Passed, PolicyReport, Signer};

/// What became of one policy, with its proof.
pub(crate) struct Judged {
    /// How it passed or failed.
    pub(crate) report: PolicyReport,
    /// Who signed for its authorities.
    pub(crate) signers: Vec<Signer>,
    /// The attestations that it asks for.
    pub(crate) attestations: Vec<Attestation>,
    /// What was enforced, logged or skipped.
    pub(crate) checks: Vec<Check>,
    /// Why what was found does not count for the authorities whose part is missing. Beside it,
    /// the report has the reasons of the policy itself.
    pub(crate) failures: Vec<Reason>,
    /// When this must be judged anew at the latest.
    pub(crate) valid_until: Option<UnixTime>,
}

/// Judges a policy by what its authorities found: it passes if all that it demands is met.
pub(crate) fn judge_policy(policy: &Policy, findings: Vec<Findings>, found: &Discovered) -> Judged {
    let mut demanded = Vec::new();
    let mut attestations = Vec::new();
    demanded.extend(demanded::signatures(policy, &findings, found));
    for rule in policy.attestations() {
        let (one, attestation) = demanded::attestation(policy, rule, &findings);
        demanded.push(one);
        attestations.extend(attestation);
    }
    let outcomes = || demanded.iter().map(|one| one.demand.outcome);
    // A policy demands something; if it did not, nothing would be proven.
    let outcome = match outcomes().any(|one| one == Passed::Failed) || demanded.is_empty() {
        true => Passed::Failed,
        false if outcomes().all(|one| one == Passed::Passed) => Passed::Passed,
        false => Passed::Unproven,
    };
    assemble(policy, findings, demanded, attestations, outcome)
}

fn assemble(
    policy: &Policy,
    findings: Vec<Findings>,
    demanded: Vec<Demanded>,
    attestations: Vec<Attestation>,
    outcome: Passed,
) -> Judged {
    let failed = outcome == Passed::Failed;
    let (mut demands, mut reasons, mut lacking) = (Vec::new(), Vec::new(), BTreeSet::new());
    for one in demanded {
        demands.push(one.demand);
        reasons.extend(one.reasons);
        lacking.extend(one.lacking);
    }
    let reasons = reason::most_specific(reasons);
    let mut judged = Judged {
        report: PolicyReport {
            name: policy.name().to_owned(),
            revision: policy.revision(),
            mode: policy.mode(),
            outcome,
            demands,
            authorities: Vec::new(),
            reasons,
        },
        signers: Vec::new(),
        attestations,
        checks: Vec::new(),
        failures: Vec::new(),
        valid_until: None,
    };
    for (place, (authority, findings)) in policy.authorities().iter().zip(findings).enumerate() {
        let attests = judged.attestations.iter().any(|a| {
            findings
                .attestations
                .iter()
                .any(|v| *v.signer() == a.signer)
        });
        let outcome = match (
            !findings.signatures.is_empty() || attests,
            findings.passes_unproven(),
        ) {
            (true, _) => Passed::Passed,
            (false, true) => Passed::Unproven,
            (false, false) => Passed::Failed,
        };
        // Beside what proves something, what does not is noise: anybody may add it.
        if outcome == Passed::Unproven {
            for unproven in &findings.unproven {
                judged.valid_until = earliest(judged.valid_until, unproven.valid_until());
                judged.checks.extend_from_slice(unproven.checks());
            }
            judged
                .checks
                .extend(findings.unseen.iter().flatten().cloned());
        }
        for verified in findings.signatures.iter().chain(&findings.attestations) {
            judged.valid_until = earliest(judged.valid_until, verified.valid_until());
            judged.signers.push(verified.signer().clone());
            judged.checks.extend_from_slice(verified.checks());
        }
        if failed && outcome == Passed::Failed {
            judged.checks.extend(findings.failed_checks().cloned());
        }
        let failures = reason::most_specific(findings.failures().cloned().collect());
        let lacks = lacking.contains(&place);
        if lacks {
            judged.failures.extend(failures.iter().cloned());
        }
        judged.report.authorities.push(AuthorityReport {
            name: authority.name.clone(),
            outcome,
            reasons: match lacks || outcome == Passed::Failed {
                true => failures,
                false => Vec::new(),
            },
        });
    }
    judged
}
