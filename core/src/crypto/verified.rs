//! A signature that was verified, as a value: who holds one need not ask again.

use super::{Hash, PublicKey, Scheme, SignatureEncoding, SignatureError};

/// A key's signature over a message. Each way to one verifies it.
///
/// Nothing is said about the key: whose it is, and whether anybody trusts it.
#[derive(Clone, Debug)]
pub struct VerifiedSignature<'a> {
    covers: Covers<'a>,
    scheme: Scheme,
}

/// What a signature is over.
#[derive(Clone, Debug)]
enum Covers<'a> {
    Message(&'a [u8]),
    /// The message of which this is the hash.
    Digest(Hash, Vec<u8>),
}

impl<'a> VerifiedSignature<'a> {
    /// By the first of the schemes that verifies, see [`PublicKey::verify_any`].
    pub(crate) fn by_any(
        key: &PublicKey,
        schemes: &[Scheme],
        message: &'a [u8],
        signature: &[u8],
    ) -> Result<Self, SignatureError> {
        let scheme = key.verify_any(schemes, message, signature)?;
        let covers = Covers::Message(message);
        Ok(Self { covers, scheme })
    }

    /// Likewise, where only the message's hash is known, see [`PublicKey::verify_any_digest`].
    pub(crate) fn by_any_over_digest(
        key: &PublicKey,
        schemes: &[Scheme],
        hash: Hash,
        digest: Vec<u8>,
        signature: &[u8],
    ) -> Result<Self, SignatureError> {
        let scheme = key.verify_any_digest(schemes, hash, &digest, signature)?;
        let covers = Covers::Digest(hash, digest);
        Ok(Self { covers, scheme })
    }

    /// By this scheme alone.
    pub(crate) fn by(
        key: &PublicKey,
        scheme: Scheme,
        encoding: SignatureEncoding,
        message: &'a [u8],
        signature: &[u8],
    ) -> Result<Self, SignatureError> {
        key.verify_encoded(scheme, encoding, message, signature)?;
        let covers = Covers::Message(message);
        Ok(Self { covers, scheme })
    }

    /// The scheme by which it was made.
    pub(crate) fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// What was signed; nothing where only its hash is known.
    pub(crate) fn message(&self) -> &'a [u8] {
        match self.covers {
            Covers::Message(message) => message,
            Covers::Digest(..) => &[],
        }
    }

    /// Whether it is over these very bytes, or, where those are not at hand, over what has this
    /// hash.
    pub(crate) fn is_over(
        &self,
        bytes: Option<&[u8]>,
        hash_of: impl FnOnce(Hash) -> Option<Vec<u8>>,
    ) -> bool {
        match &self.covers {
            Covers::Message(message) => bytes == Some(*message),
            Covers::Digest(hash, digest) => hash_of(*hash).as_ref() == Some(digest),
        }
    }
}
