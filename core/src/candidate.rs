//! Candidates: the signed things that the evidence holds, whatever their format.
//!
//! Each format turns artifacts into candidates ([`discover`]) and judges a candidate
//! for one authority ([`Candidate::judge`]). A new format is one more variant here and
//! a folder of its own; nothing else changes.

use std::collections::{BTreeMap, BTreeSet};

use crate::cosign;
use crate::digest::Digest;
use crate::evidence::{Artifact, Evidence};
use crate::limits;
use crate::manifest::{Descriptor, Manifest, ManifestError};
use crate::notation;
use crate::policy::{Authority, AuthorityKind};
use crate::reason::{Code, Reason};
use crate::sigstore;
use crate::statement::VerifiedStatement;
use crate::time::UnixTime;
use crate::trust::TrustMaterial;
use crate::undecided::Undecided;
use crate::verdict::{Check, Signer};

/// What a candidate is judged with.
pub(crate) struct Context<'a> {
    /// The digest of the image.
    pub(crate) digest: Digest,
    /// Everything found, for what formats need beside the candidate itself.
    pub(crate) evidence: &'a Evidence,
    /// The anchors.
    pub(crate) trust: &'a TrustMaterial,
    /// The time of the verdict.
    pub(crate) now: UnixTime,
    /// `policy/authority`, as verdicts name it.
    pub(crate) authority_name: String,
}

/// One signed thing, not verified yet.
#[derive(Debug)]
pub(crate) enum Candidate {
    /// A Sigstore signature: a cosign layer or a bundle.
    Sigstore(sigstore::SignedEntity),
    /// A Notary Project envelope.
    Notation(notation::SignedEnvelope),
}

/// A candidate that an authority accepts. Only the formats' verification makes one.
#[derive(Clone, Debug)]
pub(crate) struct Verified {
    /// Who signed.
    pub(crate) signer: Signer,
    /// What was signed.
    pub(crate) content: VerifiedContent,
    /// What was enforced, logged or skipped on the way.
    pub(crate) checks: Vec<Check>,
    /// When this must be verified anew at the latest.
    pub(crate) valid_until: Option<UnixTime>,
}

/// An image signature that a level lets in although nobody trusted is known to have made it:
/// so there is no signer to show.
#[derive(Clone, Debug)]
pub(crate) struct Unproven {
    /// What stands under the signature.
    pub(crate) annotations: BTreeMap<String, String>,
    /// What was enforced, logged or skipped on the way.
    pub(crate) checks: Vec<Check>,
    /// When this must be verified anew at the latest.
    pub(crate) valid_until: Option<UnixTime>,
}

/// What a verified signature says about the image. Bound to its digest.
#[derive(Clone, Debug)]
pub(crate) enum VerifiedContent {
    /// "I signed this image."
    ImageSignature,
    /// "I attest this of the image."
    Attestation(VerifiedStatement),
}

/// What became of a candidate for one authority.
pub(crate) enum Judgement {
    /// It is of a kind that this authority does not judge.
    NotApplicable,
    /// It does not pass.
    Failed {
        /// Why, at least one.
        reasons: Vec<Reason>,
        /// What was enforced, logged or skipped on the way.
        checks: Vec<Check>,
    },
    /// Its level lets it in, and who signed it is not known.
    Unproven(Unproven),
    /// It passes.
    Passed(Box<Verified>),
}

impl From<Reason> for Judgement {
    fn from(reason: Reason) -> Self {
        Self::Failed {
            reasons: vec![reason],
            checks: Vec::new(),
        }
    }
}

impl Candidate {
    /// Judges this candidate for one authority.
    pub(crate) fn judge(
        &self,
        authority: &Authority,
        context: &Context<'_>,
    ) -> Result<Judgement, Undecided> {
        match (self, &authority.trust) {
            (Self::Sigstore(entity), AuthorityKind::Key(_) | AuthorityKind::Keyless(_)) => {
                sigstore::judge(entity, authority, context)
            }
            (Self::Notation(envelope), AuthorityKind::Notation(trust)) => {
                notation::judge(envelope, trust, authority, context)
            }
            (_, _) => Ok(Judgement::NotApplicable),
        }
    }
}

/// All that was found, in the order of the evidence.
#[derive(Debug, Default)]
pub(crate) struct Discovered {
    /// What can be judged.
    pub(crate) candidates: Vec<Candidate>,
    /// What claims to be a signature but cannot be read, and why.
    pub(crate) broken: Vec<Reason>,
    /// What is not for us, and why.
    pub(crate) ignored: Vec<Reason>,
}

