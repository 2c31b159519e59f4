//! Notary Project signatures (`notation`).
//!
//! ```text
//! artifact ─► envelope (jws | cose) ─► integrity: attributes, signature, chain, payload
//!                                      authenticity: trust stores, trusted identities
//!                                      expiry
//!                                      authenticTimestamp: RFC 3161 token, or the certificates now
//!                                      revocation: OCSP, CRL
//! ```
//!
//! Each check is enforced, logged or skipped as the policy's level says; the verdict lists them
//! all. Specifications: signature specification, signing scheme, trust store and trust policy, as
//! of v1.1. sealgate runs no verification plugin: what AWS Signer's does is done here as far as it
//! can be, and signatures that name another fail.

mod artifact;
mod attributes;
mod aws_signer;
mod chain;
mod claimed;
mod cose;
mod envelope;
#[cfg(feature = "internals")]
pub(crate) mod internals;
mod jws;
mod member;
mod payload;
mod report;
mod revocation;
mod timestamp;

use crate::bound::Bound;
use crate::judgement::{Context, Judgement, Says};
use crate::policy::{CheckKind, NotationAuthority, TrustedIdentities, VerifyTimestamp};
use crate::reason::{Code, Reason};
use crate::time::UnixTime;
use crate::trust::StoreKind;
use crate::undecided::Undecided;
use crate::verdict::{Check, Signer, SignerKind, Signs, TimeSource, VerifiedTime};
use crate::x509::Certificate;

pub use revocation::{RevocationRequest, revocation_requests};

pub(crate) use artifact::{SignedEnvelope, claims, find, read};
pub(crate) use claimed::claims as claims_of;
pub(crate) use envelope::Format;
pub(crate) use revocation::KnownStatuses;
#[cfg(feature = "internals")]
pub(crate) use revocation::revocation_requests_at_cost;

use attributes::SigningScheme;
use aws_signer::AwsSigner;
use chain::Chain;
use envelope::VerifiedEnvelope;
use report::Report;

/// Judges an envelope by the authority's trust stores, identities and level.
///
/// 1. Integrity: the envelope keeps the rules, verifies, and names this image. Without that
///    nothing else is looked at.
/// 2. Authenticity: a trusted certificate is in the chain, and the leaf is a trusted identity.
/// 3. The signature has not expired.
/// 4. The certificates were valid when the signature was made.
/// 5. No certificate is revoked.
///
/// # Errors
/// If a trust store that is needed is not loaded.
pub(crate) fn judge(
    signed: &SignedEnvelope,
    trust: &NotationAuthority,
    context: &Context<'_>,
    known: &KnownStatuses,
) -> Result<Judgement, Undecided> {
    let mut report = Report::new(&trust.level, &context.authority_name, Some(signed.artifact));
    // (1) integrity
    let integrity = report.check(CheckKind::Integrity, || integrity(signed, context));
    let Some(Intact {
        envelope: verified,
        aws_signer,
        bound,
    }) = integrity
    else {
        return Ok(report.failed());
    };
    // (2) authenticity
    let anchors = anchors(signing_store(verified.attributes().scheme), trust, context)?;
    report.check(CheckKind::Authenticity, || {
        authenticity(
            verified.chain(),
            &anchors,
            &trust.trusted_identities,
            aws_signer.as_ref(),
        )
    });
    // (3) expiry
    let until = report.check(CheckKind::Expiry, || expiry(&verified, context.now));
    report.until(until.flatten());
    // (4) authentic timestamp
    let tsa_anchors = match needs_timestamp(&verified, trust, context.now) {
        true => Some(self::anchors(StoreKind::Tsa, trust, context)?),
        false => None,
    };
    let time = report.check(CheckKind::AuthenticTimestamp, || match &tsa_anchors {
        Some(anchors) => timestamp::countersigned(&verified, anchors, context, known),
        None => uncountersigned(&verified, context.now),
    });
    // (5) revocation
    let signing_time = authentic_signing_time(&verified);
    let revocation = report.check(CheckKind::Revocation, || {
        let until = revocation::check_chain(verified.chain(), signing_time, context, known)?;
        match &aws_signer {
            None => Ok(until),
            Some(signer) => Err(signer.revocation_unknown()),
        }
    });
    report.until(time.as_ref().and_then(|time| time.until));
    report.until(revocation.flatten());
    if !report.passed(CheckKind::Authenticity) {
        // Whatever else it says, a stranger may have said it.
        return Ok(report.unproven(bound));
    }
    let times = time.map(|time| time.times).unwrap_or_default();
    let mut signer = signer(signed, &verified, &bound, times, context);
    if let Some(AwsSigner { profile, job }) = aws_signer {
        signer.signing_profile = Some(profile.arn().to_owned());
        signer.signing_profile_version = profile.version().map(str::to_owned);
        signer.signing_job = Some(job.to_string());
    }
    Ok(report.judgement(bound.map(|()| Says::ImageSignature), signer))
}

