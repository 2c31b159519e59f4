//! A signed thing in Sigstore's terms, whatever carried it.

use crate::digest::Digest;
use crate::dsse::Envelope;

/// Something signed, its material and what witnesses it. Nothing of it is verified.
#[derive(Clone, Debug)]
pub(crate) struct SignedEntity {
    /// What carried it.
    pub(crate) format: Format,
    /// The digest of the artifact's manifest.
    pub(crate) artifact: Digest,
    /// What was signed, and the signature.
    pub(crate) content: Content,
    /// What is needed to verify the signature.
    pub(crate) material: Material,
}

/// What carried a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// A layer under cosign's tag `.sig`: "simple signing".
    CosignSignature,
    /// A layer under cosign's tag `.att`: a DSSE envelope.
    CosignAttestation,
    /// A Sigstore bundle.
    Bundle,
}

impl Format {
    /// The stable name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CosignSignature => "cosign_signature",
            Self::CosignAttestation => "cosign_attestation",
            Self::Bundle => "sigstore_bundle",
        }
    }
}

/// What was signed.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// A "simple signing" payload, which names the image.
    SimpleSigning {
        /// The payload, as received.
        payload: Vec<u8>,
        /// The signature over it.
        signature: Vec<u8>,
    },
    /// A DSSE envelope.
    Dsse(Envelope),
}

/// What is needed to verify the signature.
#[derive(Clone, Debug)]
pub(crate) enum Material {
    /// Nothing: a managed key, known to the verifier.
    None,
    /// A hint at a managed key.
    KeyHint(String),
    /// A certificate (DER).
    Certificate(#[expect(dead_code, reason = "keyless authorities judge it")] Vec<u8>),
}
