//! The accepted schemes as rustls-webpki wants them, so that certificate chains are verified by the
//! same code, natively and in wasm.

use rustls_pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};

use super::{KeyKind, Scheme, backend, key};
use crate::budget::{self, SignatureCheck};

/// The algorithms accepted for signatures in X.509 certificates, CRLs and OCSP responses.
///
/// RSA keys of certificate authorities are held to the same bounds as all others, 2048 to 4096
/// bits. Certificates never use Ed25519ph (RFC 8410).
pub fn webpki_algorithms() -> &'static [&'static dyn SignatureVerificationAlgorithm] {
    ALGORITHMS
}

static ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    &ecdsa(Scheme::EcdsaP256Sha256, alg_id::ECDSA_SHA256),
    &ecdsa(Scheme::EcdsaP256Sha384, alg_id::ECDSA_SHA384),
    &ecdsa(Scheme::EcdsaP256Sha512, alg_id::ECDSA_SHA512),
    &ecdsa(Scheme::EcdsaP384Sha256, alg_id::ECDSA_SHA256),
    &ecdsa(Scheme::EcdsaP384Sha384, alg_id::ECDSA_SHA384),
    &ecdsa(Scheme::EcdsaP384Sha512, alg_id::ECDSA_SHA512),
    &ecdsa(Scheme::EcdsaP521Sha256, alg_id::ECDSA_SHA256),
    &ecdsa(Scheme::EcdsaP521Sha384, alg_id::ECDSA_SHA384),
    &ecdsa(Scheme::EcdsaP521Sha512, alg_id::ECDSA_SHA512),
    &rsa(Scheme::RsaPkcs1Sha256, alg_id::RSA_PKCS1_SHA256),
    &rsa(Scheme::RsaPkcs1Sha384, alg_id::RSA_PKCS1_SHA384),
    &rsa(Scheme::RsaPkcs1Sha512, alg_id::RSA_PKCS1_SHA512),
    &rsa(Scheme::RsaPkcs1Sha256, RSA_PKCS1_SHA256_NO_PARAMETERS),
    &rsa(Scheme::RsaPkcs1Sha384, RSA_PKCS1_SHA384_NO_PARAMETERS),
    &rsa(Scheme::RsaPkcs1Sha512, RSA_PKCS1_SHA512_NO_PARAMETERS),
    &rsa(Scheme::RsaPssSha256, alg_id::RSA_PSS_SHA256),
    &rsa(Scheme::RsaPssSha384, alg_id::RSA_PSS_SHA384),
    &rsa(Scheme::RsaPssSha512, alg_id::RSA_PSS_SHA512),
    &Algorithm {
        scheme: Scheme::Ed25519,
        public_key: alg_id::ED25519,
        signature: alg_id::ED25519,
    },
];

// RFC 4055 section 5 wants a NULL, and wants implementations to accept its absence:
// sha256WithRSAEncryption, sha384WithRSAEncryption and sha512WithRSAEncryption without it.
const RSA_PKCS1_SHA256_NO_PARAMETERS: AlgorithmIdentifier =
    AlgorithmIdentifier::from_slice(b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b");
const RSA_PKCS1_SHA384_NO_PARAMETERS: AlgorithmIdentifier =
    AlgorithmIdentifier::from_slice(b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c");
const RSA_PKCS1_SHA512_NO_PARAMETERS: AlgorithmIdentifier =
    AlgorithmIdentifier::from_slice(b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d");

/// A scheme with the algorithm identifiers that stand for it in certificates.
#[derive(Debug)]
struct Algorithm {
    scheme: Scheme,
    public_key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
}

impl SignatureVerificationAlgorithm for Algorithm {
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.public_key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }

    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        key::check_raw(self.scheme.kind(), public_key).map_err(|_| InvalidSignature)?;
        let verify = || {
            let backend = backend::active();
            let verified = backend.verify(self.scheme, public_key, message, signature);
            verified.is_ok()
        };
        let asked = SignatureCheck {
            scheme: self.scheme.as_str(),
            cost: self.scheme.cost(),
            key: public_key,
            message,
            signature,
        };
        match budget::check_signature(asked, verify) {
            true => Ok(()),
            false => Err(InvalidSignature),
        }
    }
}

const fn ecdsa(scheme: Scheme, signature: AlgorithmIdentifier) -> Algorithm {
    let public_key = match scheme.kind() {
        KeyKind::EcdsaP256 => alg_id::ECDSA_P256,
        KeyKind::EcdsaP384 => alg_id::ECDSA_P384,
        _ => alg_id::ECDSA_P521,
    };
    Algorithm {
        scheme,
        public_key,
        signature,
    }
}

const fn rsa(scheme: Scheme, signature: AlgorithmIdentifier) -> Algorithm {
    Algorithm {
        scheme,
        public_key: alg_id::RSA_ENCRYPTION,
        signature,
    }
}