/// The checks of an authority whose level is `skip`.
pub(crate) fn skipped(trust: &NotationAuthority, authority_name: &str) -> Vec<Check> {
    Report::new(&trust.level, authority_name, None).all_skipped()
}

/// What vouches for the time of a signature.
#[derive(Debug, Default)]
struct AuthenticTime {
    /// The verified times.
    times: Vec<VerifiedTime>,
    /// Until when the check surely has the same result.
    until: Option<UnixTime>,
}

/// An envelope that verifies, all of whose critical attributes are understood, over this image.
struct Intact<'a> {
    envelope: VerifiedEnvelope<'a>,
    aws_signer: Option<AwsSigner>,
    bound: Bound<()>,
}

fn integrity<'a>(signed: &'a SignedEnvelope, context: &Context<'_>) -> Result<Intact<'a>, Reason> {
    let envelope = signed.envelope.verify()?;
    let aws_signer = aws_signer::read(&envelope)?;
    let bound = envelope.bind(&context.evidence.subject)?;
    Ok(Intact {
        envelope,
        aws_signer,
        bound,
    })
}

/// The kind of trust store whose certificates sign with this scheme.
fn signing_store(scheme: SigningScheme) -> StoreKind {
    match scheme {
        SigningScheme::X509 => StoreKind::Ca,
        SigningScheme::SigningAuthority => StoreKind::SigningAuthority,
    }
}

/// The certificates of the authority's trust stores of this kind.
fn anchors<'a>(
    kind: StoreKind,
    trust: &NotationAuthority,
    context: &Context<'a>,
) -> Result<Vec<&'a Certificate>, Undecided> {
    let mut anchors = Vec::new();
    for name in trust.trust_stores.iter().filter(|name| name.kind == kind) {
        let store = context
            .trust
            .store(name)
            .ok_or_else(|| Undecided::TrustStoreMissing {
                policy: context.authority_name.clone(),
                store: name.to_string(),
            })?;
        anchors.extend(store.certificates());
    }
    Ok(anchors)
}

/// A trusted certificate **is** one of the chain; then the leaf's subject must be trusted, too, or
/// the signing profile of AWS Signer.
fn authenticity(
    chain: &Chain,
    anchors: &[&Certificate],
    identities: &TrustedIdentities,
    aws_signer: Option<&AwsSigner>,
) -> Result<(), Reason> {
    let trusted = |certificate: &Certificate| anchors.contains(&certificate);
    if !chain.certificates().any(trusted) {
        return Err(Reason::new(
            Code::CertificateUntrusted,
            format!(
                "none of the certificates of {} is in the policy's trust stores for its signing scheme",
                chain.leaf()
            ),
        ));
    }
    let mismatch =
        |why: &dyn std::fmt::Display| Reason::new(Code::TrustedIdentityMismatch, why.to_string());
    match aws_signer {
        Some(signer) => identities
            .match_profile(&signer.profile)
            .map_err(|why| mismatch(&why)),
        None => identities
            .match_subject(&chain.leaf().subject(), chain.leaf().subject_attributes())
            .map_err(|why| mismatch(&why)),
    }
}

