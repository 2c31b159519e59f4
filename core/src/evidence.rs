//! Evidence: everything about an image that a verdict is made from.
//!
//! Evidence is raw bytes. It is untrusted by definition: whoever carries it may
//! have changed it. Digests are never read from it, only computed over it, so a
//! blob that was altered is a blob with another digest, and is not found.
//!
//! The serialised form, the *evidence pack*, is documented in [`pack`].

pub mod pack;
mod question;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use crate::budget;
use crate::digest::Digest;
use crate::limits;
use crate::manifest::Descriptor;
use crate::reference::Reference;
use crate::time::UnixTime;

pub use question::{Carried, QuestionError};

/// What was asked, and all the bytes found to answer it.
///
/// The question in it is the asker's: evidence that somebody carried is [`Carried`] until it
/// is known to answer it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The question.
    pub request: Request,
    /// The image.
    pub subject: Subject,
    /// What was found beside the image, in the order of discovery.
    pub artifacts: Vec<Artifact>,
    /// What was seen beside the image but not fetched, and why.
    pub omitted: Vec<Omission>,
    /// Answers about the revocation of certificates, where they were fetched.
    pub revocation: Vec<RevocationAnswer>,
    /// The manifests that the image, an index, lists for platforms, where they were fetched.
    pub platforms: Vec<Platform>,
}

impl Evidence {
    /// What was found beside the image and its platforms, as much of it as is looked at.
    pub(crate) fn all_artifacts(&self) -> impl Iterator<Item = &Artifact> {
        let own = self.artifacts.iter().take(limits::ARTIFACTS);
        let platforms = self.platforms.iter().take(limits::PLATFORMS);
        own.chain(platforms.flat_map(|one| one.artifacts.iter().take(limits::ARTIFACTS)))
    }
}

/// A manifest that an index lists, and what was found beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// The media type under which the registry gave the manifest.
    pub media_type: String,
    /// The manifest.
    pub manifest: Blob,
    /// What was found beside it.
    pub artifacts: Vec<Artifact>,
    /// What was seen beside it but not fetched, and why.
    pub omitted: Vec<Omission>,
}

/// The question: an image, and what decides which policies apply to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Request {
    /// The image as it was asked for, byte for byte.
    pub image: String,
    /// The Kubernetes namespace that wants to run it.
    pub namespace: Option<String>,
    /// The one policy to judge by, instead of all that cover the image; it must cover it.
    pub policy: Option<String>,
    /// Whether `policy` judges images outside of its scope, too: where whoever runs sealgate
    /// named it, as the provider's route `/v1/validate/{policy}` does, and no asker.
    pub beyond_scope: bool,
}

/// The image: the manifest (or index) that a digest names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The normalised reference that was asked for.
    pub reference: Reference,
    /// The media type under which the registry gave the manifest.
    pub media_type: String,
    /// The manifest.
    pub manifest: Blob,
}

impl Subject {
    /// The image's digest: that of the manifest bytes, under the algorithm the
    /// reference names if it names one.
    pub fn digest(&self) -> Digest {
        match self.reference.digest() {
            Some(asked) => self.manifest.digest_like(asked),
            None => self.manifest.digest(),
        }
    }
}

/// A manifest that belongs, or claims to belong, to the image, with its blobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// How it was found.
    pub source: Source,
    /// The artifact's own manifest.
    pub manifest: Blob,
    /// The blobs its manifest names, in any order.
    pub blobs: Vec<Blob>,
    /// What could not be included, and why.
    pub omitted: Vec<Omission>,
}

impl Artifact {
    /// The blobs by what their descriptors say.
    pub(crate) fn by_descriptor(&self) -> BlobIndex<'_> {
        let sha256 = |blob| (Blob::digest(blob), blob);
        BlobIndex {
            sha256: self.blobs.iter().map(sha256).collect(),
            blobs: &self.blobs,
        }
    }
}

/// The blobs of an artifact, to be found many times.
pub(crate) struct BlobIndex<'a> {
    sha256: BTreeMap<Digest, &'a Blob>,
    blobs: &'a [Blob],
}

