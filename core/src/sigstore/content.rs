//! What was signed: by whom the signature is, and that it is for this artifact.

use std::collections::BTreeMap;

use super::entity::Content;
use super::simple_signing;
use super::subject::Subject;
use crate::crypto::{Hash, PublicKey, Scheme, SignatureError};
use crate::judgement::VerifiedContent;
use crate::reason::{Code, Reason};
use crate::statement;

impl Content {
    /// Verifies the signature with this key, and says by which scheme it was made.
    ///
    /// Where the artifact itself was signed this binds the signature to it; otherwise
    /// [`Self::bind`] must follow.
    pub(crate) fn verify(
        &self,
        key: &PublicKey,
        subject: &Subject<'_>,
    ) -> Result<Scheme, SignatureError> {
        let schemes = Scheme::accepted_for(key.kind());
        match self {
            Self::SimpleSigning { payload, signature } => {
                key.verify_any(schemes, payload.bytes(), signature)
            }
            Self::Dsse(envelope) => {
                key.verify_any(schemes, envelope.signed_bytes(), envelope.signature())
            }
            Self::Message { signature, .. } => match subject.bytes {
                Some(bytes) => key.verify_any(schemes, bytes, signature),
                None => verify_digest(key, schemes, subject, signature),
            },
        }
    }

    /// Whether the digest that a bundle states is the artifact's. Not signed: a hint that
    /// must not mislead.
    pub(crate) fn check_hint(&self, subject: &Subject<'_>) -> Result<(), Reason> {
        let Self::Message {
            digest: Some(hint), ..
        } = self
        else {
            return Ok(());
        };
        match subject.digest(hint.hash) {
            Some(own) if own != hint.digest => Err(Reason::new(
                Code::MessageDigestMismatch,
                format!(
                    "expected a signature for {}, found one for {}:{}",
                    subject.digest,
                    hint.hash,
                    hex::encode(&hint.digest)
                ),
            )),
            _ => Ok(()),
        }
    }

    /// Binds content **whose signature has been verified** to the artifact, and returns what
    /// it says and the annotations under the signature.
    pub(crate) fn bind(
        &self,
        subject: &Subject<'_>,
    ) -> Result<(VerifiedContent, BTreeMap<String, String>), Reason> {
        match self {
            Self::SimpleSigning { payload, .. } => {
                let payload = simple_signing::bind(payload.bytes(), &subject.digest)?;
                Ok((VerifiedContent::ImageSignature, payload.annotations))
            }
            Self::Message { .. } => Ok((VerifiedContent::ImageSignature, BTreeMap::new())),
            Self::Dsse(envelope) => {
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
                let statement = statement::bind(envelope.payload(), &subject.digest)?;
                let annotations = statement.annotations().clone();
                match statement.predicate_type() {
                    statement::COSIGN_SIGN => Ok((VerifiedContent::ImageSignature, annotations)),
                    _ => Ok((VerifiedContent::Attestation(statement), annotations)),
                }
            }
        }
    }
}

/// Verifies with the artifact's digest alone. Pure Ed25519 signs the bytes, and cannot be.
fn verify_digest(
    key: &PublicKey,
    schemes: &[Scheme],
    subject: &Subject<'_>,
    signature: &[u8],
) -> Result<Scheme, SignatureError> {
    let mut failure = SignatureError::NoScheme(key.kind());
    for hash in Hash::ALL {
        let Some(digest) = subject.digest(hash) else {
            continue;
        };
        match key.verify_any_digest(schemes, hash, &digest, signature) {
            Ok(scheme) => return Ok(scheme),
            Err(SignatureError::NoScheme(_)) => {}
            Err(error) => failure = error,
        }
    }
    Err(failure)
}
