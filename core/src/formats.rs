//! The formats: which of them reads an artifact, and which of them an authority judges.
//!
//! A new format is one more variant of [`Candidate`], [`Carrier`] and [`Judge`], and a folder of
//! its own; the compiler shows every place that must know it.

use std::collections::BTreeMap;

use crate::budget::{self, Work};
use crate::claimed::Claims;
use crate::digest::Digest;
use crate::evidence::{Artifact, Blob};
use crate::judgement::{Context, Judgement, Part};
use crate::limits;
use crate::manifest::{Descriptor, Manifest};
use crate::notation;
use crate::policy::{Action, Authority, AuthorityKind, NotationAuthority, StaticAction};
use crate::reason::{Code, Reason};
use crate::sigstore::{self, bundle, cosign};
use crate::undecided::Undecided;
use crate::verdict::{Check, CheckResult};

/// One signed thing, not verified yet.
#[derive(Debug)]
pub(crate) enum Candidate {
    /// A Sigstore signature: a cosign layer or a bundle.
    Sigstore(sigstore::SignedEntity),
    /// A Notary Project envelope.
    Notation(notation::SignedEnvelope),
}

/// How something is signed, before anything of it is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SignedBy {
    /// By a managed key, in a Sigstore signature.
    Key,
    /// By a certificate, in a Sigstore signature.
    Certificate,
    /// In an envelope of the Notary Project.
    Notation,
}

impl SignedBy {
    /// What an authority accepts, if it looks at signatures.
    pub(crate) fn accepted_by(authority: &Authority) -> Option<Self> {
        match &authority.trust {
            AuthorityKind::Key(_) => Some(Self::Key),
            AuthorityKind::Keyless(_) => Some(Self::Certificate),
            AuthorityKind::Notation(_) => Some(Self::Notation),
            AuthorityKind::Static(_) => None,
        }
    }

    /// In words, after "made".
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Key => "with a managed key",
            Self::Certificate => "with a Sigstore certificate",
            Self::Notation => "with a Notary Project certificate",
        }
    }
}

