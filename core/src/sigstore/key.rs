//! Signatures by managed keys.

use std::collections::BTreeSet;

use super::case::Case;
use super::entity::{Material, SignedEntity};
use super::log::{Claim, Verifier};
use super::witness::{Thresholds, Witnessed};
use crate::judgement::{Judgement, Verified};
use crate::policy::{KeyAuthority, TrustedKey};
use crate::reason::{Code, Reason};
use crate::time::UnixTime;
use crate::trust::SigstoreRoot;
use crate::verdict::{Signer, SignerKind, VerifiedTime};

/// Judges a signature by the authority's keys.
///
/// 1. The signature must verify with one of the keys.
/// 2. Logs and timestamp authorities must have seen it, as many as the authority asks for.
/// 3. That key must be in force: at every time they tell, or now if they tell none.
/// 4. What was signed must be for this artifact.
pub(super) fn judge(
    entity: &SignedEntity,
    authority: &KeyAuthority,
    wanted: Option<&(&SigstoreRoot, Thresholds)>,
    case: &Case<'_>,
) -> Judgement {
    if let Material::Certificate { leaf, .. } = &entity.material
        && !authority
            .keys
            .iter()
            .any(|key| key.key.spki_der() == leaf.spki())
    {
        return Judgement::NotApplicable;
    }
    match verify(entity, authority, wanted, case) {
        Ok(verified) => Judgement::Passed(Box::new(verified)),
        Err(reason) => reason.into(),
    }
}

fn verify(
    entity: &SignedEntity,
    authority: &KeyAuthority,
    wanted: Option<&(&SigstoreRoot, Thresholds)>,
    case: &Case<'_>,
) -> Result<Verified, Reason> {
    // (1) the signature
    entity.content.check_hint(&case.target)?;
    let (key, signed) = authority
        .keys
        .iter()
        .find_map(|key| Some((key, entity.content.verify(&key.key, case.target).ok()?)))
        .ok_or_else(|| no_key_matches(entity, authority))?;
    // (2) the witnesses
    let witnessed = witnesses(entity, key, wanted, case)?;
    // (3) the key
    check_validity(key, witnessed.times(), case.now)?;
    // (4) the artifact
    let bound = signed.bind()?;
    let key_ends = key.valid_for.end.filter(|_| witnessed.times().is_empty());
    let valid_until = key_ends.into_iter().chain(witnessed.until()).min();
    let signer = Signer {
        kind: SignerKind::Key,
        authority: case.authority_name.clone(),
        signs: bound.says().signs(),
        format: entity.format.of_signature(),
        artifact: entity.artifact,
        scheme: signed.scheme(),
        key: Some(key.name.clone()),
        fingerprint: Some(key.key.fingerprint()),
        key_fingerprint: None,
        issuer: None,
        subject: None,
        subject_type: None,
        claims: Default::default(),
        other_subjects: Vec::new(),
        x509_subject: None,
        signing_profile: None,
        signing_profile_version: None,
        signing_job: None,
        annotations: bound.annotations().clone(),
        times: witnessed.times().iter().cloned().collect(),
        logs: witnessed.logs().iter().cloned().collect(),
    };
    Ok(Verified::new(bound, signer, Vec::new(), valid_until))
}

/// Without a trust root nobody can vouch for a log entry, and none is counted. It must be
/// one for this signature all the same.
fn witnesses(
    entity: &SignedEntity,
    key: &TrustedKey,
    wanted: Option<&(&SigstoreRoot, Thresholds)>,
    case: &Case<'_>,
) -> Result<Witnessed, Reason> {
    let claim = Claim {
        content: &entity.content,
        target: case.target,
        verifier: match &entity.material {
            Material::Certificate { leaf, .. } => Verifier::Certificate(leaf),
            _ => Verifier::Key(&key.key),
        },
    };
    match wanted {
        Some((root, thresholds)) => Witnessed::verify(entity, &claim, root, *thresholds, case.now),
        None => {
            entity
                .log_entries
                .iter()
                .try_for_each(|entry| entry.bind(&claim))?;
            Ok(Witnessed::by_nobody())
        }
    }
}

fn check_validity(
    key: &TrustedKey,
    times: &BTreeSet<VerifiedTime>,
    now: UnixTime,
) -> Result<(), Reason> {
    let outside = |why: String| {
        Reason::new(
            Code::KeyOutsideValidity,
            format!("the key {:?} counts {}, and {why}", key.name, key.valid_for),
        )
    };
    if let Some(seen) = times.iter().find(|seen| !key.valid_for.contains(seen.time)) {
        return Err(outside(format!("the signature was made at {}", seen.time)));
    }
    if times.is_empty() && !key.valid_for.contains(now) {
        return Err(outside(format!(
            "the signature has no verified time within that; now is {now}"
        )));
    }
    Ok(())
}

fn no_key_matches(entity: &SignedEntity, authority: &KeyAuthority) -> Reason {
    let keys: Vec<_> = authority.keys.iter().map(TrustedKey::shown).collect();
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
