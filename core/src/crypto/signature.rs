//! Verification of signatures with a [`PublicKey`].

use std::borrow::Cow;

use der::asn1::UintRef;
use der::{Encode as _, Sequence};

use super::backend::{self, Backend};
use super::{Hash, KeyKind, PublicKey, Scheme, SignatureEncoding};
use crate::budget::{self, SignatureCheck};
use crate::limits;

impl PublicKey {
    /// Verifies a signature over `message`, made with exactly that scheme. ECDSA signatures are in
    /// DER.
    pub fn verify(
        &self,
        scheme: Scheme,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        self.verify_encoded(scheme, SignatureEncoding::Der, message, signature)
    }

    /// Verifies a signature over the message that `digest` is the hash of.
    ///
    /// The digest must be made with the scheme's hash, by our own hashing or by a party trusted for
    /// it. Pure Ed25519 cannot be verified so.
    pub fn verify_digest(
        &self,
        scheme: Scheme,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        self.verify_digest_with(backend::active(), scheme, digest, signature)
    }

    /// Verifies a signature in the given encoding over `message`.
    pub fn verify_encoded(
        &self,
        scheme: Scheme,
        encoding: SignatureEncoding,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        self.verify_with(backend::active(), scheme, encoding, message, signature)
    }

    /// Tries the schemes that belong to this kind of key in order, and says which one verifies.
    ///
    /// For signatures that do not name their scheme; see `Scheme::accepted_for`.
    pub fn verify_any(
        &self,
        schemes: &[Scheme],
        message: &[u8],
        signature: &[u8],
    ) -> Result<Scheme, SignatureError> {
        self.first_of(
            schemes,
            |_| true,
            |scheme| self.verify(scheme, message, signature),
        )
    }

