//! The verdict: which policies cover the image, who vouches for it, and whether
//! that is enough.

use std::collections::{BTreeMap, BTreeSet};

use crate::budget::{self, Exceeded};
use crate::digest::Digest;
use crate::discovery::{self, Discovered};
use crate::evidence::Evidence;
use crate::formats::{Found, Judge, Memory};
use crate::judgement::{Context, Judgement, Unproven, Verified, VerifiedContent};
use crate::limits;
use crate::policy::{AttestationRule, Authority, Mode, NoMatch, Policies, Policy, Require};
use crate::reason::{self, Code, Reason};
use crate::threshold::distinct_signers;
use crate::time::UnixTime;
use crate::trust::TrustMaterial;
use crate::undecided::Undecided;
use crate::verdict::{
    Asked, Attestation, AuthorityReport, Check, CheckResult, Image, Outcome, Passed, PolicyReport,
    SCHEMA_VERSION, Signer, Verdict,
};

/// Judges an image by its evidence.
///
/// 1. The image's manifest must have the digest that was asked for.
/// 2. The policies that cover the image are found; there must be one. If the question names
///    a policy, it must be that one.
/// 3. The artifacts are read into candidates: signed things, not verified yet.
/// 4. Each authority of each policy judges each candidate. A candidate passes when its
///    signature, its signer and its times verify **and** its payload names this digest.
/// 5. A policy passes when enough authorities signed the image, each by a signer of its own,
///    and each attestation rule is met by an attestation of a listed authority.
/// 6. The image is verified when every enforced policy passes.
///
/// Not checked: whether the evidence is complete. Whoever left a signature out can make
/// an image look unsigned, never the reverse.
///
/// # Errors
/// Only if it cannot be decided: trust material is missing, or the request names a policy
/// that does not exist. A forged signature is a verdict, not an error.
pub fn verify(
    evidence: &Evidence,
    policies: &Policies,
    trust: &TrustMaterial,
    now: UnixTime,
) -> Result<Verdict, Undecided> {
    budget::metered(|| judge(evidence, policies, trust, now))
}

fn judge(
    evidence: &Evidence,
    policies: &Policies,
    trust: &TrustMaterial,
    now: UnixTime,
) -> Result<Verdict, Undecided> {
    let digest = evidence.subject.digest();
    let mut draft = Draft::new(
        evidence,
        policies,
        digest,
        trust.revision_for(&policies.trust_names()),
    );

    // (1) the image
    if let Some(reason) = image_mismatch(evidence, digest) {
        return Ok(draft.refused(reason));
    }
    // (2) the policies
    let covering = covering(evidence, policies)?;
    if covering.is_empty() {
        return Ok(draft.without_policy(evidence, policies.no_match));
    }
    // (3) the candidates
    let mut found = discovery::discover(evidence, &digest);
    // (4) to (6)
    let context = |policy: &Policy, authority: &Authority| Context {
        digest,
        evidence,
        trust,
        now,
        authority_name: format!("{}/{}", policy.name, authority.name),
    };
    let findings = judge_authorities(&covering, &mut found, context)?;
    for (policy, findings) in covering.into_iter().zip(findings) {
        draft.add(policy, judge_policy(policy, findings, &found));
    }
    Ok(draft.finish(&found))
}

/// The reference may name a digest, and then the manifest must have it.
fn image_mismatch(evidence: &Evidence, digest: Digest) -> Option<Reason> {
    let asked = evidence.subject.reference.digest()?;
    (*asked != digest).then(|| {
        Reason::new(
            Code::ImageDigestMismatch,
            format!("expected a manifest with the digest {asked}, found one with {digest}"),
        )
    })
}

fn covering<'a>(evidence: &Evidence, policies: &'a Policies) -> Result<Vec<&'a Policy>, Undecided> {
    let request = &evidence.request;
    let covers = |policy: &&Policy| policy.scope.covers(&evidence.subject, request);
    let Some(name) = &request.policy else {
        return Ok(policies.policies.iter().filter(covers).collect());
    };
    let named = policies.named(name);
    let named = named.ok_or_else(|| Undecided::PolicyUnknown(name.clone()))?;
    let judges = request.beyond_scope || covers(&named);
    Ok(judges.then_some(named).into_iter().collect())
}