/// A signature counts before its expiry, not at it.
///
/// Gives the last moment at which it still counts.
fn expiry(verified: &VerifiedEnvelope<'_>, now: UnixTime) -> Result<Option<UnixTime>, Reason> {
    match verified.attributes().expiry {
        Some(expiry) if expiry <= now => Err(Reason::new(
            Code::SignatureExpired,
            format!("the signature expired at {expiry}"),
        )),
        expiry => Ok(expiry.map(|expiry| expiry.plus(-1))),
    }
}

/// Whether the policy asks for a timestamp countersignature.
fn needs_timestamp(
    verified: &VerifiedEnvelope<'_>,
    trust: &NotationAuthority,
    now: UnixTime,
) -> bool {
    let has_store = trust
        .trust_stores
        .iter()
        .any(|name| name.kind == StoreKind::Tsa);
    let expired =
        |certificate: &Certificate| certificate.validity().end.is_some_and(|end| end < now);
    verified.attributes().scheme == SigningScheme::X509
        && has_store
        && match trust.verify_timestamp {
            VerifyTimestamp::Always => true,
            VerifyTimestamp::AfterCertExpiry => verified.chain().certificates().any(expired),
        }
}

/// Without a countersignature the certificates must have been valid at the time that a signing
/// authority vouches for, else now.
fn uncountersigned(
    verified: &VerifiedEnvelope<'_>,
    now: UnixTime,
) -> Result<AuthenticTime, Reason> {
    let authentic = authentic_signing_time(verified);
    let time = authentic.unwrap_or(now);
    for certificate in verified.chain().certificates() {
        let validity = certificate.validity();
        if !validity.contains(time) {
            return Err(Reason::new(
                Code::CertificateOutsideValidity,
                format!("the certificate {certificate} is valid {validity}, and not at {time}"),
            ));
        }
    }
    Ok(match authentic {
        Some(time) => AuthenticTime {
            times: vec![VerifiedTime {
                time,
                source: TimeSource::SigningAuthority,
                name: verified.chain().leaf().subject(),
            }],
            until: None,
        },
        None => AuthenticTime {
            times: Vec::new(),
            until: verified
                .chain()
                .certificates()
                .filter_map(|c| c.validity().end)
                .min(),
        },
    })
}

/// The signing time, if a signing authority vouches for it.
fn authentic_signing_time(verified: &VerifiedEnvelope<'_>) -> Option<UnixTime> {
    match verified.attributes().scheme {
        SigningScheme::X509 => None,
        SigningScheme::SigningAuthority => Some(verified.attributes().signing_time),
    }
}

fn signer(
    signed: &SignedEnvelope,
    verified: &VerifiedEnvelope<'_>,
    bound: &Bound<()>,
    times: Vec<VerifiedTime>,
    context: &Context<'_>,
) -> Signer {
    let leaf = verified.chain().leaf();
    Signer {
        kind: SignerKind::Notation,
        authority: context.authority_name.clone(),
        signs: Signs::Image,
        format: signed.envelope.format.of_signature(),
        artifact: signed.artifact,
        scheme: signed.envelope.algorithm,
        key: None,
        fingerprint: Some(leaf.fingerprint().hex()),
        key_fingerprint: Some(verified.key_fingerprint().to_owned()),
        issuer: None,
        subject: None,
        subject_type: None,
        other_subjects: Vec::new(),
        claims: Default::default(),
        x509_subject: Some(leaf.subject()),
        signing_profile: None,
        signing_profile_version: None,
        signing_job: None,
        annotations: bound.annotations().clone(),
        times,
        logs: Vec::new(),
    }
}
