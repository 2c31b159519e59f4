//! Signatures by short-lived certificates.

use const_oid::db::rfc5280::ID_KP_CODE_SIGNING;

use super::case::Case;
use super::content::Signed;
use super::entity::{Material, SignedEntity};
use super::identity::CertificateIdentity;
use super::log::{Claim, Verifier};
use super::sct;
use super::witness::{Thresholds, Witnessed};
use crate::judgement::{Judgement, Verified};
use crate::policy::KeylessAuthority;
use crate::reason::{Code, Reason};
use crate::time::UnixTime;
use crate::trust::SigstoreRoot;
use crate::verdict::{Signer, SignerKind};
use crate::x509::Certificate;
use crate::x509::path::{PathError, VerifiedPath};

/// Judges a signature by the identities of the authority.
///
/// 1. The certificate must be signed by an authority of the trust root, directly or through those
///    that came with it, and name one of the identities. Nothing is read from one that does not
///    even name an authority of the root as its issuer; the signatures come last, for they cost.
/// 2. The signature must be the certificate holder's.
/// 3. Logs and timestamp authorities must have seen this signature by this certificate,
///    as many as the authority asks for, and at least one must tell the time.
/// 4. The certificate must lead to an authority of the trust root, and be valid with every
///    one above it at each of those times.
/// 5. Certificate transparency logs must have promised to publish it.
/// 6. What was signed must be for this artifact.
pub(super) fn judge(
    entity: &SignedEntity,
    authority: &KeylessAuthority,
    root: &SigstoreRoot,
    case: &Case<'_>,
) -> Judgement {
    let Material::Certificate { leaf, others } = &entity.material else {
        return Judgement::NotApplicable;
    };
    match verify(entity, leaf, others, authority, root, case) {
        Ok(verified) => Judgement::Passed(Box::new(verified)),
        Err(reason) => reason.into(),
    }
}

fn verify(
    entity: &SignedEntity,
    leaf: &Certificate,
    others: &[Certificate],
    authority: &KeylessAuthority,
    root: &SigstoreRoot,
    case: &Case<'_>,
) -> Result<Verified, Reason> {
    // (1) the identity
    let identity = identity_of(leaf, others, root)?;
    let name = identity.matches_any(&authority.identities)?;
    check_issued(leaf, others, root)?;
    // (2) the signature
    let (signed, key) = signed_by(entity, leaf, case)?;
    // (3) the witnesses
    let claim = Claim {
        content: &entity.content,
        target: case.target,
        verifier: Verifier::Certificate(leaf),
    };
    let thresholds = Thresholds {
        logs: authority.transparency_log,
        timestamps: authority.signed_timestamp,
    };
    let witnessed = Witnessed::verify(entity, &claim, root, thresholds, case.now)?;
    let times = witnessed.some_time()?;
    // (4) the path
    let path = path(leaf, others, root, &times)?;
    // (5) certificate transparency
    let issuer = path.issuer().ok_or_else(|| {
        Reason::new(
            Code::CertificateUntrusted,
            "the signing certificate is itself the one that is trusted, and has no issuer",
        )
    })?;
    sct::verify(leaf, issuer, root, authority.certificate_transparency)?;
    // (6) the artifact
    let bound = signed.bind()?;
    let signer = Signer {
        kind: SignerKind::Keyless,
        authority: case.authority_name.clone(),
        signs: bound.says().signs(),
        format: entity.format.of_signature(),
        artifact: entity.artifact,
        scheme: signed.scheme(),
        key: None,
        fingerprint: Some(leaf.fingerprint().hex()),
        key_fingerprint: Some(key),
        issuer: identity.issuer.clone(),
        subject: Some(name.text.clone()),
        subject_type: Some(name.kind),
        other_subjects: identity.other_names(name),
        claims: identity.claims.clone(),
        x509_subject: None,
        signing_profile: None,
        signing_profile_version: None,
        signing_job: None,
        annotations: bound.annotations().clone(),
        times: witnessed.times().iter().cloned().collect(),
        logs: witnessed.logs().iter().cloned().collect(),
    };
    Ok(Verified::new(bound, signer, Vec::new(), None))
}