/// What became of one policy, with its proof.
struct Judged {
    report: PolicyReport,
    signers: Vec<Signer>,
    attestations: Vec<Attestation>,
    checks: Vec<Check>,
    reasons: Vec<Reason>,
    valid_until: Option<UnixTime>,
}

/// What one authority found.
#[derive(Default)]
struct Findings {
    signatures: Vec<Verified>,
    attestations: Vec<Verified>,
    /// Signatures that a level lets in whoever made them.
    unproven: Vec<Unproven>,
    failures: Vec<Reason>,
    /// The checks of the signatures that failed.
    failed_checks: Vec<Check>,
    /// It lets in without looking at signatures, and says so by these checks.
    unseen: Option<Vec<Check>>,
}

impl Findings {
    /// Who signed the image.
    fn signers(&self) -> impl Iterator<Item = &Signer> {
        self.signatures.iter().map(|verified| &verified.signer)
    }

    /// Whether the authority lets in without proof.
    fn passes_unproven(&self) -> bool {
        self.unseen.is_some() || !self.unproven.is_empty()
    }
}

/// What every authority of every policy found, in their order.
///
/// Each candidate is read once, judged by all of them, and forgotten: one is in memory at a
/// time. The smallest come first: what a stranger adds to a copy makes it larger than the
/// original, and megabytes come last.
fn judge_authorities<'a>(
    policies: &[&Policy],
    found: &mut Discovered,
    context: impl Fn(&Policy, &Authority) -> Context<'a>,
) -> Result<Vec<Vec<Findings>>, Undecided> {
    let mut findings = Vec::with_capacity(policies.len());
    let mut judges = Vec::new();
    for (policy_index, policy) in policies.iter().enumerate() {
        let mut of_policy = Vec::with_capacity(policy.authorities.len());
        for (index, authority) in policy.authorities.iter().enumerate() {
            let context = context(policy, authority);
            of_policy.push(match Judge::of(authority, &context.authority_name) {
                Judge::Nothing(checks) => Findings {
                    unseen: Some(checks),
                    ..Findings::default()
                },
                judge => {
                    judges.push(((policy_index, index), authority, judge, context));
                    Findings::default()
                }
            });
        }
        findings.push(of_policy);
    }
    let mut order: Vec<_> = found.candidates.iter().enumerate().collect();
    order.sort_by_key(|(index, candidate)| (candidate.size(), *index));
    let memory = Memory::default();
    let mut judgements = Vec::new();
    let mut unread = BTreeSet::new();
    let mut broken = Vec::new();
    'candidates: for (position, (index, candidate)) in order.iter().enumerate() {
        let read = match budget::share(|| candidate.read()) {
            Ok(read) => read,
            Err(exceeded) if exceeded.is_of_verdict() => {
                broken.push(not_judged(exceeded, order.len() - position));
                break;
            }
            Err(exceeded) => Err(beyond_share(candidate, exceeded)),
        };
        let read = match read {
            Ok(read) => read,
            Err(reason) => {
                unread.insert(*index);
                broken.push(reason);
                continue;
            }
        };
        for (place, authority, judge, context) in &judges {
            let judged = budget::share(|| read.judge(judge, context, &memory));
            let judgement = match judged {
                Ok(judgement) => judgement?,
                Err(exceeded) if exceeded.is_of_verdict() => {
                    broken.push(not_judged(exceeded, order.len() - position));
                    break 'candidates;
                }
                Err(exceeded) => beyond_share(candidate, exceeded).into(),
            };
            judgements.push((*index, *place, *authority, judgement));
        }
    }
    judgements.sort_by_key(|(index, place, ..)| (*place, *index));
    for (_, (policy, authority_index), authority, judgement) in judgements {
        let of_policy = findings.get_mut(policy);
        if let Some(findings) = of_policy.and_then(|f| f.get_mut(authority_index)) {
            findings.add(authority, judgement);
        }
    }
    let mut index = 0..;
    found
        .candidates
        .retain(|_| index.next().is_none_or(|index| !unread.contains(&index)));
    found.broken.extend(broken);
    Ok(findings)
}

