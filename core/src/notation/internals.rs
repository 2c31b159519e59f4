//! See [`crate::internals`].

use super::{revocation, timestamp as countersignature};
use crate::reason::{Code, Reason};
use crate::time::UnixTime;
use crate::x509::{Certificate, CertificateError};

/// The time of a token over `content` whose signer chains to one of `anchors` (DER).
///
/// # Errors
/// Why the token does not count.
pub fn timestamp(token: &[u8], content: &[u8], anchors: &[Vec<u8>]) -> Result<UnixTime, Reason> {
    let malformed =
        |error: CertificateError| Reason::new(Code::CertificateMalformed, error.to_string());
    let anchors = anchors.iter().map(|der| Certificate::from_der(der));
    let anchors: Vec<_> = anchors.collect::<Result<_, _>>().map_err(malformed)?;
    let anchors: Vec<_> = anchors.iter().collect();
    countersignature::verify(token, content, &anchors).map(|token| token.time())
}

/// Whether a list by `issuer` that is in force at `now` says that `certificate` is revoked.
///
/// Not checked: whether the certificate names this list.
///
/// # Errors
/// In words, why the list cannot be used.
pub fn is_listed(
    crl: &[u8],
    certificate: &[u8],
    issuer: &[u8],
    now: UnixTime,
) -> Result<bool, String> {
    let read = |der: &[u8]| Certificate::from_der(der).map_err(|error| error.to_string());
    let listed = revocation::is_listed(crl, &read(certificate)?, &read(issuer)?, now);
    listed.map_err(|why| why.to_string())
}
