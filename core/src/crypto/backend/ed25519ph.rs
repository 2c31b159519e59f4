//! Ed25519 over a SHA-512 digest (RFC 8032, Ed25519ph), by ed25519-dalek in every build.

use sha2::digest::consts::U64;
use sha2::digest::{FixedOutput, HashMarker, Output, OutputSizeUser, Update};

use super::Mismatch;

/// Verifies a signature over the message that `digest` is the SHA-512 of.
pub(super) fn verify(key: &[u8], digest: &[u8], signature: &[u8]) -> Result<(), Mismatch> {
    let key = ed25519_dalek::VerifyingKey::try_from(key).map_err(|_| Mismatch)?;
    let signature = ed25519_dalek::Signature::from_slice(signature).map_err(|_| Mismatch)?;
    let digest = Prehashed(digest.try_into().map_err(|_| Mismatch)?);
    key.verify_prehashed(digest, None, &signature)
        .map_err(|_| Mismatch)
}

/// A SHA-512 digest made elsewhere, in the guise of the hasher that ed25519-dalek asks for.
struct Prehashed([u8; 64]);

impl Default for Prehashed {
    fn default() -> Self {
        Self([0; 64])
    }
}

impl OutputSizeUser for Prehashed {
    type OutputSize = U64;
}

impl HashMarker for Prehashed {}

impl Update for Prehashed {
    /// Nothing is hashed any more: ed25519-dalek only finalises.
    fn update(&mut self, _data: &[u8]) {}
}

impl FixedOutput for Prehashed {
    fn finalize_into(self, out: &mut Output<Self>) {
        out.copy_from_slice(&self.0);
    }
}