fn beyond_share(candidate: &Found, exceeded: Exceeded) -> Reason {
    Reason::new(
        Code::LimitExceeded,
        format!("the signature in {}: {exceeded}", candidate.artifact()),
    )
}

fn not_judged(exceeded: Exceeded, left: usize) -> Reason {
    Reason::new(
        Code::LimitExceeded,
        format!("{exceeded}; {left} signature(s) were not judged"),
    )
}

fn judge_policy(policy: &Policy, findings: Vec<Findings>, found: &Discovered) -> Judged {
    let (signatures, mut reasons) = judge_require(policy, &findings, found);
    let mut attestations = Vec::new();
    for rule in &policy.attestations {
        match judge_rule(policy, rule, &findings) {
            Ok(attestation) => attestations.push(attestation),
            Err(failures) => reasons.extend(failures),
        }
    }
    let outcome = match attestations.len() == policy.attestations.len() {
        true => signatures,
        false => Passed::Failed,
    };
    assemble(policy, findings, attestations, outcome, reasons)
}

impl Findings {
    fn add(&mut self, authority: &Authority, judgement: Judgement) {
        match judgement {
            Judgement::NotApplicable => {}
            Judgement::Failed { reasons, checks } => {
                self.failures.extend(reasons);
                self.failed_checks.extend(checks);
            }
            Judgement::Unproven(unproven) => {
                match missing_annotation(authority, &unproven.annotations) {
                    Some(reason) => self.failures.push(reason),
                    None => self.unproven.push(unproven),
                }
            }
            Judgement::Passed(verified) => match &verified.content {
                VerifiedContent::ImageSignature => {
                    match missing_annotation(authority, &verified.signer.annotations) {
                        Some(reason) => self.failures.push(reason),
                        None => self.signatures.push(*verified),
                    }
                }
                VerifiedContent::Attestation(_) => self.attestations.push(*verified),
            },
        }
    }
}

fn missing_annotation(authority: &Authority, signed: &BTreeMap<String, String>) -> Option<Reason> {
    let (key, expected) = authority
        .annotations
        .iter()
        .find(|(key, expected)| signed.get(*key) != Some(expected))?;
    let found = match signed.get(key) {
        Some(found) => format!("found {found:?}"),
        None => "found none".to_owned(),
    };
    Some(Reason::new(
        Code::AnnotationMismatch,
        format!("expected the signed annotation {key:?} to be {expected:?}, {found}"),
    ))
}

