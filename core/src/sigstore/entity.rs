//! A signed thing in Sigstore's terms, whatever carried it.

use super::log_entry::LogEntry;
use crate::digest::Digest;
use crate::dsse::Envelope;
use crate::evidence::Blob;
use crate::reason::{Code, Reason};
use crate::verdict::SignatureFormat;
use crate::x509::Certificate;

/// Something signed, its material and what witnesses it. Nothing of it is verified.
#[derive(Clone, Debug)]
pub(crate) struct SignedEntity {
    /// What carried it.
    pub(crate) format: Format,
    /// The digest of the artifact's manifest, or of the bundle where it came alone.
    pub(crate) artifact: Digest,
    /// What was signed, and the signature.
    pub(crate) content: Content,
    /// What is needed to verify the signature.
    pub(crate) material: Material,
    /// The entries of transparency logs, at most [`crate::limits::LOG_ENTRIES`].
    pub(crate) log_entries: Vec<LogEntry>,
    /// RFC 3161 timestamps (DER), at most [`crate::limits::TIMESTAMPS`].
    pub(crate) timestamps: Vec<Vec<u8>>,
}

/// What carried a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// A cosign layer of "simple signing".
    CosignSignature,
    /// A cosign layer with a DSSE envelope.
    CosignAttestation,
    /// A Sigstore bundle.
    Bundle(BundleVersion),
}

/// The version of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum BundleVersion {
    /// 0.1
    V01,
    /// 0.2
    V02,
    /// 0.3
    V03,
}

impl Format {
    /// What verdicts call a signature of this format.
    pub(crate) fn of_signature(self) -> SignatureFormat {
        match self {
            Self::CosignSignature => SignatureFormat::CosignSignature,
            Self::CosignAttestation => SignatureFormat::CosignAttestation,
            Self::Bundle(BundleVersion::V01) => SignatureFormat::SigstoreBundleV01,
            Self::Bundle(BundleVersion::V02) => SignatureFormat::SigstoreBundleV02,
            Self::Bundle(BundleVersion::V03) => SignatureFormat::SigstoreBundleV03,
        }
    }
}

/// What was signed.
#[derive(Clone, Debug)]
pub enum Content {
    /// A "simple signing" payload, which names the image.
    SimpleSigning {
        /// The payload, as received.
        payload: Blob,
        /// The signature over it.
        signature: Vec<u8>,
    },
    /// The artifact itself.
    Message {
        /// What the carrier says the artifact's digest is. A hint, not signed.
        digest: Option<MessageDigest>,
        /// The signature over the artifact.
        signature: Vec<u8>,
    },
    /// A DSSE envelope.
    Dsse(Envelope),
}

/// The digest of an artifact, as a bundle states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageDigest {
    /// The hash function.
    pub hash: crate::crypto::Hash,
    /// The digest.
    pub digest: Vec<u8>,
}

/// What is needed to verify the signature.
#[derive(Clone, Debug)]
pub(crate) enum Material {
    /// Nothing: a managed key, known to the verifier.
    None,
    /// A hint at a managed key.
    KeyHint(String),
    /// The signer's certificate.
    Certificate {
        /// The certificate.
        leaf: Box<Certificate>,
        /// Others that came with it.
        others: Vec<Certificate>,
    },
}

impl SignedEntity {
    /// Whether a certificate came with the signature.
    pub(crate) fn has_certificate(&self) -> bool {
        matches!(self.material, Material::Certificate { .. })
    }
}

impl Content {
    /// The signature's bytes, which log entries and timestamps witness.
    pub(crate) fn signature(&self) -> &[u8] {
        match self {
            Self::SimpleSigning { signature, .. } | Self::Message { signature, .. } => signature,
            Self::Dsse(envelope) => envelope.signature(),
        }
    }
}

impl Material {
    /// The material of a signer's certificate and those that came with it.
    ///
    /// # Errors
    /// If there is none, or a root is among them: trust never comes from the signed thing.
    pub(crate) fn chain(certificates: Vec<Certificate>) -> Result<Self, Reason> {
        let mut certificates = certificates.into_iter();
        let Some(leaf) = certificates.next() else {
            return Err(Reason::new(
                Code::CertificateMalformed,
                "the certificate chain is empty",
            ));
        };
        Ok(Self::Certificate {
            leaf: Box::new(leaf),
            others: certificates.collect(),
        })
    }
}
