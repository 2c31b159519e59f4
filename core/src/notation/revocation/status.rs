//! What a source says about a certificate.

use std::fmt;

use x509_cert::ext::pkix::CrlReason;

use crate::time::UnixTime;

/// What one source says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Not revoked, as far as known until then.
    Good { until: UnixTime },
    /// Revoked.
    Revoked(Revocation),
}

/// Who says that a certificate is revoked, since when, and why if that is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Revocation {
    /// A responder.
    Ocsp { since: UnixTime },
    /// A list.
    Crl {
        since: UnixTime,
        reason: Option<CrlReason>,
    },
    /// A list, of a hold that no later entry lifts.
    OnHold { since: UnixTime },
}

impl fmt::Display for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ocsp { since } => write!(f, "OCSP says since {since}"),
            Self::Crl { since, reason } => {
                write!(f, "the CRL says since {since}")?;
                match reason {
                    Some(reason) => write!(f, " for {}", name_of(*reason)),
                    None => Ok(()),
                }
            }
            Self::OnHold { since } => write!(f, "the CRL says on hold since {since}"),
        }
    }
}

/// What messages call a reason (RFC 5280 section 5.3.1).
fn name_of(reason: CrlReason) -> &'static str {
    match reason {
        CrlReason::Unspecified => "Unspecified",
        CrlReason::KeyCompromise => "KeyCompromise",
        CrlReason::CaCompromise => "CaCompromise",
        CrlReason::AffiliationChanged => "AffiliationChanged",
        CrlReason::Superseded => "Superseded",
        CrlReason::CessationOfOperation => "CessationOfOperation",
        CrlReason::CertificateHold => "CertificateHold",
        CrlReason::RemoveFromCRL => "RemoveFromCRL",
        CrlReason::PrivilegeWithdrawn => "PrivilegeWithdrawn",
        CrlReason::AaCompromise => "AaCompromise",
    }
}
