//! The verdict: which policies cover the image, who vouches for it, and whether
//! that is enough.

use crate::budget;
use crate::digest::Digest;
use crate::discovery;
use crate::draft::Draft;
use crate::evidence::Evidence;
use crate::findings::judge_authorities;
use crate::judged::judge_policy;
use crate::judgement::Context;
use crate::policy::condition::Circumstances;
use crate::policy::{Authority, Policies, Policy};
use crate::reason::{Code, Reason};
use crate::target::Target;
use crate::time::UnixTime;
use crate::trust::TrustMaterial;
use crate::undecided::Undecided;
use crate::verdict::Verdict;

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
    // (3) the candidates
    let mut found = discovery::discover(evidence, &digest);
    // (4) to (6)
    let context = |policy: &Policy, authority: &Authority| Context {
        target: Target::image(&evidence.subject),
        evidence,
        trust,
        now,
        authority_name: format!("{}/{}", policy.name(), authority.name),
    };
    let findings = judge_authorities(&covering, &mut found, context)?;
    let asked = Circumstances {
        subject: &evidence.subject,
        request: &evidence.request,
        now,
    };
    for (policy, findings) in covering.into_iter().zip(findings) {
        draft.add(policy, judge_policy(policy, findings, &found, &asked));
    }
    Ok(draft.finish(&found))
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
