//! Whether a policy passes: enough signers, and every attestation that it asks for.

use std::collections::{BTreeMap, BTreeSet};

use crate::budget;
use crate::discovery::Discovered;
use crate::findings::Findings;
use crate::judgement::Says;
use crate::policy::{AttestationRule, Policy, Require, Threshold};
use crate::reason::{self, Code, Reason};
use crate::threshold::{Met, Vouching};
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
    /// Why it failed.
    pub(crate) reasons: Vec<Reason>,
    /// When this must be judged anew at the latest.
    pub(crate) valid_until: Option<UnixTime>,
}

/// Judges a policy by what its authorities found.
pub(crate) fn judge_policy(policy: &Policy, findings: Vec<Findings>, found: &Discovered) -> Judged {
    let (signatures, mut reasons) = match judge_require(policy, &findings, found) {
        Ok(satisfied) => (satisfied.outcome(), Vec::new()),
        Err(reasons) => (Passed::Failed, reasons),
    };
    let mut attestations = Vec::new();
    for rule in policy.attestations() {
        match judge_rule(policy, rule, &findings) {
            Ok(attestation) => attestations.push(attestation),
            Err(failures) => reasons.extend(failures),
        }
    }
    let outcome = match attestations.len() == policy.attestations().len() {
        true => signatures,
        false => Passed::Failed,
    };
    assemble(policy, findings, attestations, outcome, reasons)
}

/// Why a policy asks for no more signatures of the image.
enum Satisfied {
    /// Enough signed it.
    Threshold(Met),
    /// It asks for none: the attestation rules, of which there is one at least, decide.
    AttestationsOnly,
}

impl Satisfied {
    fn outcome(&self) -> Passed {
        match self {
            Self::Threshold(met) if !met.is_proven() => Passed::Unproven,
            Self::Threshold(_) | Self::AttestationsOnly => Passed::Passed,
        }
    }
}

/// Whether enough distinct signers signed the image, and if not, why.
fn judge_require(
    policy: &Policy,
    findings: &[Findings],
    found: &Discovered,
) -> Result<Satisfied, Vec<Reason>> {
    let threshold = match policy.require() {
        Require::AttestationsOnly => return Ok(Satisfied::AttestationsOnly),
        Require::AtLeast(threshold) => threshold,
    };
    let listed = threshold
        .of()
        .iter()
        .filter_map(|index| findings.get(*index));
    let listed: Vec<_> = listed
        .map(|findings| Vouching {
            signatures: &findings.signatures,
            lets_in_unproven: findings.passes_unproven(),
        })
        .collect();
    let vouching = match Met::of(threshold, &listed) {
        Ok(met) => return Ok(Satisfied::Threshold(met)),
        Err(vouching) => vouching,
    };
    let mut reasons = Vec::new();
    if threshold.count() > 1 {
        let signed = listed.iter().filter(|v| !v.signatures.is_empty()).count();
        reasons.push(too_few(policy, threshold, vouching, signed));
    }
    let some_failed = findings.iter().any(|f| !f.failures.is_empty());
    if !some_failed && vouching == 0 {
        reasons.push(nothing_found(findings, found));
    }
    Err(reasons)
}

/// `vouching` signers signed for `signed` of the authorities.
fn too_few(policy: &Policy, threshold: &Threshold, vouching: usize, signed: usize) -> Reason {
    let names: Vec<_> = threshold
        .of()
        .iter()
        .filter_map(|index| policy.authority(*index))
        .map(|authority| authority.name.as_str())
        .collect();
    Reason::new(
        Code::ThresholdNotMet,
        format!(
            "expected image signatures by at least {} distinct signers, each for another of \
             the authorities {}, found {vouching}{}",
            threshold.count(),
            names.join(", "),
            match signed > vouching {
                true => format!(
                    ": what {signed} of the authorities accept was made by fewer signers than that"
                ),
                false => String::new(),
            }
        ),
    )
}