/// How an authority judges.
pub(crate) enum Judge<'a> {
    /// Sigstore signatures.
    Sigstore(sigstore::Trust<'a>),
    /// Notary Project signatures.
    Notation(&'a NotationAuthority),
    /// Nothing: it lets in whatever there is, and says so by these checks.
    Nothing(Vec<Check>),
    /// Nothing: it refuses whatever there is.
    Refuses,
}

impl<'a> Judge<'a> {
    /// How this authority judges; `name` is `policy/authority`.
    pub(crate) fn of(authority: &'a Authority, name: &str) -> Self {
        match &authority.trust {
            AuthorityKind::Key(trust) => Self::Sigstore(sigstore::Trust::Keys(trust)),
            AuthorityKind::Keyless(trust) => Self::Sigstore(sigstore::Trust::Identities(trust)),
            AuthorityKind::Notation(trust) if trust.level.is_skip() => {
                Self::Nothing(notation::skipped(trust, name))
            }
            AuthorityKind::Notation(trust) => Self::Notation(trust),
            AuthorityKind::Static(StaticAction::PassUnproven) => Self::Nothing(vec![unseen(name)]),
            AuthorityKind::Static(StaticAction::Fail { .. }) => Self::Refuses,
        }
    }
}

/// The one check of an authority that passes whatever there is.
fn unseen(name: &str) -> Check {
    Check {
        artifact: None,
        name: format!("{name}: static"),
        action: Action::Skip,
        result: CheckResult::Skipped,
        detail: Some("the policy lets in every image by this authority, signed or not".to_owned()),
    }
}

/// What the formats remember within one verdict.
#[derive(Default)]
pub(crate) struct Memory {
    revocation: notation::KnownStatuses,
}

impl Candidate {
    /// How it is signed.
    pub(crate) fn signed_by(&self) -> SignedBy {
        match self {
            Self::Sigstore(entity) if entity.has_certificate() => SignedBy::Certificate,
            Self::Sigstore(_) => SignedBy::Key,
            Self::Notation(_) => SignedBy::Notation,
        }
    }

    /// What it says of itself, of which nothing is verified.
    pub(crate) fn claims(&self, image: &Digest) -> Claims {
        match self {
            Self::Sigstore(entity) => sigstore::claims(entity, image),
            Self::Notation(envelope) => notation::claims_of(envelope),
        }
    }

    /// Judges this candidate as an authority does.
    pub(crate) fn judge(
        &self,
        judge: &Judge<'_>,
        context: &Context<'_>,
        memory: &Memory,
    ) -> Result<Judgement, Undecided> {
        match (self, judge) {
            (Self::Sigstore(entity), Judge::Sigstore(trust)) => {
                sigstore::judge(entity, *trust, context)
            }
            (Self::Notation(envelope), Judge::Notation(trust)) => {
                notation::judge(envelope, trust, context, &memory.revocation)
            }
            (Self::Sigstore(_), Judge::Notation(_))
            | (Self::Notation(_), Judge::Sigstore(_))
            | (_, Judge::Nothing(_) | Judge::Refuses) => Ok(Judgement::NotApplicable),
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
    /// A cosign layer.
    Cosign(cosign::Layer),
    /// A Sigstore bundle.
    Bundle,
    /// A Notary Project envelope.
    Notation(notation::Format),
}

impl Found {
    /// Something that this artifact holds.
    pub(crate) fn new(artifact: Digest, blob: Blob, carrier: Carrier) -> Self {
        Self {
            artifact,
            blob,
            carrier,
        }
    }

    /// The artifact's digest.
    pub(crate) fn artifact(&self) -> Digest {
        self.artifact
    }

    /// Bytes that must be read: blob and annotations.
    pub(crate) fn size(&self) -> u64 {
        let annotations = match &self.carrier {
            Carrier::Cosign(layer) => layer.annotations().values().map(String::len).sum(),
            Carrier::Bundle | Carrier::Notation(_) => 0,
        };
        u64::try_from(self.blob.bytes().len() + annotations).unwrap_or(u64::MAX)
    }

    /// Reads it.
    pub(crate) fn read(&self) -> Result<Candidate, Reason> {
        budget::charge(Work::DecodedBytes, self.size())?;
        match &self.carrier {
            Carrier::Cosign(layer) => {
                cosign::read(self.artifact, &self.blob, layer).map(Candidate::Sigstore)
            }
            Carrier::Bundle => {
                bundle::parse(self.blob.bytes(), self.artifact).map(Candidate::Sigstore)
            }
            Carrier::Notation(format) => {
                notation::read(self.artifact, &self.blob, *format).map(Candidate::Notation)
            }
        }
    }

    /// The same for all that would be judged alike.
    pub(crate) fn identity(&self) -> (u8, Digest, Digest) {
        let none = BTreeMap::new();
        let (kind, annotations) = match &self.carrier {
            Carrier::Cosign(layer) => (layer.kind() as u8, layer.annotations()),
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

/// What an artifact holds, by the first format that claims it.
pub(crate) fn find(artifact: &Artifact, manifest: Manifest) -> Vec<Part<Carrier>> {
    if cosign::claims(&manifest) {
        let parts = cosign::find(artifact, manifest).into_iter();
        parts.map(|part| part.map(Carrier::Cosign)).collect()
    } else if bundle::claims(&manifest) {
        vec![bundle::find(artifact, &manifest).map(|()| Carrier::Bundle)]
    } else if notation::claims(&manifest) {
        vec![notation::find(artifact, &manifest).map(Carrier::Notation)]
    } else {
        vec![Part::Ignored(Reason::new(
            Code::ArtifactUnknown,
            format!(
                "the artifact {} of type {:?} is none that sealgate reads",
                artifact.manifest.digest(),
                manifest.kind()
            ),
        ))]
    }
}

/// The layers of an artifact that a verification reads, at most `limits::LAYERS`: those to
/// fetch. None for an artifact that belongs to somebody else.
pub fn signed_layers(manifest: &Manifest) -> Vec<&Descriptor> {
    let layers = manifest.layers.iter().take(limits::LAYERS);
    if cosign::claims(manifest) {
        layers.filter(|layer| cosign::is_signed(layer)).collect()
    } else if bundle::claims(manifest) || notation::claims(manifest) {
        // They have one layer. What has more is malformed, and fetching it helps nobody.
        layers.take(1).collect()
    } else {
        Vec::new()
    }
}
