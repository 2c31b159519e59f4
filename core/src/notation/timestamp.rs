//! Timestamp countersignatures over the signature of an envelope.
//!
//! Trust store and trust policy specification, "Authentic timestamp".

use super::AuthenticTime;
use super::certificate::Certificate;
use super::envelope::VerifiedEnvelope;
use super::revocation::KnownStatuses;
use super::{revocation, token};
use crate::judgement::Context;
use crate::reason::{Code, Reason};
use crate::verdict::VerifiedTime;

/// Verifies the countersignature of an envelope.
///
/// 1. There is one.
/// 2. It verifies, was made by a trusted timestamp authority, and not in the future.
/// 3. The whole interval of its time lies within the validity of every signing certificate.
/// 4. No certificate of the timestamp authority is revoked, whatever the level (CVE-2024-56138).
pub(super) fn countersigned(
    verified: &VerifiedEnvelope<'_>,
    anchors: &[&Certificate],
    context: &Context<'_>,
    known: &KnownStatuses,
) -> Result<AuthenticTime, Reason> {
    // (1) presence
    let envelope = verified.envelope;
    let token = envelope.timestamp.as_deref().ok_or_else(|| {
        Reason::new(
            Code::NoVerifiedTime,
            "the policy asks for a timestamp countersignature, and the signature has none",
        )
    })?;
    // (2) token
    let token = token::verify(token, &envelope.signature, anchors)?;
    if token.time() > context.now {
        return Err(Reason::new(
            Code::TimestampInvalid,
            format!(
                "the timestamp's time is {}, and now is {}",
                token.time(),
                context.now
            ),
        ));
    }
    // (3) signing certificates
    for certificate in verified.chain.certificates() {
        if !token.is_within(certificate) {
            return Err(Reason::new(
                Code::CertificateOutsideValidity,
                format!(
                    "the certificate {certificate} is valid {}, and not surely at the timestamp {}",
                    certificate.validity(),
                    token.time()
                ),
            ));
        }
    }
    // (4) revocation
    let until = revocation::check_chain(token.chain(), None, context, known)?;
    Ok(AuthenticTime {
        times: vec![VerifiedTime {
            time: token.time(),
            source: "timestamp_authority".to_owned(),
            name: token.chain().leaf().subject(),
        }],
        until,
    })
}
