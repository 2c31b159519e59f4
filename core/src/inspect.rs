//! What is beside an image, by whom it claims to be, and what of it verifies by somebody's trust:
//! for people who look, and judged by no policy.
//!
//! [`inspect`] never says that an image may run. What it gives is made here alone, and nothing
//! that decides reads it: [`crate::verify`] does not know this module.

mod index;

use serde::Serialize;
use serde_json::Value;

use crate::budget;
use crate::digest::Digest;
use crate::discovery::{self, Discovered};
use crate::evidence::{Artifact, Evidence, Source};
use crate::formats::{Candidate, Found, Judge, Memory};
use crate::judgement::{Context, Judgement, Says, Verified};
use crate::manifest::Manifest;
use crate::policy::Policies;
use crate::reason::Reason;
use crate::target::Target;
use crate::time::UnixTime;
use crate::trust::TrustMaterial;
use crate::undecided::Undecided;
use crate::verdict::Signer;
use crate::verify::image_mismatch;

pub use crate::claimed::{ClaimedContent, ClaimedSigner, ClaimedSource, ClaimedTime, Claims};
pub use index::Unsigned;

/// What is beside an image.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Inspection {
    /// The image's digest: that of the bytes that were given.
    pub digest: Digest,
    /// Why nothing was looked at: the manifest is not the one that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mismatch: Option<Reason>,
    /// What is attached, in the order of the evidence.
    pub artifacts: Vec<Attached>,
    /// What the image's own index lists beside its platforms, which nobody signed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unsigned: Vec<Unsigned>,
    /// What claims to be a signature and cannot be read, and what was left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Reason>,
}

/// An artifact beside the image.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attached {
    /// Its manifest's digest.
    pub digest: Digest,
    /// How it was found.
    pub source: &'static str,
    /// What it says it is, if its manifest can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Bytes of its manifest, and of the blobs that were fetched.
    pub size: u64,
    /// The signatures in it. One that another artifact has as well stands with the first.
    pub signatures: Vec<Seen>,
}

/// A signature.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// What it says of itself. **Nothing of it is verified.**
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims: Option<Claims>,
    /// Why it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<Reason>,
    /// What became of it by each trust that is one for its kind.
    pub trials: Vec<Trial>,
}

/// What became of a signature by somebody's trust.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trial {
    /// The authority by whose trust it was tried.
    pub by: String,
    /// What is verified, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<Box<Proven>>,
    /// Why it is not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
}

/// What is verified of a signature: it names this image, and it is by this signer. Whether anybody
/// should trust him is not said.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proven {
    /// Who signed.
    pub signer: Signer,
    /// The predicate type of an attestation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicate_type: Option<String>,
    /// What the predicate says, if its type is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facts: Option<Value>,
}

/// Looks at what is beside an image.
///
/// `by` are authorities by whose trust each signature is tried, as [`crate::verify`] would; their
/// policies' scopes, demands and conditions are not looked at, so that identities as wide as
/// "anybody" do no harm here. The work is bounded as that of a verdict.
///
/// Not checked: whether the evidence is complete.
///
/// # Errors
/// If trust material that an authority names is missing.
pub fn inspect(
    evidence: &Evidence,
    by: &Policies,
    trust: &TrustMaterial,
    now: UnixTime,
) -> Result<Inspection, Undecided> {
    budget::metered(|| look(evidence, by, trust, now))
}

fn look(
    evidence: &Evidence,
    by: &Policies,
    trust: &TrustMaterial,
    now: UnixTime,
) -> Result<Inspection, Undecided> {
    let digest = evidence.subject.digest();
    let mut inspection = Inspection {
        digest,
        mismatch: image_mismatch(evidence, digest),
        artifacts: Vec::new(),
        unsigned: Vec::new(),
        unreadable: Vec::new(),
    };
    if inspection.mismatch.is_some() {
        return Ok(inspection);
    }
    let Discovered {
        candidates, broken, ..
    } = discovery::discover(evidence, &digest);
    inspection.unreadable = broken;
    inspection.unsigned = index::unsigned(evidence.subject.manifest.bytes());
    inspection.artifacts = attached(&evidence.artifacts);
    let tries = tries(evidence, by, trust, now);
    for (artifact, seen) in seen(&candidates, &tries, &digest)? {
        let mut artifacts = inspection.artifacts.iter_mut();
        if let Some(attached) = artifacts.find(|one| one.digest == artifact) {
            attached.signatures.push(seen);
        }
    }
    Ok(inspection)
}