    /// Like [`verify_any`](Self::verify_any) with only a digest known: tries the schemes over that
    /// hash.
    pub fn verify_any_digest(
        &self,
        schemes: &[Scheme],
        hash: Hash,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<Scheme, SignatureError> {
        self.first_of(
            schemes,
            |scheme| scheme.hash() == Some(hash),
            |scheme| self.verify_digest(scheme, digest, signature),
        )
    }

    /// [`verify_encoded`](Self::verify_encoded) with a given backend, to compare backends.
    pub fn verify_with(
        &self,
        backend: &dyn Backend,
        scheme: Scheme,
        encoding: SignatureEncoding,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        self.check(scheme, signature)?;
        let signature = match (encoding, self.kind().ecdsa_field_len()) {
            (SignatureEncoding::Fixed, Some(len)) => Cow::Owned(fixed_to_der(len, signature)?),
            _ => Cow::Borrowed(signature),
        };
        let verify = || {
            backend
                .verify(scheme, self.raw(), message, &signature)
                .is_ok()
        };
        let asked = SignatureCheck {
            scheme: scheme.as_str(),
            cost: scheme.cost(),
            key: self.raw(),
            message,
            signature: &signature,
        };
        match budget::check_signature(asked, verify) {
            true => Ok(()),
            false => Err(mismatch(scheme)),
        }
    }

    /// [`verify_digest`](Self::verify_digest) with a given backend, to compare backends.
    pub fn verify_digest_with(
        &self,
        backend: &dyn Backend,
        scheme: Scheme,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        self.check(scheme, signature)?;
        let hash = scheme.hash().ok_or(SignatureError::NeedsMessage(scheme))?;
        if digest.len() != hash.output_len() {
            return Err(SignatureError::DigestLength {
                scheme,
                expected: hash.output_len(),
                found: digest.len(),
            });
        }
        let verify = || {
            let verified = backend.verify_digest(scheme, self.raw(), digest, signature);
            verified.is_ok()
        };
        // By its digest alone: not the question that a message of these bytes would ask.
        let key = [b"digest".as_slice(), self.raw()].concat();
        let asked = SignatureCheck {
            scheme: scheme.as_str(),
            cost: scheme.cost(),
            key: &key,
            message: digest,
            signature,
        };
        match budget::check_signature(asked, verify) {
            true => Ok(()),
            false => Err(mismatch(scheme)),
        }
    }

    fn first_of(
        &self,
        schemes: &[Scheme],
        usable: impl Fn(Scheme) -> bool,
        verify: impl Fn(Scheme) -> Result<(), SignatureError>,
    ) -> Result<Scheme, SignatureError> {
        let mut tried = Vec::new();
        for &scheme in schemes {
            if scheme.kind() != self.kind() || !usable(scheme) {
                continue;
            }
            match verify(scheme) {
                Ok(()) => return Ok(scheme),
                Err(SignatureError::Mismatch { .. }) => tried.push(scheme),
                Err(error) => return Err(error),
            }
        }
        if tried.is_empty() {
            return Err(SignatureError::NoScheme(self.kind()));
        }
        Err(SignatureError::Mismatch { tried })
    }

    fn check(&self, scheme: Scheme, signature: &[u8]) -> Result<(), SignatureError> {
        if scheme.kind() != self.kind() {
            return Err(SignatureError::WrongKey {
                scheme,
                kind: self.kind(),
            });
        }
        if signature.len() > limits::SIGNATURE_BYTES {
            return Err(SignatureError::Length {
                expected: limits::SIGNATURE_BYTES,
                found: signature.len(),
            });
        }
        Ok(())
    }
}

/// Why a signature does not verify.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The signature is another key's, over another message, altered or malformed.
    #[error(
        "the signature does not match this key and content (tried {})",
        names(tried)
    )]
    Mismatch {
        /// The schemes tried, at least one.
        tried: Vec<Scheme>,
    },
    /// The scheme asked for is not one for this key.
    #[error("the scheme {scheme} needs an {} key, found an {kind} key", scheme.kind())]
    WrongKey {
        /// The scheme asked for.
        scheme: Scheme,
        /// The kind of the key.
        kind: KeyKind,
    },
    /// None of the schemes allowed can be verified with this key and what is known of the message.
    #[error("none of the allowed signature schemes can be used with an {0} key here")]
    NoScheme(KeyKind),
    /// The scheme takes the message, but only its digest is known.
    #[error("the scheme {0} signs the content itself, which cannot be verified from its digest")]
    NeedsMessage(Scheme),
    /// The digest is of another hash.
    #[error("the scheme {scheme} expects a digest of {expected} bytes, found {found}")]
    DigestLength {
        /// The scheme asked for.
        scheme: Scheme,
        /// Bytes of its hash.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// No signature has this length; nothing was parsed.
    #[error("expected a signature of {expected} bytes at most, found {found}")]
    Length {
        /// Bytes expected: an exact length for fixed-length ECDSA, else the most.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
}

fn mismatch(scheme: Scheme) -> SignatureError {
    SignatureError::Mismatch {
        tried: vec![scheme],
    }
}

fn names(schemes: &[Scheme]) -> String {
    let names: Vec<_> = schemes.iter().map(|scheme| scheme.as_str()).collect();
    names.join(", ")
}

/// `Ecdsa-Sig-Value` of RFC 3279, section 2.2.3.
#[derive(Sequence)]
struct EcdsaSignatureDer<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

fn fixed_to_der(field_len: usize, signature: &[u8]) -> Result<Vec<u8>, SignatureError> {
    let length = || SignatureError::Length {
        expected: 2 * field_len,
        found: signature.len(),
    };
    if signature.len() != 2 * field_len {
        return Err(length());
    }
    let (r, s) = signature.split_at(field_len);
    let encode = || {
        EcdsaSignatureDer {
            r: UintRef::new(r)?,
            s: UintRef::new(s)?,
        }
        .to_der()
    };
    encode().map_err(|_: der::Error| length())
}
