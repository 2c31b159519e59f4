//! The backend as the `sigstore-*` crates want it, so that they verify with the same primitives.

use sha2::{Digest as _, Sha256, Sha384, Sha512};
use sigstore_crypto::{CryptoProvider, Error, HashContext, Result, SigningScheme};
use sigstore_types::HashAlgorithm;

use super::{Scheme, backend, key, sha256, sha384, sha512};

/// Makes the `sigstore-*` crates use our [`backend`]; without it they panic.
///
/// Their provider is global to the process. Calling this again does nothing; where another provider
/// was installed before, that one stays, because it cannot be replaced.
pub fn install_sigstore_provider() {
    // The error only hands the provider back that came too late.
    let _ = sigstore_crypto::install_default_provider(&Provider);
}

#[derive(Debug)]
struct Provider;

impl CryptoProvider for Provider {
    fn hash(&self, algorithm: HashAlgorithm) -> Result<Box<dyn HashContext>> {
        Ok(match algorithm {
            HashAlgorithm::Sha2256 => Box::new(Hasher(Sha256::new())),
            HashAlgorithm::Sha2384 => Box::new(Hasher(Sha384::new())),
            HashAlgorithm::Sha2512 => Box::new(Hasher(Sha512::new())),
            other => {
                return Err(Error::UnsupportedAlgorithm(format!("the hash {other:?}")));
            }
        })
    }

    fn sha256(&self, data: &[u8]) -> [u8; 32] {
        sha256(data)
    }

    fn sha384(&self, data: &[u8]) -> [u8; 48] {
        sha384(data)
    }

    fn sha512(&self, data: &[u8]) -> [u8; 64] {
        sha512(data)
    }

    fn verify_raw(
        &self,
        scheme: SigningScheme,
        public_key: &[u8],
        data: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        let ours = accepted(scheme, public_key)?;
        backend::active()
            .verify(ours, public_key, data, signature)
            .map_err(|_| mismatch(scheme))
    }

    fn verify_prehashed(
        &self,
        scheme: SigningScheme,
        public_key: &[u8],
        digest: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        let ours = accepted(scheme, public_key)?;
        backend::active()
            .verify_digest(ours, public_key, digest, signature)
            .map_err(|_| mismatch(scheme))
    }
}

/// Incremental hashing, which those crates need for streams only, and so not worth a method of the
/// backend: everything in memory goes through the one-shot functions.
struct Hasher<D>(D);

impl<D: sha2::Digest + Send> HashContext for Hasher<D> {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finalize(self: Box<Self>) -> Vec<u8> {
        self.0.finalize().to_vec()
    }
}

/// Our name for the scheme, if the key has the encoding and the size that backends rely on.
fn accepted(scheme: SigningScheme, public_key: &[u8]) -> Result<Scheme> {
    let ours = match scheme {
        SigningScheme::EcdsaP256Sha256 => Scheme::EcdsaP256Sha256,
        SigningScheme::EcdsaP256Sha384 => Scheme::EcdsaP256Sha384,
        SigningScheme::EcdsaP384Sha256 => Scheme::EcdsaP384Sha256,
        SigningScheme::EcdsaP384Sha384 => Scheme::EcdsaP384Sha384,
        SigningScheme::RsaPkcs1Sha256 => Scheme::RsaPkcs1Sha256,
        SigningScheme::RsaPkcs1Sha384 => Scheme::RsaPkcs1Sha384,
        SigningScheme::RsaPkcs1Sha512 => Scheme::RsaPkcs1Sha512,
        SigningScheme::RsaPssSha256 => Scheme::RsaPssSha256,
        SigningScheme::RsaPssSha384 => Scheme::RsaPssSha384,
        SigningScheme::RsaPssSha512 => Scheme::RsaPssSha512,
        SigningScheme::Ed25519 => Scheme::Ed25519,
        other => return Err(Error::UnsupportedAlgorithm(other.name().to_owned())),
    };
    key::check_raw(ours.kind(), public_key)
        .map_err(|error| Error::InvalidKey(error.to_string()))?;
    Ok(ours)
}

fn mismatch(scheme: SigningScheme) -> Error {
    Error::Verification(format!("{} signature invalid", scheme.name()))
}