/// The image has no signature that any authority could have judged.
fn nothing_found(findings: &[Findings], found: &Discovered) -> Reason {
    if findings.iter().any(|f| !f.attestations.is_empty()) {
        Reason::new(
            Code::NoImageSignature,
            "found verified attestations, but no signature of the image itself",
        )
    } else if found.candidates.is_empty() {
        Reason::new(Code::NoSignatures, "the image has no signature")
    } else {
        Reason::new(
            Code::SignatureKindMismatch,
            format!(
                "found {} signature(s), none of a kind that the policy's authorities accept",
                found.candidates.len()
            ),
        )
    }
}

/// Finds an attestation that meets the rule, or says why there is none.
fn judge_rule(
    policy: &Policy,
    rule: &AttestationRule,
    findings: &[Findings],
) -> Result<Attestation, Vec<Reason>> {
    let mut reasons = Vec::new();
    let mut other_types = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for verified in rule
        .from
        .iter()
        .filter_map(|index| findings.get(*index))
        .flat_map(|f| &f.attestations)
    {
        let Says::Attestation(statement) = verified.says() else {
            continue;
        };
        if statement.predicate_type() != rule.predicate_type {
            other_types.insert(statement.predicate_type().to_owned(), ());
            continue;
        }
        // Anybody can make copies of an envelope. What it says is looked at once.
        if !seen.insert(statement.digest()) {
            continue;
        }
        let name = format!("{}/{}", policy.name(), rule.name);
        let met = budget::share(|| {
            statement.meets(&rule.conditions)?;
            statement.report(name, verified.signer().clone())
        });
        match met {
            Ok(Ok(attestation)) => return Ok(attestation),
            Ok(Err(reason)) => reasons.push(reason),
            Err(exceeded) => reasons.push(Reason::new(
                Code::LimitExceeded,
                format!("the attestation rule {:?}: {exceeded}", rule.name),
            )),
        }
    }
    if reasons.is_empty() {
        let others = match other_types.len() {
            0 => String::new(),
            _ => format!(
                "; verified attestations have the types {}",
                other_types.into_keys().collect::<Vec<_>>().join(", ")
            ),
        };
        reasons.push(Reason::new(
            Code::NoMatchingAttestation,
            format!(
                "the rule {:?} expects a verified attestation of type {}{others}",
                rule.name, rule.predicate_type
            ),
        ));
    }
    Err(reason::most_specific(reasons))
}

fn assemble(
    policy: &Policy,
    findings: Vec<Findings>,
    attestations: Vec<Attestation>,
    outcome: Passed,
    own_reasons: Vec<Reason>,
) -> Judged {
    let failed = outcome == Passed::Failed;
    let mut judged = Judged {
        report: PolicyReport {
            name: policy.name().to_owned(),
            revision: policy.revision(),
            mode: policy.mode(),
            outcome,
            authorities: Vec::new(),
            reasons: reason::most_specific(own_reasons.clone()),
        },
        signers: Vec::new(),
        attestations,
        checks: Vec::new(),
        reasons: own_reasons,
        valid_until: None,
    };
    for (authority, findings) in policy.authorities().iter().zip(findings) {
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
            judged.checks.extend(findings.unseen.unwrap_or_default());
        }
        for verified in findings.signatures.iter().chain(&findings.attestations) {
            judged.valid_until = earliest(judged.valid_until, verified.valid_until());
            judged.signers.push(verified.signer().clone());
            judged.checks.extend_from_slice(verified.checks());
        }
        if failed && outcome == Passed::Failed {
            judged.checks.extend(findings.failed_checks);
        }
        let failures = reason::most_specific(findings.failures);
        if failed {
            judged.reasons.extend(failures.iter().cloned());
        }
        judged.report.authorities.push(AuthorityReport {
            name: authority.name.clone(),
            outcome,
            reasons: match outcome {
                Passed::Failed => failures,
                Passed::Passed | Passed::Unproven => Vec::new(),
            },
        });
    }
    judged
}
