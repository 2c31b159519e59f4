//! The certificate that signs timestamps (RFC 3161 section 2.3).

use const_oid::db::rfc5280::ID_KP_TIME_STAMPING;

use super::{Presence, Profile};
use crate::x509::{Certificate, usage_beyond_signatures};

/// Checks that a certificate signs timestamps and nothing else.
///
/// Judged on the certificate that signed, not on another one of the token (CVE-2026-39984).
pub(crate) fn check(certificate: &Certificate, profile: &Profile) -> Result<(), BrokenRule> {
    if certificate.is_ca() {
        return Err(BrokenRule::Authority);
    }
    match certificate.extended_key_usage() {
        Some((true, purposes)) if purposes == [ID_KP_TIME_STAMPING] => {}
        Some((false, _)) => return Err(BrokenRule::PurposeNotCritical),
        _ => return Err(BrokenRule::Purpose),
    }
    // Whether it is critical does not matter: RFC 3161 does not ask for it, and certificates
    // where it is not are in use.
    let usage = match (certificate.key_usage(), profile.key_usage) {
        (Some((_, usage)), _) => usage,
        (None, Presence::Optional) => return Ok(()),
        (None, Presence::Required) => return Err(BrokenRule::NoUsage),
    };
    if !usage.digital_signature() {
        return Err(BrokenRule::Usage);
    }
    match usage_beyond_signatures(&usage) {
        Some(other) => Err(BrokenRule::OtherUsage(other)),
        None => Ok(()),
    }
}

/// The rule that a certificate breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BrokenRule {
    /// It issues certificates.
    #[error("a signing certificate must not be a certificate authority")]
    Authority,
    /// Whoever does not know its purpose may use it for another one.
    #[error("the extended key usage is not critical")]
    PurposeNotCritical,
    /// It has another purpose, too, or none.
    #[error("the extended key usage must be timeStamping and nothing else")]
    Purpose,
    /// It does not say what its key is for.
    #[error("the key usage extension is missing")]
    NoUsage,
    /// Its key is not for signatures.
    #[error("the key usage lacks digitalSignature")]
    Usage,
    /// Its key is for something else, too.
    #[error("the key usage must not have {0}")]
    OtherUsage(&'static str),
}
