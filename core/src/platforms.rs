//! Policies that ask every platform of an image index for itself (`platforms: each`).
//!
//! The index is judged by none of them: it is a list of digests, and what runs is one of the
//! manifests in it. Each of those must satisfy the policy as an image does that is asked about
//! directly, by what lies beside itself.

use crate::budget;
use crate::draft::Draft;
use crate::evidence::{Evidence, Platform, Subject};
use crate::index::{Index, Listed, Shape};
use crate::judged::{Judged, Question, judge_image};
use crate::limits;
use crate::policy::{Policies, Policy};
use crate::reason::{Code, Reason};
use crate::undecided::Undecided;
use crate::verdict::{Passed, PlatformVerdict};

/// What became of the policies that ask for every platform, and of each platform.
#[derive(Default)]
pub(crate) struct Parts {
    /// Of each policy, in their order.
    pub(crate) judged: Vec<Judged>,
    /// Of each platform, in the order of the index.
    pub(crate) platforms: Vec<PlatformVerdict>,
}

/// Judges every platform by each of the policies. Where there is no platform, none passes.
pub(crate) fn judge(
    index: &Index,
    policies: &[&Policy],
    all: &Policies,
    asked: &Question<'_>,
) -> Result<Parts, Undecided> {
    let count = index.platforms.len();
    let mut sums: Vec<_> = policies.iter().map(|_| Sum::default()).collect();
    let mut platforms = Vec::with_capacity(count);
    for (place, listed) in index.platforms.iter().enumerate() {
        let judge = || judge_platform(listed, policies, asked);
        let (judged, beside) = budget::portion(count - place, judge)?;
        let revision = asked.trust.revision_for(&all.trust_names());
        let mut draft = Draft::new(asked.evidence, all, listed.digest, revision);
        draft.show(limits::PREDICATES_BYTES / (count + 1));
        let mut judged = judged.into_iter();
        for (policy, sum) in policies.iter().zip(&mut sums) {
            let refused = || Judged::refusing(policy, no_platforms());
            let judged = judged.next().unwrap_or_else(refused);
            sum.add(listed, &judged, &beside);
            draft.add(policy, judged);
        }
        platforms.push(PlatformVerdict::new(
            listed.names.clone(),
            draft.finish(&beside),
        ));
    }
    Ok(Parts {
        judged: sums
            .into_iter()
            .zip(policies)
            .map(|(sum, policy)| sum.finish(policy))
            .collect(),
        platforms,
    })
}

/// Every policy refuses the image for this reason.
pub(crate) fn refused(policies: &[&Policy], reason: &Reason) -> Vec<Judged> {
    let refuse = |policy: &&Policy| Judged::refusing(policy, reason.clone());
    policies.iter().map(refuse).collect()
}

/// What the policies make of one platform, and why else it may be refused.
fn judge_platform(
    listed: &Listed,
    policies: &[&Policy],
    asked: &Question<'_>,
) -> Result<(Vec<Judged>, Vec<Reason>), Undecided> {
    let evidence = match evidence_of(listed, asked.evidence) {
        Ok(evidence) => evidence,
        Err(reason) => return Ok((refused(policies, &reason), Vec::new())),
    };
    let asked = Question {
        evidence: &evidence,
        ..*asked
    };
    let (judged, found) = judge_image(policies, &asked)?;
    Ok((judged, found.beside().cloned().collect()))
}

/// The evidence about one platform, as if it had been asked about.
fn evidence_of(listed: &Listed, evidence: &Evidence) -> Result<Evidence, Reason> {
    let same = |one: &&Platform| one.manifest.digest_like(&listed.digest) == listed.digest;
    let Some(platform) = evidence.platforms.iter().find(same) else {
        let mut omitted = evidence.omitted.iter();
        let why = omitted.find(|one| one.digest == Some(listed.digest));
        return Err(Reason::new(
            Code::PlatformMissing,
            match why {
                Some(omission) => format!("its manifest was not fetched: {}", omission.why),
                None => "its manifest is not in the evidence".to_owned(),
            },
        ));
    };
    let malformed = |why: String| Reason::new(Code::IndexMalformed, why);
    match Shape::of(platform.manifest.bytes()) {
        Ok(Shape::Image) => Ok(Evidence {
            request: evidence.request.clone(),
            subject: Subject {
                reference: evidence.subject.reference.at(listed.digest),
                media_type: platform.media_type.clone(),
                manifest: platform.manifest.clone(),
            },
            artifacts: platform.artifacts.clone(),
            omitted: platform.omitted.clone(),
            revocation: evidence.revocation.clone(),
            platforms: Vec::new(),
        }),
        Ok(Shape::Index(_)) => Err(malformed(
            "expected the manifest of a platform, found an index within the index".to_owned(),
        )),
        Err(error) => Err(malformed(format!(
            "expected the manifest of a platform: {error}"
        ))),
    }
}

/// What became of one policy, over all platforms.
#[derive(Default)]
struct Sum {
    worst: Option<Judged>,
    reasons: Vec<Reason>,
    failures: Vec<Reason>,
}

impl Sum {
    fn add(&mut self, listed: &Listed, judged: &Judged, beside: &[Reason]) {
        let of_platform =
            |reason: &Reason| Reason::new(reason.code, format!("{listed}: {}", reason.message));
        if judged.report.outcome == Passed::Failed {
            self.reasons
                .extend(judged.report.reasons.iter().map(of_platform));
            let failures = judged.failures.iter().chain(beside);
            self.failures.extend(failures.map(of_platform));
        }
        let until = judged.valid_until;
        match &mut self.worst {
            Some(worst) => {
                worst.until(until);
                if severity(judged.report.outcome) > severity(worst.report.outcome) {
                    worst.report = judged.report.about(listed.digest);
                }
            }
            none => *none = Some(judged.reported_about(listed.digest)),
        }
    }

    fn finish(self, policy: &Policy) -> Judged {
        match self.worst {
            Some(worst) => worst.because(self.reasons, self.failures),
            None => Judged::refusing(policy, no_platforms()),
        }
    }
}

/// Where there is nothing to judge, nothing passes.
pub(crate) fn no_platforms() -> Reason {
    Reason::new(
        Code::NoPlatforms,
        "expected the manifests of platforms in the image index, found none that a container runtime \
         would run",
    )
}

/// Of several outcomes the worst counts.
fn severity(outcome: Passed) -> u8 {
    match outcome {
        Passed::Passed => 0,
        Passed::Unproven => 1,
        Passed::Failed => 2,
    }
}
