//! Signatures by managed keys.

use super::{Content, Material, SignedEntity};
use crate::candidate::{Context, Judgement, Verified, VerifiedContent};
use crate::cosign::payload;
use crate::crypto::{PublicKey, Scheme};
use crate::policy::{KeyAuthority, TrustedKey};
use crate::reason::{Code, Reason};
use crate::statement;
use crate::verdict::{Signer, SignerKind};

/// Judges a signature by the authority's keys.
///
/// 1. The signature must verify with one of the keys.
/// 2. That key must be in force.
/// 3. The payload must name the image.
pub(super) fn judge(
    entity: &SignedEntity,
    authority: &KeyAuthority,
    context: &Context<'_>,
) -> Judgement {
    if matches!(entity.material, Material::Certificate(_)) {
        return Judgement::NotApplicable;
    }
    match verify(entity, authority, context) {
        Ok(verified) => Judgement::Passed(Box::new(verified)),
        Err(reason) => reason.into(),
    }
}

fn verify(
    entity: &SignedEntity,
    authority: &KeyAuthority,
    context: &Context<'_>,
) -> Result<Verified, Reason> {
    // (1) the signature
    let (key, scheme) = authority
        .keys
        .iter()
        .find_map(|key| Some((key, signed_by(&entity.content, &key.key)?)))
        .ok_or_else(|| no_key_matches(entity, authority))?;
    // (2) the key
    if !key.valid_for.contains(context.now) {
        return Err(Reason::new(
            Code::KeyOutsideValidity,
            format!(
                "the key {:?} counts {}, and the signature has no verified time within that; now is {}",
                key.name, key.valid_for, context.now
            ),
        ));
    }
    // (3) the payload
    let (content, annotations) = match &entity.content {
        Content::SimpleSigning { payload, .. } => {
            let payload = payload::bind(payload, &context.digest)?;
            (VerifiedContent::ImageSignature, payload.annotations)
        }
        Content::Dsse(envelope) => {
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
            let statement = statement::bind(envelope.payload(), &context.digest)?;
            let annotations = statement.annotations().clone();
            if statement.predicate_type() == statement::COSIGN_SIGN {
                (VerifiedContent::ImageSignature, annotations)
            } else {
                (VerifiedContent::Attestation(statement), annotations)
            }
        }
    };
    Ok(Verified {
        signer: Signer {
            kind: SignerKind::Key,
            authority: context.authority_name.clone(),
            format: entity.format.name().to_owned(),
            artifact: entity.artifact,
            scheme: scheme.name().to_owned(),
            key: Some(key.name.clone()),
            fingerprint: Some(key.key.fingerprint()),
            issuer: None,
            subject: None,
            subject_type: None,
            claims: Default::default(),
            x509_subject: None,
            annotations,
            times: Vec::new(),
            logs: Vec::new(),
        },
        content,
        checks: Vec::new(),
        valid_until: key.valid_for.end,
    })
}

/// The scheme by which this key made the signature, if it did.
fn signed_by(content: &Content, key: &PublicKey) -> Option<Scheme> {
    let schemes = Scheme::accepted_for(key.kind());
    match content {
        Content::SimpleSigning { payload, signature } => {
            key.verify_any(schemes, payload, signature).ok()
        }
        Content::Dsse(envelope) => key
            .verify_any(schemes, &envelope.signed_bytes(), envelope.signature())
            .ok(),
    }
}

fn no_key_matches(entity: &SignedEntity, authority: &KeyAuthority) -> Reason {
    let name = |key: &TrustedKey| format!("{} (sha256:{})", key.name, key.key.fingerprint());
    let keys: Vec<_> = authority.keys.iter().map(name).collect();
    let hint = match &entity.material {
        Material::KeyHint(hint) if !hint.is_empty() => format!("; it names the key {hint:?}"),
        _ => String::new(),
    };
    Reason::new(
        Code::SignatureInvalid,
        format!(
            "the signature in {} verifies with none of the keys {}: another key made it, \
             or the signature or its payload was altered{hint}",
            entity.artifact,
            keys.join(", ")
        ),
    )
}
