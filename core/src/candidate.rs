//! Candidates: the signed things that the evidence holds, whatever their format.
//!
//! Each format finds them in artifacts ([`discover`]), reads one ([`Found::read`]) and judges
//! it for one authority ([`Candidate::judge`]). A new format is one more variant here and
//! a folder of its own; nothing else changes.

use std::collections::{BTreeMap, BTreeSet};

use crate::budget::{self, Work};
use crate::cosign;
use crate::digest::Digest;
use crate::evidence::{Artifact, Blob, Evidence};
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
    /// What became of questions about revocation.
    pub(crate) revocation: &'a notation::KnownStatuses,
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

/// Something that claims to be signed, not read yet.
#[derive(Debug)]
pub(crate) struct Found {
    /// The digest of the artifact's manifest.
    artifact: Digest,
    blob: Blob,
    carrier: Carrier,
}

/// What a blob is.
#[derive(Debug)]
pub(crate) enum Carrier {
    /// The payload of a cosign layer.
    CosignSignature(cosign::Layer),
    /// The envelope of a cosign layer.
    CosignAttestation(cosign::Layer),
    /// A Sigstore bundle.
    Bundle,
    /// A Notary Project envelope.
    Notation(notation::Format),
}

impl Found {
    /// The artifact's digest.
    pub(crate) fn artifact(&self) -> Digest {
        self.artifact
    }

    /// Bytes that must be read: blob and annotations.
    pub(crate) fn size(&self) -> u64 {
        let annotations = match &self.carrier {
            Carrier::CosignSignature(layer) | Carrier::CosignAttestation(layer) => {
                layer.annotations().values().map(String::len).sum()
            }
            Carrier::Bundle | Carrier::Notation(_) => 0,
        };
        u64::try_from(self.blob.bytes().len() + annotations).unwrap_or(u64::MAX)
    }

    /// Reads it.
    pub(crate) fn read(&self) -> Result<Candidate, Reason> {
        budget::charge(Work::DecodedBytes, self.size())?;
        match &self.carrier {
            Carrier::CosignSignature(layer) => {
                cosign::signature(self.artifact, &self.blob, layer).map(Candidate::Sigstore)
            }
            Carrier::CosignAttestation(layer) => {
                cosign::attestation(self.artifact, &self.blob, layer).map(Candidate::Sigstore)
            }
            Carrier::Bundle => {
                sigstore::parse_bundle(self.blob.bytes(), self.artifact).map(Candidate::Sigstore)
            }
            Carrier::Notation(format) => {
                notation::read(self.artifact, &self.blob, *format).map(Candidate::Notation)
            }
        }
    }

    /// The same for all that would be judged alike.
    fn identity(&self) -> (u8, Digest, Digest) {
        let none = BTreeMap::new();
        let (kind, annotations) = match &self.carrier {
            Carrier::CosignSignature(layer) => (0, layer.annotations()),
            Carrier::CosignAttestation(layer) => (1, layer.annotations()),
            Carrier::Bundle => (2, &none),
            Carrier::Notation(notation::Format::Jws) => (3, &none),
            Carrier::Notation(notation::Format::Cose) => (4, &none),
        };
        let mut text = Vec::new();
        for (name, value) in annotations {
            for part in [name, value] {
                text.extend(part.len().to_le_bytes().iter().take(4));
                text.extend(part.bytes());
            }
        }
        (kind, self.blob.digest(), Digest::sha256(&text))
    }
}

/// All that was found, in the order of the evidence.
#[derive(Debug, Default)]
pub(crate) struct Discovered {
    /// What can be judged, each once.
    pub(crate) candidates: Vec<Found>,
    /// What claims to be a signature but cannot be read, and why.
    pub(crate) broken: Vec<Reason>,
    /// What is not for us, and why.
    pub(crate) ignored: Vec<Reason>,
}

/// What is being found.
pub(crate) struct Finding {
    discovered: Discovered,
    seen: BTreeSet<(u8, Digest, Digest)>,
    /// What the tags of cosign hold: a tag holds one artifact.
    tagged: Vec<Found>,
    /// What each referrer holds.
    referrers: Vec<Vec<Found>>,
    /// The artifact that is being read.
    artifact: Digest,
    is_referrer: bool,
    dropped: usize,
}

