//! What was signed: by whom the signature is, and that it is for this artifact.

use std::collections::BTreeMap;

use super::entity::Content;
use super::simple_signing;
use crate::bound::{Bound, Name};
use crate::crypto::{Hash, PublicKey, Scheme, SignatureError, VerifiedSignature};
use crate::dsse::SignedEnvelope;
use crate::judgement::Says;
use crate::reason::{Code, Reason};
use crate::statement;
use crate::target::Target;

/// Content whose signature a key verified. `Content::verify` alone makes one, and only what is
/// signed can be bound.
#[derive(Clone, Debug)]
pub struct Signed<'a> {
    what: What<'a>,
    target: Target<'a>,
}

#[derive(Clone, Debug)]
enum What<'a> {
    SimpleSigning(VerifiedSignature<'a>),
    Message(VerifiedSignature<'a>),
    Dsse(SignedEnvelope<'a>),
}

impl Content {
    /// Verifies the signature with this key.
    pub(crate) fn verify<'a>(
        &'a self,
        key: &PublicKey,
        target: Target<'a>,
    ) -> Result<Signed<'a>, SignatureError> {
        let schemes = Scheme::accepted_for(key.kind());
        let what = match self {
            Self::SimpleSigning { payload, signature } => What::SimpleSigning(
                VerifiedSignature::by_any(key, schemes, payload.bytes(), signature)?,
            ),
            Self::Dsse(envelope) => What::Dsse(envelope.verify(key, schemes)?),
            Self::Message { signature, .. } => What::Message(match target.bytes() {
                Some(bytes) => VerifiedSignature::by_any(key, schemes, bytes, signature)?,
                None => verify_digest(key, schemes, &target, signature)?,
            }),
        };
        Ok(Signed { what, target })
    }

    /// Whether the digest that a bundle states is the artifact's. Not signed: a hint that
    /// must not mislead.
    pub(crate) fn check_hint(&self, target: &Target<'_>) -> Result<(), Reason> {
        let Self::Message {
            digest: Some(hint), ..
        } = self
        else {
            return Ok(());
        };
        match target.hash(hint.hash) {
            Some(own) if own != hint.digest => Err(Reason::new(
                Code::MessageDigestMismatch,
                format!(
                    "expected a signature for {}, found one for {}:{}",
                    target.digest(),
                    hint.hash,
                    hex::encode(&hint.digest)
                ),
            )),
            _ => Ok(()),
        }
    }
}

impl Signed<'_> {
    /// The scheme of the signature.
    pub(crate) fn scheme(&self) -> Scheme {
        match &self.what {
            What::SimpleSigning(signature) | What::Message(signature) => signature.scheme(),
            What::Dsse(envelope) => envelope.signature().scheme(),
        }
    }

    /// Binds what was signed to the artifact that it was verified for.
    pub(crate) fn bind(&self) -> Result<Bound<Says>, Reason> {
        match &self.what {
            What::SimpleSigning(signature) => {
                let bound = simple_signing::bind(signature, &self.target)?;
                Ok(bound.map(|()| Says::ImageSignature))
            }
            What::Message(signature) => {
                let (says, none) = (Says::ImageSignature, BTreeMap::new());
                Bound::new(signature, Name::Itself, &self.target, says, none).ok_or_else(|| {
                    Reason::new(
                        Code::SubjectMismatch,
                        format!("the signature is not over {}", self.target.digest()),
                    )
                })
            }
            What::Dsse(envelope) => bind_envelope(envelope, &self.target),
        }
    }
}

fn bind_envelope(
    envelope: &SignedEnvelope<'_>,
    target: &Target<'_>,
) -> Result<Bound<Says>, Reason> {
    if envelope.payload_type() != statement::PAYLOAD_TYPE {
        return Err(Reason::new(
            Code::PayloadTypeMismatch,
            format!(
                "expected the payload type {}, found {:?}",
                statement::PAYLOAD_TYPE,
                envelope.payload_type()
            ),
        ));
    }
    let bound = statement::bind(envelope, target)?;
    Ok(bound.map(|statement| match statement.predicate_type() {
        statement::COSIGN_SIGN => Says::ImageSignature,
        _ => Says::Attestation(statement),
    }))
}

/// Verifies with the artifact's digest alone. Pure Ed25519 signs the bytes, and cannot be.
fn verify_digest(
    key: &PublicKey,
    schemes: &[Scheme],
    target: &Target<'_>,
    signature: &[u8],
) -> Result<VerifiedSignature<'static>, SignatureError> {
    let mut failure = SignatureError::NoScheme(key.kind());
    for hash in Hash::ALL {
        let Some(digest) = target.hash(hash) else {
            continue;
        };
        match VerifiedSignature::by_any_over_digest(key, schemes, hash, digest, signature) {
            Ok(verified) => return Ok(verified),
            Err(SignatureError::NoScheme(_)) => {}
            Err(error) => failure = error,
        }
    }
    Err(failure)
}
