//! The RustCrypto crates: the backend in wasm, where AWS-LC cannot be built.

use ed25519_dalek::Verifier as _;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use rsa::traits::SignatureScheme;
use rsa::{BoxedUint, Pkcs1v15Sign, Pss, RsaPublicKey};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::{Backend, Mismatch, ed25519ph};
use crate::crypto::rsa::RsaPublicKeyDer;
use crate::crypto::{Hash, KeyKind, Scheme};
use crate::strict_der;

/// The backend over p256, p384, p521, rsa, ed25519-dalek and sha2.
#[derive(Debug, Clone, Copy, Default)]
pub struct RustCrypto;

impl Backend for RustCrypto {
    fn digest(&self, hash: Hash, data: &[u8]) -> Vec<u8> {
        match hash {
            Hash::Sha256 => Sha256::digest(data).to_vec(),
            Hash::Sha384 => Sha384::digest(data).to_vec(),
            Hash::Sha512 => Sha512::digest(data).to_vec(),
        }
    }

    fn is_valid_key(&self, kind: KeyKind, key: &[u8]) -> bool {
        match kind {
            KeyKind::EcdsaP256 => p256::ecdsa::VerifyingKey::from_sec1_bytes(key).is_ok(),
            KeyKind::EcdsaP384 => p384::ecdsa::VerifyingKey::from_sec1_bytes(key).is_ok(),
            KeyKind::EcdsaP521 => p521::ecdsa::VerifyingKey::from_sec1_bytes(key).is_ok(),
            KeyKind::Rsa => rsa_key(key).is_ok(),
            KeyKind::Ed25519 => ed25519_dalek::VerifyingKey::try_from(key).is_ok(),
        }
    }

    fn verify(
        &self,
        scheme: Scheme,
        key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Mismatch> {
        match scheme.hash() {
            Some(hash) => self.verify_digest(scheme, key, &self.digest(hash, message), signature),
            None => ed25519(key, message, signature),
        }
    }

    fn verify_digest(
        &self,
        scheme: Scheme,
        key: &[u8],
        digest: &[u8],
        signature: &[u8],
    ) -> Result<(), Mismatch> {
        match scheme {
            Scheme::EcdsaP256Sha256 | Scheme::EcdsaP256Sha384 | Scheme::EcdsaP256Sha512 => {
                ecdsa::<p256::ecdsa::VerifyingKey, p256::ecdsa::DerSignature>(
                    key, digest, signature,
                )
            }
            Scheme::EcdsaP384Sha256 | Scheme::EcdsaP384Sha384 | Scheme::EcdsaP384Sha512 => {
                ecdsa::<p384::ecdsa::VerifyingKey, p384::ecdsa::DerSignature>(
                    key, digest, signature,
                )
            }
            Scheme::EcdsaP521Sha256 | Scheme::EcdsaP521Sha384 | Scheme::EcdsaP521Sha512 => {
                ecdsa::<p521::ecdsa::VerifyingKey, p521::ecdsa::DerSignature>(
                    key, digest, signature,
                )
            }
            Scheme::RsaPkcs1Sha256 => rsa(Pkcs1v15Sign::new::<Sha256>(), key, digest, signature),
            Scheme::RsaPkcs1Sha384 => rsa(Pkcs1v15Sign::new::<Sha384>(), key, digest, signature),
            Scheme::RsaPkcs1Sha512 => rsa(Pkcs1v15Sign::new::<Sha512>(), key, digest, signature),
            Scheme::RsaPssSha256 => rsa(Pss::<Sha256>::new(), key, digest, signature),
            Scheme::RsaPssSha384 => rsa(Pss::<Sha384>::new(), key, digest, signature),
            Scheme::RsaPssSha512 => rsa(Pss::<Sha512>::new(), key, digest, signature),
            Scheme::Ed25519ph => ed25519ph::verify(key, digest, signature),
            Scheme::Ed25519 => Err(Mismatch),
        }
    }
}

fn ecdsa<K, S>(key: &[u8], digest: &[u8], signature: &[u8]) -> Result<(), Mismatch>
where
    K: for<'a> TryFrom<&'a [u8]> + PrehashVerifier<S>,
    S: for<'a> TryFrom<&'a [u8]>,
{
    let key = K::try_from(key).map_err(|_| Mismatch)?;
    let signature = S::try_from(signature).map_err(|_| Mismatch)?;
    key.verify_prehash(digest, &signature).map_err(|_| Mismatch)
}

fn rsa(
    padding: impl SignatureScheme,
    key: &[u8],
    digest: &[u8],
    signature: &[u8],
) -> Result<(), Mismatch> {
    rsa_key(key)?
        .verify(padding, digest, signature)
        .map_err(|_| Mismatch)
}

fn rsa_key(der: &[u8]) -> Result<RsaPublicKey, Mismatch> {
    let key: RsaPublicKeyDer<'_> = strict_der::read(der).map_err(|_| Mismatch)?;
    RsaPublicKey::new(
        BoxedUint::from_be_slice_vartime(key.modulus.as_bytes()),
        BoxedUint::from_be_slice_vartime(key.public_exponent.as_bytes()),
    )
    .map_err(|_| Mismatch)
}

fn ed25519(key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), Mismatch> {
    let key = ed25519_dalek::VerifyingKey::try_from(key).map_err(|_| Mismatch)?;
    let signature = ed25519_dalek::Signature::from_slice(signature).map_err(|_| Mismatch)?;
    key.verify(message, &signature).map_err(|_| Mismatch)
}
