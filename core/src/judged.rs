//! Whether a policy passes, with everything that a verdict tells of it.

use std::collections::BTreeSet;

use crate::attested;
use crate::demanded::{self, Demanded};
use crate::digest::Digest;
use crate::discovery::{self, Discovered};
use crate::evidence::Evidence;
use crate::findings::{Findings, judge_authorities};
use crate::judgement::{Context, LetIn};
use crate::policy::condition::Circumstances;
use crate::policy::{AttestationRule, Authority, Policy, Require, Ways};
use crate::reason::{self, Reason};
use crate::target::Target;
use crate::time::{UnixTime, earliest};
use crate::trust::TrustMaterial;
use crate::undecided::Undecided;
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

/// What is judged, and by what.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) evidence: &'a Evidence,
    pub(crate) trust: &'a TrustMaterial,
    pub(crate) now: UnixTime,
}

/// Judges an image by each of these policies, and says what lies beside it. Its platforms, if it has
/// some, are not looked at.
pub(crate) fn judge_image(
    policies: &[&Policy],
    asked: &Question<'_>,
) -> Result<(Vec<Judged>, Discovered), Undecided> {
    let evidence = asked.evidence;
    let digest = evidence.subject.digest();
    let mut found = discovery::discover(evidence, &digest);
    let context = |policy: &Policy, authority: &Authority| Context {
        target: Target::image(&evidence.subject),
        evidence,
        trust: asked.trust,
        now: asked.now,
        authority_name: format!("{}/{}", policy.name(), authority.name),
    };
    let findings = judge_authorities(policies, &mut found, context)?;
    let circumstances = Circumstances {
        subject: &evidence.subject,
        request: &evidence.request,
        now: asked.now,
        digest,
    };
    let judged = policies.iter().zip(findings);
    let judged = judged
        .map(|(policy, findings)| judge_policy(policy, findings, &found, &circumstances))
        .collect();
    Ok((judged, found))
}

/// Judges a policy by what its authorities found: it passes if all that it demands is met.
fn judge_policy(
    policy: &Policy,
    findings: Vec<Findings>,
    found: &Discovered,
    asked: &Circumstances<'_>,
) -> Judged {
    let mut whole = Tried::default();
    whole
        .demanded
        .extend(demanded::signatures(policy, &findings, found));
    if let Require::OneOf(ways) = policy.require() {
        whole = one_of(whole, ways, policy, &findings, asked);
    }
    let rules = (policy.attestations(), policy.judging_order());
    whole.attest(rules, policy, &findings, asked);
    let outcome = whole.outcome();
    assemble(policy, findings, whole, outcome)
}

/// Something that must be met in all its parts.
#[derive(Default)]
struct Tried {
    demanded: Vec<Demanded>,
    attestations: Vec<Attestation>,
}

impl Tried {
    /// Demands these attestations, too, which are judged in this order.
    fn attest(
        &mut self,
        rules: (&[AttestationRule], &[usize]),
        policy: &Policy,
        findings: &[Findings],
        asked: &Circumstances<'_>,
    ) {
        for (one, attestation) in attested::judge(rules, policy, findings, asked) {
            self.demanded.push(one);
            self.attestations.extend(attestation);
        }
    }

    fn outcome(&self) -> Passed {
        let outcomes = || self.demanded.iter().map(|one| one.demand.outcome);
        // A policy demands something; if it did not, nothing would be proven.
        match outcomes().any(|one| one == Passed::Failed) || self.demanded.is_empty() {
            true => Passed::Failed,
            false if outcomes().all(|one| one == Passed::Passed) => Passed::Passed,
            false => Passed::Unproven,
        }
    }
}

/// The way that is met, which is proof if one of them is; all of them if none is met.
fn one_of(
    signed: Tried,
    ways: &Ways,
    policy: &Policy,
    findings: &[Findings],
    asked: &Circumstances<'_>,
) -> Tried {
    let mut tried = vec![signed];
    for rules in ways.attesting() {
        let mut way = Tried::default();
        // None reads another.
        let order: Vec<_> = (0..rules.len()).collect();
        way.attest((rules, &order), policy, findings, asked);
        tried.push(way);
    }
    for met in [Passed::Passed, Passed::Unproven] {
        if let Some(at) = tried.iter().position(|way| way.outcome() == met) {
            return tried.swap_remove(at);
        }
    }
    let mut all = Tried::default();
    for way in tried {
        all.demanded.extend(way.demanded);
        all.attestations.extend(way.attestations);
    }
    all
}

