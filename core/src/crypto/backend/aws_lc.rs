//! AWS-LC through aws-lc-rs: the native backend.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{self as lc, ParsedPublicKey, UnparsedPublicKey, VerificationAlgorithm};

use super::{Backend, Mismatch, ed25519ph};
use crate::crypto::{Hash, KeyKind, Scheme};

/// The backend over AWS-LC.
#[derive(Debug, Clone, Copy, Default)]
pub struct AwsLc;

impl Backend for AwsLc {
    fn digest(&self, hash: Hash, data: &[u8]) -> Vec<u8> {
        digest::digest(digest_algorithm(hash), data)
            .as_ref()
            .to_vec()
    }

    fn is_valid_key(&self, kind: KeyKind, key: &[u8]) -> bool {
        let parsed = match kind {
            KeyKind::EcdsaP256 => ParsedPublicKey::new(&lc::ECDSA_P256_SHA256_ASN1, key),
            KeyKind::EcdsaP384 => ParsedPublicKey::new(&lc::ECDSA_P384_SHA384_ASN1, key),
            KeyKind::EcdsaP521 => ParsedPublicKey::new(&lc::ECDSA_P521_SHA512_ASN1, key),
            KeyKind::Rsa => ParsedPublicKey::new(&lc::RSA_PKCS1_2048_8192_SHA256, key),
            KeyKind::Ed25519 => ParsedPublicKey::new(&lc::ED25519, key),
        };
        parsed.is_ok()
    }

    fn verify(
        &self,
        scheme: Scheme,
        key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Mismatch> {
        let Some(algorithm) = algorithm(scheme) else {
            return ed25519ph::verify(key, &self.digest(Hash::Sha512, message), signature);
        };
        UnparsedPublicKey::new(algorithm, key)
            .verify(message, signature)
            .map_err(|_| Mismatch)
    }

    fn verify_digest(
        &self,
        scheme: Scheme,
        key: &[u8],
        digest: &[u8],
        signature: &[u8],
    ) -> Result<(), Mismatch> {
        let hash = scheme.hash().ok_or(Mismatch)?;
        let Some(algorithm) = algorithm(scheme) else {
            return ed25519ph::verify(key, digest, signature);
        };
        let digest = digest::Digest::import_less_safe(digest, digest_algorithm(hash))
            .map_err(|_| Mismatch)?;
        UnparsedPublicKey::new(algorithm, key)
            .verify_digest(&digest, signature)
            .map_err(|_| Mismatch)
    }
}

/// What AWS-LC calls the scheme. aws-lc-rs has no API for Ed25519ph.
fn algorithm(scheme: Scheme) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match scheme {
        Scheme::EcdsaP256Sha256 => &lc::ECDSA_P256_SHA256_ASN1,
        Scheme::EcdsaP256Sha384 => &lc::ECDSA_P256_SHA384_ASN1,
        Scheme::EcdsaP256Sha512 => &lc::ECDSA_P256_SHA512_ASN1,
        Scheme::EcdsaP384Sha256 => &lc::ECDSA_P384_SHA256_ASN1,
        Scheme::EcdsaP384Sha384 => &lc::ECDSA_P384_SHA384_ASN1,
        Scheme::EcdsaP384Sha512 => &lc::ECDSA_P384_SHA512_ASN1,
        Scheme::EcdsaP521Sha256 => &lc::ECDSA_P521_SHA256_ASN1,
        Scheme::EcdsaP521Sha384 => &lc::ECDSA_P521_SHA384_ASN1,
        Scheme::EcdsaP521Sha512 => &lc::ECDSA_P521_SHA512_ASN1,
        Scheme::RsaPkcs1Sha256 => &lc::RSA_PKCS1_2048_8192_SHA256,
        Scheme::RsaPkcs1Sha384 => &lc::RSA_PKCS1_2048_8192_SHA384,
        Scheme::RsaPkcs1Sha512 => &lc::RSA_PKCS1_2048_8192_SHA512,
        Scheme::RsaPssSha256 => &lc::RSA_PSS_2048_8192_SHA256,
        Scheme::RsaPssSha384 => &lc::RSA_PSS_2048_8192_SHA384,
        Scheme::RsaPssSha512 => &lc::RSA_PSS_2048_8192_SHA512,
        Scheme::Ed25519 => &lc::ED25519,
        Scheme::Ed25519ph => return None,
    })
}

fn digest_algorithm(hash: Hash) -> &'static digest::Algorithm {
    match hash {
        Hash::Sha256 => &digest::SHA256,
        Hash::Sha384 => &digest::SHA384,
        Hash::Sha512 => &digest::SHA512,
    }
}
