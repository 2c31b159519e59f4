//! The verdict: which policies cover the image, who vouches for it, and whether
//! that is enough.

use crate::budget;
use crate::digest::Digest;
use crate::draft::Draft;
use crate::evidence::Evidence;
use crate::index::{Attested, Index, IndexError, Shape};
use crate::judged::{Judged, Question, judge_image};
use crate::platforms::{self, Parts};
use crate::policy::{Action, Platforms, Policies, Policy};
use crate::reason::{Code, Reason};
use crate::time::UnixTime;
use crate::trust::TrustMaterial;
use crate::undecided::Undecided;
use crate::verdict::{Check, CheckResult, Verdict};

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
///    One that asks for each platform of an image index judges each in the index's place.
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

/// As [`verify`], and what it cost.
#[cfg(feature = "internals")]
pub(crate) fn verify_at_cost(
    evidence: &Evidence,
    policies: &Policies,
    trust: &TrustMaterial,
    now: UnixTime,
) -> (Result<Verdict, Undecided>, budget::Costs) {
    budget::metered_at_cost(|| judge(evidence, policies, trust, now))
}

/// As [`verify`], without a budget: the difference is what counting costs.
#[cfg(feature = "internals")]
pub(crate) fn verify_uncounted(
    evidence: &Evidence,
    policies: &Policies,
    trust: &TrustMaterial,
    now: UnixTime,
) -> Result<Verdict, Undecided> {
    judge(evidence, policies, trust, now)
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
    // (3) to (6)
    let asked = Question {
        evidence,
        trust,
        now,
    };
    let index = index(evidence, &covering);
    let is_apart =
        |policy: &Policy| policy.platforms() == Platforms::Each && !matches!(index, Ok(None));
    let (apart, together): (Vec<_>, Vec<_>) = covering
        .iter()
        .copied()
        .partition(|policy| is_apart(policy));
    let (judged, beside): (Vec<Judged>, Vec<Reason>) = match together.is_empty() {
        true => Default::default(),
        false => {
            let platforms = index.as_ref().map_or(0, |index| {
                index.as_ref().map_or(0, |index| index.platforms.len())
            });
            let judge = || judge_image(&together, &asked);
            let (judged, found) = budget::portion(platforms + 1, judge)?;
            (judged, found.beside().cloned().collect())
        }
    };
    let parts = match &index {
        Ok(None) => Parts::default(),
        Ok(Some(index)) => platforms::judge(index, &apart, policies, &asked)?,
        Err(reason) => Parts {
            judged: platforms::refused(&apart, reason),
            platforms: Vec::new(),
        },
    };
    let (mut judged, mut by_platform) = (judged.into_iter(), parts.judged.into_iter());
    for policy in covering {
        let next = match is_apart(policy) {
            true => by_platform.next(),
            false => judged.next(),
        };
        let refused = || Judged::refusing(policy, platforms::no_platforms());
        draft.add(policy, next.unwrap_or_else(refused));
    }
    if draft.lacks_attestation() {
        draft.note(unsigned_attestations(evidence));
    }
    let mut verdict = draft.finish(&beside);
    verdict.platforms = parts.platforms;
    Ok(verdict)
}

/// What BuildKit says of the platforms of an index, and nobody signed: so it is proof of nothing.
fn unsigned_attestations(evidence: &Evidence) -> Vec<Check> {
    let Ok(Shape::Index(index)) = Shape::of(evidence.subject.manifest.bytes()) else {
        return Vec::new();
    };
    let check = |attested: &Attested| Check {
        artifact: Some(attested.digest),
        name: "attestations of BuildKit".to_owned(),
        action: Action::Skip,
        result: CheckResult::Skipped,
        detail: Some(format!(
            "the index lists them{}; nobody signed them by themselves, so they prove nothing: sign what \
             they say with cosign attest",
            attested
                .about
                .map_or_else(String::new, |about| format!(" for {about}"))
        )),
    };
    index.attestations.iter().map(check).collect()
}

/// The image as an index of platforms, if it is one and a policy asks for each of them.
fn index(evidence: &Evidence, covering: &[&Policy]) -> Result<Option<Index>, Reason> {
    if covering
        .iter()
        .all(|one| one.platforms() == Platforms::Index)
    {
        return Ok(None);
    }
    match Shape::of(evidence.subject.manifest.bytes()) {
        Ok(Shape::Image) => Ok(None),
        Ok(Shape::Index(index)) => Ok(Some(index)),
        Err(error @ IndexError::TooMany) => {
            Err(Reason::new(Code::LimitExceeded, error.to_string()))
        }
        Err(error) => Err(Reason::new(Code::IndexMalformed, error.to_string())),
    }
}

/// The reference may name a digest, and then the manifest must have it.
pub(crate) fn image_mismatch(evidence: &Evidence, digest: Digest) -> Option<Reason> {
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
    let covers = |policy: &&Policy| policy.scope().covers(&evidence.subject, request);
    let Some(name) = &request.policy else {
        return Ok(policies.policies.iter().filter(covers).collect());
    };
    let named = policies.named(name);
    let named = named.ok_or_else(|| Undecided::PolicyUnknown(name.clone()))?;
    let judges = request.beyond_scope || covers(&named);
    Ok(judges.then_some(named).into_iter().collect())
}