/// The layers of an artifact that a verification reads, at most [`limits::LAYERS`]: those to
/// fetch. None for an artifact that belongs to somebody else.
pub fn signed_layers(manifest: &Manifest) -> Vec<&Descriptor> {
    let layers = manifest.layers.iter().take(limits::LAYERS);
    if cosign::claims(manifest) {
        layers.filter(|layer| cosign::is_signed(layer)).collect()
    } else if sigstore::claims(manifest) || notation::claims(manifest) {
        // They have one layer. What has more is malformed, and fetching it helps nobody.
        layers.take(1).collect()
    } else {
        Vec::new()
    }
}

/// Reads every artifact of the evidence.
pub(crate) fn discover(evidence: &Evidence, digest: &Digest) -> Discovered {
    let mut found = Discovered::default();
    let mut seen = BTreeSet::new();
    for artifact in evidence.artifacts.iter().take(limits::ARTIFACTS) {
        // The same manifest may be listed by the API and by the fallback tag.
        if seen.insert((artifact.manifest.digest(), artifact.source.is_referrer())) {
            found.read(artifact, digest);
        }
    }
    for omission in &evidence.omitted {
        found.broken.push(Reason::new(
            Code::LimitExceeded,
            format!(
                "not everything beside the image was fetched: {}",
                omission.why
            ),
        ));
    }
    if evidence.artifacts.len() > limits::ARTIFACTS {
        found.broken.push(too_many(
            "artifacts",
            evidence.artifacts.len(),
            limits::ARTIFACTS,
        ));
    }
    if found.candidates.len() > limits::CANDIDATES {
        found.broken.push(too_many(
            "signatures",
            found.candidates.len(),
            limits::CANDIDATES,
        ));
        found.candidates.truncate(limits::CANDIDATES);
    }
    found
}

impl Discovered {
    fn read(&mut self, artifact: &Artifact, digest: &Digest) {
        for omission in &artifact.omitted {
            self.broken.push(Reason::new(
                Code::LimitExceeded,
                format!(
                    "part of the artifact {} was not fetched: {}",
                    artifact.manifest.digest(),
                    omission.why
                ),
            ));
        }
        let manifest = match Manifest::parse(artifact.manifest.bytes()) {
            Ok(manifest) => manifest,
            Err(error @ ManifestError::Index) => {
                self.ignored.push(Reason::new(
                    Code::ArtifactUnknown,
                    format!("the artifact {}: {error}", artifact.manifest.digest()),
                ));
                return;
            }
            Err(error) => {
                self.broken.push(Reason::new(
                    Code::ManifestMalformed,
                    format!("the artifact {}: {error}", artifact.manifest.digest()),
                ));
                return;
            }
        };
        if let Err(reason) = check_subject(artifact, &manifest, digest) {
            self.broken.push(reason);
            return;
        }
        if manifest.layers.len() > limits::LAYERS {
            self.broken.push(too_many(
                "layers in one artifact",
                manifest.layers.len(),
                limits::LAYERS,
            ));
        }
        if cosign::claims(&manifest) {
            cosign::read(artifact, &manifest, self);
        } else if sigstore::claims(&manifest) {
            sigstore::read(artifact, &manifest, self);
        } else if notation::claims(&manifest) {
            notation::read(artifact, &manifest, self);
        } else {
            self.ignored.push(Reason::new(
                Code::ArtifactUnknown,
                format!(
                    "the artifact {} of type {:?} is none that sealgate reads",
                    artifact.manifest.digest(),
                    manifest.kind()
                ),
            ));
        }
    }
}

/// A referrer must refer to this image; what cosign keeps under a tag names its
/// image in the payload alone.
fn check_subject(artifact: &Artifact, manifest: &Manifest, digest: &Digest) -> Result<(), Reason> {
    match (&manifest.subject, artifact.source.is_referrer()) {
        (Some(subject), _) if subject.digest != *digest => Err(Reason::new(
            Code::ReferrerSubjectMismatch,
            format!(
                "the artifact {} refers to {}, not to this image {digest}",
                artifact.manifest.digest(),
                subject.digest
            ),
        )),
        (None, true) => Err(Reason::new(
            Code::ReferrerSubjectMismatch,
            format!(
                "the artifact {} is listed as a referrer but names no subject",
                artifact.manifest.digest()
            ),
        )),
        _ => Ok(()),
    }
}

fn too_many(what: &str, found: usize, most: usize) -> Reason {
    Reason::new(
        Code::LimitExceeded,
        format!("found {found} {what}; only the first {most} were looked at"),
    )
}
