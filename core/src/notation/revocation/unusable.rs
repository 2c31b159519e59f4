//! Why an answer about revocation cannot be used, and what is then unknown.

use const_oid::ObjectIdentifier;
use std::fmt;
use x509_ocsp::OcspResponseStatus;

use crate::budget::Exceeded;
use crate::evidence::NoAnswer;
use crate::time::{UnixTime, Window};
use crate::x509::{CertificateError, SignedDataError};

/// Why an answer says nothing about a certificate.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Unusable {
    /// Nobody is known to have asked.
    #[error("no answer was fetched")]
    NotFetched,
    /// Somebody asked in vain.
    #[error(transparent)]
    NotAnswered(#[from] NoAnswer),

    #[error("it has {bytes} bytes, more than the {most} allowed")]
    TooLarge { bytes: usize, most: usize },
    #[error(transparent)]
    TooCostly(#[from] Exceeded),
    #[error("malformed: {0}")]
    Malformed(#[from] der::Error),
    /// The certificate of its signer cannot be read.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Signature(#[from] SignedDataError),
    #[error("the extension {0} is critical and not understood")]
    Extension(ObjectIdentifier),

    #[error("it does not say until when it holds")]
    Unending,
    #[error("it was made at {0}, in the future")]
    Future(UnixTime),
    #[error("it held until {0}")]
    Ended(UnixTime),

    /// The responder itself refused.
    #[error("the responder answered {}", name_of(*.0))]
    Refused(OcspResponseStatus),
    #[error("it is empty")]
    Empty,
    #[error("it is of the unknown type {0}")]
    Type(ObjectIdentifier),
    #[error("it speaks of other certificates")]
    Others,
    #[error("the responder does not know the certificate")]
    NotKnown,
    #[error("the certificate of its signer is not in it")]
    NoSigner,
    #[error("the issuer did not certify its signer {signer}: {why}")]
    NotCertified {
        signer: String,
        why: SignedDataError,
    },
    #[error("its signer {0} is not certified for OCSP")]
    NotForOcsp(String),
    #[error("its signer {signer} is valid {validity}")]
    SignerValidity { signer: String, validity: Window },

    #[error("it is of {found}, not of {issuer}")]
    Issuer { found: String, issuer: String },
    #[error("{0} may not sign lists: its key usage lacks cRLSign")]
    NotForLists(String),
    #[error("it is a delta, expected a base list")]
    IsDelta,
    #[error("it is an indirect list")]
    Indirect,
    #[error("it covers only some reasons")]
    SomeReasons,
    #[error("it covers only attribute certificates")]
    AttributeCertificates,
    #[error("it covers no authorities")]
    NoAuthorities,
    #[error("it covers only authorities")]
    AuthoritiesOnly,
    #[error("it belongs to another distribution point")]
    Point,

    #[error("its delta at {url}: {why}")]
    Delta { url: String, why: Box<Self> },
    #[error("it is no delta, or a number is missing")]
    NoDelta,
    #[error("its number is not greater than the base list's")]
    NotNewer,
    #[error("it needs a newer base list")]
    BaseTooOld,
    #[error("it covers other certificates than the base list")]
    Scope,
}

impl Unusable {
    /// Refuses what has more bytes than this.
    pub(super) fn if_larger(der: &[u8], most: usize) -> Result<(), Self> {
        let bytes = der.len();
        match bytes > most {
            true => Err(Self::TooLarge { bytes, most }),
            false => Ok(()),
        }
    }
}

/// Why it is unknown whether a certificate is revoked: what became of each source that it names.
#[derive(Clone, Debug, Default)]
pub(super) struct Unknown(pub(super) Vec<Silent>);

/// What became of one source.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Silent {
    #[error("OCSP at {url}: {why}")]
    Ocsp { url: String, why: Unusable },
    /// The other one's answer may have been taken out because it said "revoked".
    #[error("OCSP at {0}: good, but another was not asked")]
    AnotherNotAsked(String),
    #[error("CRL at {url}: {why}")]
    Crl { url: String, why: Unusable },
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, rest @ ..] = self.0.as_slice() else {
            return f.write_str("it names no usable responder or list");
        };
        write!(f, "{first}")?;
        rest.iter().try_for_each(|next| write!(f, "; {next}"))
    }
}

/// What messages call a status (RFC 6960 section 4.2.1).
fn name_of(status: OcspResponseStatus) -> &'static str {
    match status {
        OcspResponseStatus::Successful => "Successful",
        OcspResponseStatus::MalformedRequest => "MalformedRequest",
        OcspResponseStatus::InternalError => "InternalError",
        OcspResponseStatus::TryLater => "TryLater",
        OcspResponseStatus::SigRequired => "SigRequired",
        OcspResponseStatus::Unauthorized => "Unauthorized",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_larger_than_allowed_is_refused_with_both_sizes() {
        assert!(Unusable::if_larger(&[0; 8], 8).is_ok());
        for more in [9, 20] {
            let refused = Unusable::if_larger(&vec![0; more], 8).unwrap_err();
            let expected = format!("it has {more} bytes, more than the 8 allowed");
            assert_eq!(refused.to_string(), expected);
        }
    }

    #[test]
    fn a_responder_that_refuses_is_quoted_by_the_names_of_rfc_6960() {
        for (status, name) in [
            (OcspResponseStatus::TryLater, "TryLater"),
            (OcspResponseStatus::Unauthorized, "Unauthorized"),
        ] {
            let refused = Unusable::Refused(status).to_string();
            assert_eq!(refused, format!("the responder answered {name}"));
        }
    }
}
