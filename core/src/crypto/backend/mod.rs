//! The implementations of the primitives, behind one small trait.
//!
//! Which one runs is decided when compiling: AWS-LC natively, RustCrypto in wasm. The feature
//! `rust-crypto` builds the other beside AWS-LC, for tests. Both judge every key and signature alike;
//! `core/tests/crypto/wycheproof.rs` and `backends.rs` beside it hold them to that.

#[cfg(not(target_arch = "wasm32"))]
mod aws_lc;
#[cfg(fuzzing)]
mod believing;
mod ed25519ph;
#[cfg(any(target_arch = "wasm32", feature = "rust-crypto"))]
mod rust_crypto;

use std::fmt;

#[cfg(not(target_arch = "wasm32"))]
pub use self::aws_lc::AwsLc;
#[cfg(fuzzing)]
pub use self::believing::believe_every_signature;
#[cfg(any(target_arch = "wasm32", feature = "rust-crypto"))]
pub use self::rust_crypto::RustCrypto;
use super::{Hash, KeyKind, Scheme};

/// Hashing and the verification of signatures over raw bytes.
///
/// Keys are the content of `subjectPublicKey`: an uncompressed SEC 1 point, the DER of a PKCS#1
/// `RSAPublicKey`, or 32 bytes of Ed25519. Implementations may rely on the checks that
/// [`PublicKey`](super::PublicKey) makes on the encoding and the size of keys, but not on a point
/// being on its curve. ECDSA signatures are in DER.
pub trait Backend: fmt::Debug + Send + Sync {
    /// Hashes `data`.
    fn digest(&self, hash: Hash, data: &[u8]) -> Vec<u8>;

    /// Whether `key` is a valid public key of that kind: above all, a point on its curve.
    fn is_valid_key(&self, kind: KeyKind, key: &[u8]) -> bool;

    /// Verifies a signature over `message`.
    fn verify(
        &self,
        scheme: Scheme,
        key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Mismatch>;

    /// Verifies a signature over the message that `digest` is the hash of.
    ///
    /// `digest` was made with the scheme's hash. Pure [`Scheme::Ed25519`] is always a mismatch.
    fn verify_digest(
        &self,
        scheme: Scheme,
        key: &[u8],
        digest: &[u8],
        signature: &[u8],
    ) -> Result<(), Mismatch>;
}

/// The signature is not one of that key over that message, or it is malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not match")]
pub struct Mismatch;

/// The backend of this build.
pub fn active() -> &'static dyn Backend {
    #[cfg(fuzzing)]
    if believing::is_on() {
        return &believing::Believing;
    }
    #[cfg(not(target_arch = "wasm32"))]
    return &AwsLc;
    #[cfg(target_arch = "wasm32")]
    return &RustCrypto;
}