/// Whether enough distinct signers signed the image, and if not, why.
fn judge_require(
    policy: &Policy,
    findings: &[Findings],
    found: &Discovered,
) -> (Passed, Vec<Reason>) {
    let (count, of) = match &policy.require {
        Require::AttestationsOnly => return (Passed::Passed, Vec::new()),
        Require::AtLeast { count, of } => (*count, of),
    };
    let listed = || of.iter().filter_map(|index| findings.get(*index));
    let vouching = distinct_signers(listed().map(Findings::signers));
    if vouching >= count && count > 0 {
        return (Passed::Passed, Vec::new());
    }
    // What lets in without proof takes no signer from anybody.
    let unproven = listed().filter(|f| f.passes_unproven()).count();
    let proven = listed().filter(|f| !f.passes_unproven());
    let proven = distinct_signers(proven.map(Findings::signers));
    if unproven + proven >= count && count > 0 {
        return (Passed::Unproven, Vec::new());
    }
    let signed = listed().filter(|f| !f.signatures.is_empty()).count();
    let mut reasons = Vec::new();
    if count > 1 {
        let names: Vec<_> = of
            .iter()
            .filter_map(|index| policy.authority(*index))
            .map(|authority| authority.name.as_str())
            .collect();
        reasons.push(Reason::new(
            Code::ThresholdNotMet,
            format!(
                "expected image signatures by at least {count} distinct signers, each for another of \
                 the authorities {}, found {vouching}{}",
                names.join(", "),
                match signed > vouching {
                    true => format!(
                        ": what {signed} of the authorities accept was made by fewer signers than that"
                    ),
                    false => String::new(),
                }
            ),
        ));
    }
    let some_failed = findings.iter().any(|f| !f.failures.is_empty());
    if !some_failed && vouching == 0 {
        reasons.push(nothing_found(findings, found));
    }
    (Passed::Failed, reasons)
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
    for verified in rule
        .from
        .iter()
        .filter_map(|index| findings.get(*index))
        .flat_map(|f| &f.attestations)
    {
        let VerifiedContent::Attestation(statement) = &verified.content else {
            continue;
        };
        if statement.predicate_type() != rule.predicate_type {
            other_types.insert(statement.predicate_type().to_owned(), ());
            continue;
        }
        match statement.meets(&rule.conditions) {
            Ok(()) => {
                let name = format!("{}/{}", policy.name, rule.name);
                return Ok(statement.report(name, verified.signer.clone()));
            }
            Err(reason) => reasons.push(reason),
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
            name: policy.name.clone(),
            revision: policy.revision,
            mode: policy.mode,
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
    for (authority, findings) in policy.authorities.iter().zip(findings) {
        let attests = judged
            .attestations
            .iter()
            .any(|a| findings.attestations.iter().any(|v| v.signer == a.signer));
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
            for unproven in findings.unproven {
                judged.valid_until = earliest(judged.valid_until, unproven.valid_until);
                judged.checks.extend(unproven.checks);
            }
            judged.checks.extend(findings.unseen.unwrap_or_default());
        }
        for verified in findings.signatures.into_iter().chain(findings.attestations) {
            judged.valid_until = earliest(judged.valid_until, verified.valid_until);
            judged.signers.push(verified.signer);
            judged.checks.extend(verified.checks);
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

fn earliest(a: Option<UnixTime>, b: Option<UnixTime>) -> Option<UnixTime> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// A verdict in the making.
struct Draft {
    verdict: Verdict,
    enforced_failed: bool,
    warned: bool,
    unproven: bool,
}

impl Draft {
    fn new(
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
                checks: Vec::new(),
                reasons: Vec::new(),
                trust_revision,
                valid_until: None,
            },
            enforced_failed: false,
            warned: false,
            unproven: false,
        }
    }

    fn refused(mut self, reason: Reason) -> Verdict {
        self.verdict.outcome = reason.code.class().into();
        self.verdict.reasons.push(reason);
        self.verdict
    }

    fn without_policy(mut self, evidence: &Evidence, no_match: NoMatch) -> Verdict {
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

    fn add(&mut self, policy: &Policy, judged: Judged) {
        match (judged.report.outcome, policy.mode) {
            (Passed::Passed, _) => {}
            (Passed::Unproven, _) => self.unproven = true,
            (Passed::Failed, Mode::Enforce) => self.enforced_failed = true,
            (Passed::Failed, Mode::Warn) => self.warned = true,
        }
        let verdict = &mut self.verdict;
        verdict.policies.push(judged.report);
        verdict.signers.extend(judged.signers);
        verdict.attestations.extend(judged.attestations);
        verdict.checks.extend(judged.checks);
        verdict.reasons.extend(judged.reasons);
        verdict.valid_until = earliest(verdict.valid_until, judged.valid_until);
    }

    fn finish(mut self, found: &Discovered) -> Verdict {
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
            verdict.reasons.extend(found.broken.iter().cloned());
            verdict.reasons.extend(found.ignored.iter().cloned());
        }
        verdict.reasons = reason::most_specific(std::mem::take(&mut verdict.reasons));
        verdict.outcome = match (self.enforced_failed, self.warned, self.unproven) {
            (true, _, _) => refusal(&verdict.reasons),
            (false, true, _) => Outcome::Warned,
            (false, false, true) => Outcome::Unproven,
            (false, false, false) => Outcome::Verified,
        };
        verdict.verified = !verdict.policies.is_empty() && verdict.outcome.admits();
        self.verdict
    }
}

/// The class of the most telling reason.
fn refusal(reasons: &[Reason]) -> Outcome {
    reasons
        .iter()
        .map(|reason| reason.code.class())
        .max()
        .map_or(Outcome::Untrusted, Outcome::from)
}