/// Whom the certificate names. What is wrong with it is of interest only if an authority of the
/// trust root issued it: a stranger's certificates may be as he likes.
fn identity_of(
    leaf: &Certificate,
    others: &[Certificate],
    root: &SigstoreRoot,
) -> Result<CertificateIdentity, Reason> {
    let mut authorities = root.authorities.iter();
    if !authorities.any(|authority| authority.chain.is_named_by(leaf, others)) {
        return Err(untrusted());
    }
    CertificateIdentity::read(leaf).map_err(|reason| {
        let issued = check_issued(leaf, others, root);
        issued.err().unwrap_or(reason)
    })
}

/// Whether the certificate leads to the trust root by signatures. What else a path must keep
/// comes with the times, see [`path`].
fn check_issued(
    leaf: &Certificate,
    others: &[Certificate],
    root: &SigstoreRoot,
) -> Result<(), Reason> {
    let mut authorities = root.authorities.iter();
    match authorities.any(|authority| authority.chain.leads_down_to(leaf, others)) {
        true => Ok(()),
        false => Err(untrusted()),
    }
}

fn untrusted() -> Reason {
    Reason::new(
        Code::CertificateUntrusted,
        "the signing certificate does not chain to a certificate authority of the trust root",
    )
}

/// The signature, and the fingerprint of the key.
fn signed_by<'a>(
    entity: &'a SignedEntity,
    leaf: &Certificate,
    case: &Case<'a>,
) -> Result<(Signed<'a>, String), Reason> {
    entity.content.check_hint(&case.target)?;
    let key = leaf.public_key().map_err(|error| {
        Reason::new(
            Code::AlgorithmUnsupported,
            format!("the signing certificate's key: {error}"),
        )
    })?;
    let signed = entity.content.verify(&key, case.target).map_err(|error| {
        Reason::new(
            Code::SignatureInvalid,
            format!(
                "the signature in {} is not by its certificate: {error}",
                entity.artifact
            ),
        )
    })?;
    Ok((signed, key.fingerprint()))
}

/// The path to one of the root's authorities that held at all of the times.
fn path<'a>(
    leaf: &'a Certificate,
    others: &'a [Certificate],
    root: &'a SigstoreRoot,
    times: &[UnixTime],
) -> Result<VerifiedPath<'a>, Reason> {
    check_profile(leaf)?;
    let first = times.first().copied().unwrap_or(UnixTime::from_seconds(0));
    let outside = |why: String| Reason::new(Code::CertificateOutsideValidity, why);
    if let Some(time) = times.iter().find(|time| !leaf.validity().contains(**time)) {
        return Err(outside(format!(
            "the signing certificate is valid {}, and the signature was made at {time}",
            leaf.validity()
        )));
    }
    let mut failure = untrusted();
    for authority in &root.authorities {
        let found = authority
            .chain
            .verify(leaf, others, &ID_KP_CODE_SIGNING, first)
            .and_then(|path| {
                times.iter().try_for_each(|time| path.check(*time))?;
                Ok(path)
            });
        let valid = |time: &&UnixTime| !authority.valid_for.contains(**time);
        let reason = match (found, times.iter().find(valid)) {
            (Ok(path), None) => return Ok(path),
            (Ok(_), Some(time)) => outside(format!(
                "the certificate authority {} counts {}, and the signature was made at {time}",
                authority.name, authority.valid_for
            )),
            (Err(PathError::Untrusted), _) => continue,
            (Err(error @ PathError::Profile(_)), _) => Reason::new(
                Code::CertificateProfile,
                format!("{}: {error}", authority.name),
            ),
            (Err(error), _) => outside(format!("{}: {error}", authority.name)),
        };
        if reason.code > failure.code {
            failure = reason;
        }
    }
    Err(failure)
}

/// Fulcio, `docs/certificate-specification.md`: for code signing, and for signatures.
fn check_profile(leaf: &Certificate) -> Result<(), Reason> {
    let profile = |why: &str| {
        Reason::new(
            Code::CertificateProfile,
            format!("the signing certificate {why}"),
        )
    };
    let usage = leaf.extended_key_usage();
    if !usage.is_some_and(|(_, usages)| usages.contains(&ID_KP_CODE_SIGNING)) {
        return Err(profile("is not one for code signing"));
    }
    match leaf.key_usage() {
        Some((_, usage)) if !usage.digital_signature() => Err(profile("is not one for signatures")),
        _ => Ok(()),
    }
}