impl Finding {
    /// Notes something signed, unless the same was found before.
    pub(crate) fn candidate(&mut self, blob: Blob, carrier: Carrier) {
        let found = Found {
            artifact: self.artifact,
            blob,
            carrier,
        };
        if !self.seen.insert(found.identity()) {
            return;
        }
        match (self.is_referrer, self.referrers.last_mut()) {
            (true, Some(referrer)) => referrer.push(found),
            _ if self.tagged.len() < 2 * limits::LAYERS => self.tagged.push(found),
            _ => self.dropped += 1,
        }
    }

    /// Notes that something cannot be read.
    pub(crate) fn broken(&mut self, reason: Reason) {
        if self.discovered.broken.len() < limits::CANDIDATES {
            self.discovered.broken.push(reason);
        }
    }

    /// Notes that something is not for us.
    pub(crate) fn ignored(&mut self, reason: Reason) {
        if self.discovered.ignored.len() < limits::CANDIDATES {
            self.discovered.ignored.push(reason);
        }
    }

    /// Leaves so many of every referrer that all fit, none more than another: a referrer with
    /// hundreds of signatures takes no place of one with a single signature.
    fn share_places(&mut self) {
        let places = limits::CANDIDATES.saturating_sub(self.tagged.len());
        let at_most = |most: usize| -> usize {
            let lengths = self
                .referrers
                .iter()
                .map(|referrer| referrer.len().min(most));
            lengths.sum()
        };
        let fitting = (1..=limits::LAYERS)
            .rev()
            .find(|most| at_most(*most) <= places);
        for referrer in &mut self.referrers {
            let all = referrer.len();
            referrer.truncate(fitting.unwrap_or(0));
            self.dropped += all - referrer.len();
        }
    }

    fn finish(mut self) -> Discovered {
        self.share_places();
        let mut discovered = self.discovered;
        discovered.candidates = self.tagged;
        discovered
            .candidates
            .extend(self.referrers.into_iter().flatten());
        if self.dropped > 0 {
            let read = discovered.candidates.len();
            discovered
                .broken
                .push(too_many("signatures", read + self.dropped, read));
        }
        discovered
    }
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

/// Finds what every artifact of the evidence holds.
pub(crate) fn discover(evidence: &Evidence, digest: &Digest) -> Discovered {
    let mut found = Finding {
        discovered: Discovered::default(),
        seen: BTreeSet::new(),
        tagged: Vec::new(),
        referrers: Vec::new(),
        artifact: *digest,
        is_referrer: false,
        dropped: 0,
    };
    let mut seen = BTreeSet::new();
    for artifact in evidence.artifacts.iter().take(limits::ARTIFACTS) {
        // The same manifest may be listed by the API and by the fallback tag.
        if seen.insert((artifact.manifest.digest(), artifact.source.is_referrer())) {
            found.read(artifact, digest);
            // What cannot stay anyway is not kept until the end.
            found.share_places();
        }
    }
    for omission in &evidence.omitted {
        found.broken(Reason::new(
            Code::LimitExceeded,
            format!(
                "not everything beside the image was fetched: {}",
                omission.why
            ),
        ));
    }
    if evidence.artifacts.len() > limits::ARTIFACTS {
        found.broken(too_many(
            "artifacts",
            evidence.artifacts.len(),
            limits::ARTIFACTS,
        ));
    }
    found.finish()
}

impl Finding {
    fn read(&mut self, artifact: &Artifact, digest: &Digest) {
        for omission in &artifact.omitted {
            self.broken(Reason::new(
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
                self.ignored(Reason::new(
                    Code::ArtifactUnknown,
                    format!("the artifact {}: {error}", artifact.manifest.digest()),
                ));
                return;
            }
            Err(error) => {
                self.broken(Reason::new(
                    Code::ManifestMalformed,
                    format!("the artifact {}: {error}", artifact.manifest.digest()),
                ));
                return;
            }
        };
        if let Err(reason) = check_subject(artifact, &manifest, digest) {
            self.broken(reason);
            return;
        }
        if manifest.layers.len() > limits::LAYERS {
            self.broken(too_many(
                "layers in one artifact",
                manifest.layers.len(),
                limits::LAYERS,
            ));
        }
        self.artifact = artifact.manifest.digest();
        self.is_referrer = artifact.source.is_referrer();
        if self.is_referrer {
            self.referrers.push(Vec::new());
        }
        if cosign::claims(&manifest) {
            cosign::find(artifact, manifest, self);
        } else if sigstore::claims(&manifest) {
            sigstore::find(artifact, &manifest, self);
        } else if notation::claims(&manifest) {
            notation::find(artifact, &manifest, self);
        } else {
            self.ignored(Reason::new(
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