impl<'a> BlobIndex<'a> {
    /// The blob that a descriptor names, if the evidence has it.
    ///
    /// What is named by another algorithm than SHA-256 must have the size that the descriptor
    /// says: no blob is hashed for the name of another one.
    pub(crate) fn find(&self, descriptor: &Descriptor) -> Option<&'a Blob> {
        let digest = &descriptor.digest;
        match digest {
            Digest::Sha256(_) => self.sha256.get(digest).copied(),
            Digest::Sha512(_) => self.blobs.iter().find(|blob| {
                u64::try_from(blob.bytes().len()) == Ok(descriptor.size)
                    && blob.digest_like(digest) == *digest
            }),
        }
    }
}

/// How an artifact was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Cosign's tag `sha256-<hex>.sig`.
    CosignSignatureTag,
    /// Cosign's tag `sha256-<hex>.att`.
    CosignAttestationTag,
    /// The referrers API (OCI distribution specification v1.1).
    ReferrersApi,
    /// The referrers tag schema `sha256-<hex>`, the fallback of the same specification.
    ReferrersTag,
}

impl Source {
    /// The stable spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CosignSignatureTag => "cosign_signature_tag",
            Self::CosignAttestationTag => "cosign_attestation_tag",
            Self::ReferrersApi => "referrers_api",
            Self::ReferrersTag => "referrers_tag",
        }
    }

    /// Whether the artifact was listed as a referrer, and so must name its subject.
    pub fn is_referrer(self) -> bool {
        matches!(self, Self::ReferrersApi | Self::ReferrersTag)
    }

    /// Reads the stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::CosignSignatureTag,
            Self::CosignAttestationTag,
            Self::ReferrersApi,
            Self::ReferrersTag,
        ]
        .into_iter()
        .find(|source| source.as_str() == name)
    }
}

/// Something that was seen but is not in the evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Omission {
    /// The digest of what is missing, as its descriptor gave it.
    pub digest: Option<Digest>,
    /// Why, in a few words: `larger than 33554432 bytes`.
    pub why: String,
}

/// The answer of a revocation service, as fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationAnswer {
    /// What was asked.
    pub kind: RevocationKind,
    /// The URL, from a certificate.
    pub url: String,
    /// The SHA-256 fingerprint of the certificate asked about; for a CRL, of its issuer.
    pub certificate: Digest,
    /// When the answer came.
    pub fetched_at: UnixTime,
    /// The bytes, or why there are none.
    pub outcome: Result<Blob, NoAnswer>,
}

/// Why a revocation service gave nothing, in the words of whoever asked it: for people alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(pub String);

/// The two ways to ask about revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RevocationKind {
    /// A certificate revocation list, base or delta (RFC 5280 section 5).
    Crl,
    /// An OCSP response (RFC 6960).
    Ocsp,
}

/// Bytes and their digests, computed here, each once. Cheap to clone.
#[derive(Clone)]
pub struct Blob {
    bytes: Arc<[u8]>,
    sha256: Digest,
    sha512: Arc<OnceLock<Digest>>,
}

impl PartialEq for Blob {
    fn eq(&self, other: &Self) -> bool {
        self.sha256 == other.sha256
    }
}

impl Eq for Blob {}

impl Blob {
    /// Takes the bytes and hashes them.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self {
            sha256: Digest::sha256(&bytes),
            bytes,
            sha512: Arc::default(),
        }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Their SHA-256 digest.
    pub fn digest(&self) -> Digest {
        self.sha256
    }

    /// Their digest under the algorithm of `other`.
    pub fn digest_like(&self, other: &Digest) -> Digest {
        match other {
            Digest::Sha256(_) => self.sha256,
            Digest::Sha512(_) => *self
                .sha512
                .get_or_init(|| budget::uncounted(|| Digest::of(other.algorithm(), &self.bytes))),
        }
    }
}

impl std::fmt::Debug for Blob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Blob({} bytes, {})", self.bytes.len(), self.sha256)
    }
}
