//! Timestamp tokens (RFC 3161): somebody trusted saw these bytes at that time.
//!
//! One reader for all formats: a [`Token`] is read and its signature verified here, by a
//! [`Profile`] that says where the formats differ. Whose tokens count is the format's question:
//! Sigstore's trust roots list authorities ([`Authority`]), the Notary Project's trust stores
//! hold roots.

mod authority;
pub(crate) mod signer;
mod token;
mod tst_info;

use der::oid::ObjectIdentifier;

use crate::limits;
use crate::reason::{Code, Reason};
use crate::time::{UnixTime, Window};
use crate::x509::CertificateError;
use crate::x509::path::PathError;

pub(crate) use authority::Authority;
pub(crate) use token::Token;
pub(crate) use tst_info::MICROS;

/// Where the formats differ. All else is the same for both.
///
/// | | Sigstore | Notary Project |
/// |---|---|---|
/// | carrier | a response: protobuf-specs, `RFC3161SignedTimestamp`; cosign, `rfc3161timestamp` | a token: signature specification, `timestampSignature` |
/// | certificate id | checked if present: authorities in use name their certificate by SHA-1 alone (RFC 3161), or not at all | required: trust store and trust policy specification, RFC 5816 |
/// | key usage | checked if present: RFC 3161 section 2.3 and RFC 5280 ask for none | required: signature specification, certificate requirements |
///
/// Outside of the token they differ in two more things, because they trust in different ways.
/// Sigstore's roots may list the certificate that signs, and the token then need not bring it
/// (protobuf-specs, `TrustedRoot.timestamp_authorities`); the Notary Project's stores hold roots,
/// and the token brings the rest. Sigstore takes the stated time (client specification); the
/// Notary Project takes the whole interval of its accuracy.
#[derive(Debug)]
pub(crate) struct Profile {
    /// What carries the token.
    pub(crate) carrier: Carrier,
    /// Whether the token must name its signer's certificate by a hash that is accepted
    /// (`ESSCertIDv2`). One that is there must be right in any case.
    pub(crate) certificate_id: Presence,
    /// Whether the signer's certificate must have a key usage. One that is there must allow
    /// signatures and nothing else in any case.
    pub(crate) key_usage: Presence,
}

/// What carries a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// A `TimeStampResp`: the authority's answer.
    Response,
    /// Nothing: it is a bare `TimeStampToken`.
    Token,
}

/// Whether something must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It must.
    Required,
    /// It need not.
    Optional,
}

impl Profile {
    /// Sigstore's bundles, and cosign's annotations.
    pub(crate) const SIGSTORE: Self = Self {
        carrier: Carrier::Response,
        certificate_id: Presence::Optional,
        key_usage: Presence::Optional,
    };

    /// The Notary Project's countersignatures.
    pub(crate) const NOTARY: Self = Self {
        carrier: Carrier::Token,
        certificate_id: Presence::Required,
        key_usage: Presence::Required,
    };
}

/// Why a token does not count.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TimestampError {
    /// More bytes than any token has; nothing was parsed.
    #[error("a timestamp has at most {max} bytes, found {0}", max = limits::TIMESTAMP_BYTES)]
    TooLong(usize),
    /// More certificates than a chain has.
    #[error("the timestamp has more than {max} certificates", max = limits::CHAIN_CERTIFICATES)]
    TooManyCertificates,
    /// Not the DER of a token.
    #[error("not the DER of a timestamp: {0}")]
    Der(#[from] der::Error),
    /// A token that breaks a rule.
    #[error("the timestamp breaks RFC 3161: {0}")]
    Malformed(&'static str),
    /// A critical extension that nobody here knows.
    #[error("the timestamp's extension {0} is critical and not understood")]
    Extension(ObjectIdentifier),
    /// A certificate in the token that cannot be read.
    #[error("a certificate of the timestamp: {0}")]
    Certificate(#[from] CertificateError),
    /// The authority refused.
    #[error("the authority did not grant the timestamp: status {0}")]
    NotGranted(u8),
    /// A hash or signature algorithm that is not accepted.
    #[error("the timestamp uses the algorithm {0}, which is not accepted")]
    Algorithm(ObjectIdentifier),
    /// A key that is not accepted.
    #[error("the timestamp authority's key: {0}")]
    Key(String),
    /// It is for other bytes.
    #[error("the timestamp is for other bytes than this signature")]
    Imprint,
    /// Another authority made it.
    #[error("the timestamp is not from this authority")]
    UnknownSigner,
    /// Its signature is wrong.
    #[error("the timestamp's signature does not verify")]
    Signature,
    /// The certificate that signed it is not one for timestamping.
    #[error("the timestamp's signing certificate breaks its profile: {0}")]
    Profile(#[from] signer::BrokenRule),
    /// The certificates do not lead to the authority.
    #[error("the timestamp's signing certificate: {0}")]
    Path(#[from] PathError),
    /// Outside the authority's window.
    #[error("the timestamp's time {0} is outside the authority's validity, {1}")]
    OutsideValidity(UnixTime, Window),
}

impl From<TimestampError> for Reason {
    fn from(error: TimestampError) -> Self {
        let code = match error {
            TimestampError::TooLong(_) | TimestampError::TooManyCertificates => Code::LimitExceeded,
            TimestampError::UnknownSigner => Code::TimestampUntrusted,
            TimestampError::OutsideValidity(..)
            | TimestampError::Path(PathError::OutsideValidity { .. } | PathError::Expired(_)) => {
                Code::TimestampOutsideValidity
            }
            TimestampError::Imprint => Code::TimestampMismatch,
            TimestampError::Algorithm(_) => Code::AlgorithmUnsupported,
            _ => Code::TimestampInvalid,
        };
        Self::new(code, error.to_string())
    }
}