/// The artifacts, each once, without their signatures.
fn attached(artifacts: &[Artifact]) -> Vec<Attached> {
    let mut attached: Vec<Attached> = Vec::new();
    for artifact in artifacts.iter().take(crate::limits::ARTIFACTS) {
        let digest = artifact.manifest.digest();
        if attached.iter().any(|one| one.digest == digest) {
            continue;
        }
        let bytes: usize = artifact.blobs.iter().map(|blob| blob.bytes().len()).sum();
        let size = artifact.manifest.bytes().len() + bytes;
        let manifest = Manifest::parse(artifact.manifest.bytes()).ok();
        attached.push(Attached {
            digest,
            source: Source::as_str(artifact.source),
            artifact_type: manifest.map(|manifest| crate::claimed::shortened(manifest.kind())),
            size: u64::try_from(size).unwrap_or(u64::MAX),
            signatures: Vec::new(),
        });
    }
    attached
}

/// An authority by whose trust signatures are tried.
struct Try<'a> {
    judge: Judge<'a>,
    context: Context<'a>,
}

fn tries<'a>(
    evidence: &'a Evidence,
    by: &'a Policies,
    trust: &'a TrustMaterial,
    now: UnixTime,
) -> Vec<Try<'a>> {
    let mut tries = Vec::new();
    for policy in &by.policies {
        for authority in policy.authorities() {
            let authority_name = authority.name.clone();
            tries.push(Try {
                judge: Judge::of(authority, &authority_name),
                context: Context {
                    target: Target::image(&evidence.subject),
                    evidence,
                    trust,
                    now,
                    authority_name,
                },
            });
        }
    }
    tries
}

/// Each candidate in its place, the smallest read first, as for a verdict: megabytes come last.
fn seen(
    candidates: &[Found],
    tries: &[Try<'_>],
    image: &Digest,
) -> Result<Vec<(Digest, Seen)>, Undecided> {
    let mut order: Vec<_> = candidates.iter().enumerate().collect();
    order.sort_by_key(|(index, found)| (found.size(), *index));
    let memory = Memory::default();
    let mut all = Vec::with_capacity(candidates.len());
    for (index, found) in order {
        all.push((index, found.artifact(), see(found, tries, image, &memory)?));
    }
    all.sort_by_key(|(index, ..)| *index);
    Ok(all
        .into_iter()
        .map(|(_, artifact, seen)| (artifact, seen))
        .collect())
}

fn see(
    found: &Found,
    tries: &[Try<'_>],
    image: &Digest,
    memory: &Memory,
) -> Result<Seen, Undecided> {
    let read = budget::share(|| found.read().map(|read| (read.claims(image), read)));
    let (claims, candidate) = match read.unwrap_or_else(|exceeded| Err(exceeded.into())) {
        Ok(read) => read,
        Err(reason) => {
            return Ok(Seen {
                claims: None,
                unreadable: Some(reason),
                trials: Vec::new(),
            });
        }
    };
    let mut trials = Vec::new();
    for one in tries {
        trials.extend(tried(&candidate, one, image, memory)?);
    }
    Ok(Seen {
        claims: Some(claims),
        unreadable: None,
        trials,
    })
}

/// What becomes of a candidate by an authority; nothing if that looks at none of its kind.
fn tried(
    candidate: &Candidate,
    one: &Try<'_>,
    image: &Digest,
    memory: &Memory,
) -> Result<Option<Trial>, Undecided> {
    let judged = budget::share(|| candidate.judge(&one.judge, &one.context, memory));
    let judgement = match judged {
        Ok(judgement) => judgement?,
        Err(exceeded) => Reason::from(exceeded).into(),
    };
    let (verified, reasons) = match judgement {
        // What a level lets in without proof is not verified, and there is no signer to show.
        Judgement::NotApplicable | Judgement::Unproven(_) => return Ok(None),
        Judgement::Failed { reasons, .. } => (None, reasons),
        Judgement::Passed(verified) => (Some(Box::new(proven(&verified, image))), Vec::new()),
    };
    Ok(Some(Trial {
        by: one.context.authority_name.clone(),
        verified,
        reasons,
    }))
}

fn proven(verified: &Verified, image: &Digest) -> Proven {
    let statement = match verified.says() {
        Says::ImageSignature => None,
        Says::Attestation(statement) => Some(statement),
    };
    Proven {
        signer: verified.signer().clone(),
        predicate_type: statement.map(|one| one.predicate_type().to_owned()),
        facts: statement.and_then(|one| one.facts(image)),
    }
}
