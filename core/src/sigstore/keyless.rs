//! Signatures by certificates: short-lived ones mostly, which count at a verified time.

use std::fmt;

use const_oid::db::rfc5280::ID_KP_CODE_SIGNING;

use super::case::Case;
use super::content::Signed;
use super::entity::{Material, SignedEntity};
use super::identity::CertificateIdentity;
use super::log::{Claim, Verifier};
use super::sct;
use super::witness::{Thresholds, Witnessed};
use crate::judgement::{Judgement, Verified};
use crate::policy::{Action, KeylessAuthority, ValidAt};
use crate::reason::{Code, Reason};
use crate::time::{UnixTime, earliest};
use crate::trust::SigstoreRoot;
use crate::verdict::{Check, CheckResult, Signer, SignerKind};
use crate::x509::Certificate;
use crate::x509::path::{PathError, VerifiedPath};

/// Judges a signature by the identities of the authority.
///
/// 1. The certificate must be signed by an authority of the trust root, directly or through those
///    that came with it, and name one of the identities. Nothing is read from one that does not
///    even name an authority of the root as its issuer; the signatures come last, for they cost.
/// 2. The signature must be the certificate holder's.
/// 3. Logs and timestamp authorities must have seen this signature by this certificate,
///    as many as the authority asks for, and at least one must tell the time, unless the authority
///    is content with now.
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
    let times = times(&witnessed, authority.valid_at, case.now)?;
    // (4) the path
    let (path, ends) = path(leaf, others, root, &times)?;
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
    Ok(match authority.valid_at {
        ValidAt::VerifiedTimes => Verified::new(bound, signer, Vec::new(), None),
        ValidAt::Now => {
            let untimed = untimed(entity, &witnessed, case);
            Verified::new(bound, signer, untimed, earliest(ends, witnessed.until()))
        }
    })
}

/// A time at which a certificate must be valid.
#[derive(Clone, Copy)]
enum At {
    Signed(UnixTime),
    Now(UnixTime),
}

impl At {
    fn time(self) -> UnixTime {
        let (Self::Signed(time) | Self::Now(time)) = self;
        time
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signed(time) => write!(f, "the signature was made at {time}"),
            Self::Now(time) => write!(f, "now is {time}"),
        }
    }
}

/// The times at which the certificate must be valid, at least one.
fn times(witnessed: &Witnessed, valid_at: ValidAt, now: UnixTime) -> Result<Vec<At>, Reason> {
    let seen = witnessed.times().iter().map(|seen| At::Signed(seen.time));
    Ok(match valid_at {
        ValidAt::VerifiedTimes => {
            let times = witnessed.some_time()?;
            times.into_iter().map(At::Signed).collect()
        }
        ValidAt::Now => seen.chain([At::Now(now)]).collect(),
    })
}

/// That nobody was asked when the signature was made.
fn untimed(entity: &SignedEntity, witnessed: &Witnessed, case: &Case<'_>) -> Vec<Check> {
    if !witnessed.times().is_empty() {
        return Vec::new();
    }
    vec![Check {
        artifact: Some(entity.artifact),
        name: format!("{}: verified time", case.authority_name),
        action: Action::Skip,
        result: CheckResult::Skipped,
        detail: Some(
            "nobody vouches for when the signature was made; its certificate was judged as of now \
             (insecureWithoutVerifiedTime)"
                .to_owned(),
        ),
    }]
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

/// The path to one of the root's authorities that held at all of the times, and when it no longer will.
fn path<'a>(
    leaf: &'a Certificate,
    others: &'a [Certificate],
    root: &'a SigstoreRoot,
    times: &[At],
) -> Result<(VerifiedPath<'a>, Option<UnixTime>), Reason> {
    check_profile(leaf)?;
    let first = times
        .first()
        .map_or(UnixTime::from_seconds(0), |at| at.time());
    let outside = |why: String| Reason::new(Code::CertificateOutsideValidity, why);
    if let Some(at) = times.iter().find(|at| !leaf.validity().contains(at.time())) {
        return Err(outside(format!(
            "the signing certificate is valid {}, and {at}",
            leaf.validity()
        )));
    }
    let mut failure = untrusted();
    for authority in &root.authorities {
        let found = authority
            .chain
            .verify(leaf, others, &ID_KP_CODE_SIGNING, first)
            .and_then(|path| {
                times.iter().try_for_each(|at| path.check(at.time()))?;
                Ok(path)
            });
        let invalid = |at: &&At| !authority.valid_for.contains(at.time());
        let reason = match (found, times.iter().find(invalid)) {
            (Ok(path), None) => {
                let ends = earliest(path.ends(), authority.valid_for.end);
                return Ok((path, ends));
            }
            (Ok(_), Some(at)) => outside(format!(
                "the certificate authority {} counts {}, and {at}",
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