fn assemble(policy: &Policy, findings: Vec<Findings>, tried: Tried, outcome: Passed) -> Judged {
    let (mut demands, mut reasons, mut lacking) = (Vec::new(), Vec::new(), BTreeSet::new());
    let mut helping = BTreeSet::new();
    let mut until = None;
    for one in tried.demanded {
        until = earliest(until, one.until);
        demands.push(one.demand);
        reasons.extend(one.reasons);
        lacking.extend(one.lacking);
        helping.extend(one.helping);
    }
    let reasons = reason::most_specific(reasons);
    let mut judged = Judged {
        report: PolicyReport {
            name: policy.name().to_owned(),
            revision: policy.revision(),
            mode: policy.mode(),
            platform: None,
            outcome,
            demands,
            authorities: Vec::new(),
            reasons,
        },
        signers: Vec::new(),
        attestations: tried.attestations,
        checks: Vec::new(),
        failures: Vec::new(),
        valid_until: until,
    };
    for (place, (authority, findings)) in policy.authorities().iter().zip(findings).enumerate() {
        let part = match (lacking.contains(&place), helping.contains(&place)) {
            (true, _) => Doing::Lacks,
            (false, true) => Doing::Helps,
            (false, false) => Doing::Nothing,
        };
        judged.add(&authority.name, &findings, part);
    }
    judged
}

/// What an authority does beside what is demanded of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// Its part is missing.
    Lacks,
    /// Its VEX documents made vulnerabilities not count.
    Helps,
    Nothing,
}

impl Judged {
    /// The policy refuses for this reason, without a look at any signature.
    pub(crate) fn refusing(policy: &Policy, reason: Reason) -> Self {
        let mut judged = assemble(policy, Vec::new(), Tried::default(), Passed::Failed);
        judged.report.reasons.push(reason);
        judged
    }

    /// What it reports of a platform, and neither signers nor reasons.
    pub(crate) fn reported_about(&self, platform: Digest) -> Self {
        Self {
            report: self.report.about(platform),
            signers: Vec::new(),
            attestations: Vec::new(),
            checks: Vec::new(),
            failures: Vec::new(),
            valid_until: self.valid_until,
        }
    }

    /// The same, to be judged anew at that time at the latest.
    pub(crate) fn until(&mut self, time: Option<UnixTime>) {
        self.valid_until = earliest(self.valid_until, time);
    }

    /// The same for these reasons.
    pub(crate) fn because(mut self, own: Vec<Reason>, failures: Vec<Reason>) -> Self {
        self.report.reasons = reason::most_specific(own);
        self.failures = failures;
        self
    }

    /// Adds what an authority found.
    fn add(&mut self, authority: &str, findings: &Findings, doing: Doing) {
        let lacks = doing == Doing::Lacks;
        let outcome = match outcome_of(findings, &self.attestations) {
            Passed::Failed if doing == Doing::Helps => Passed::Passed,
            outcome => outcome,
        };
        // Beside what proves something, what does not is noise: anybody may add it.
        if outcome == Passed::Unproven {
            for unproven in &findings.unproven {
                self.rest_on(unproven);
            }
            self.checks
                .extend(findings.unseen.iter().flatten().cloned());
        }
        for verified in findings.signatures.iter().chain(&findings.attestations) {
            self.signers.push(verified.signer().clone());
            self.rest_on(verified);
        }
        if self.report.outcome == Passed::Failed && outcome == Passed::Failed {
            self.checks.extend(findings.failed_checks().cloned());
        }
        let failures = findings.failures().chain(&findings.refusal);
        let failures = reason::most_specific(failures.cloned().collect());
        if lacks {
            self.failures.extend(failures.iter().cloned());
        }
        self.report.authorities.push(AuthorityReport {
            name: authority.to_owned(),
            outcome,
            reasons: match lacks || outcome == Passed::Failed {
                true => failures,
                false => Vec::new(),
            },
        });
    }

    /// It holds as long as this does, after its checks.
    fn rest_on<Who, What>(&mut self, let_in: &LetIn<Who, What>) {
        self.valid_until = earliest(self.valid_until, let_in.valid_until());
        self.checks.extend_from_slice(let_in.checks());
    }
}

/// What an authority makes of the image, which may have signed one of these attestations.
fn outcome_of(findings: &Findings, attestations: &[Attestation]) -> Passed {
    let attests = |attestation: &Attestation| {
        let mut own = findings.attestations.iter();
        own.any(|verified| *verified.signer() == attestation.signer)
    };
    if !findings.signatures.is_empty() || attestations.iter().any(attests) {
        Passed::Passed
    } else if findings.passes_unproven() {
        Passed::Unproven
    } else {
        Passed::Failed
    }
}
