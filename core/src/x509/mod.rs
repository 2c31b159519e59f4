//! X.509 certificates (RFC 5280), read once and then only looked at.
//!
//! [`path`] builds paths to trusted chains; what a format demands of its certificates beyond
//! that is checked by the format.

mod extensions;
pub(crate) mod path;
mod pem;
mod signed;
mod subject;

use std::fmt;

use der::Encode as _;
use der::oid::ObjectIdentifier;
use x509_cert::TbsCertificate;
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::Time;

use crate::crypto::{KeyError, PublicKey};
use crate::digest::Digest;
use crate::limits;
use crate::strict_der;
use crate::time::{UnixTime, Window};

pub(crate) use extensions::{distribution_urls, point_urls, usage_beyond_signatures};
pub(crate) use signed::{SignedDataError, first_element, whole_bytes};

/// A certificate that can be read. Nothing about it is verified.
#[derive(Clone)]
pub(crate) struct Certificate {
    der: Vec<u8>,
    fingerprint: Digest,
    spki: Vec<u8>,
    parsed: x509_cert::Certificate,
}

impl Certificate {
    /// Reads a certificate from DER, whole: whatever is asked of it later is there, or is not.
    ///
    /// # Errors
    /// If it is too large, is not the DER of a certificate or of one of the extensions that are
    /// looked at, repeats an extension, or names two different signature algorithms.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > limits::CERTIFICATE_BYTES {
            return Err(CertificateError::TooLarge(der.len()));
        }
        let parsed: x509_cert::Certificate = strict_der::read(der)?;
        let tbs = &parsed.tbs_certificate;
        if parsed.signature_algorithm != tbs.signature {
            return Err(CertificateError::TwoAlgorithms);
        }
        extensions::check(tbs)?;
        Ok(Self {
            der: der.to_vec(),
            fingerprint: Digest::sha256(der),
            spki: tbs.subject_public_key_info.to_der()?,
            parsed,
        })
    }

    /// The certificate's DER, as received.
    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }

    /// The SHA-256 digest of the DER.
    pub(crate) fn fingerprint(&self) -> Digest {
        self.fingerprint
    }

    /// The part that its issuer signed.
    pub(crate) fn tbs(&self) -> &TbsCertificate {
        &self.parsed.tbs_certificate
    }

    /// The subject, as RFC 4514 writes it.
    pub(crate) fn subject(&self) -> String {
        self.subject_name().to_string()
    }

    /// The subject.
    pub(crate) fn subject_name(&self) -> &Name {
        &self.tbs().subject
    }

    /// The issuer.
    pub(crate) fn issuer_name(&self) -> &Name {
        &self.tbs().issuer
    }

    /// The serial number.
    pub(crate) fn serial_number(&self) -> &SerialNumber {
        &self.tbs().serial_number
    }

    /// From `notBefore` to `notAfter`, both included.
    pub(crate) fn validity(&self) -> Window {
        let validity = &self.tbs().validity;
        Window {
            start: Some(unix_time(&validity.not_before)),
            end: Some(unix_time(&validity.not_after)),
        }
    }

    /// The DER of the `SubjectPublicKeyInfo`.
    pub(crate) fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The public key, if it is of a kind and size that is accepted.
    pub(crate) fn public_key(&self) -> Result<PublicKey, KeyError> {
        PublicKey::from_der(&self.spki)
    }

    /// Whether the certificate names itself as its issuer. Not whether it signed itself.
    pub(crate) fn is_self_issued(&self) -> bool {
        self.issuer_name() == self.subject_name()
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Certificate {}

impl fmt::Display for Certificate {
    /// The subject and the beginning of the fingerprint.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex: String = self.fingerprint.hex().chars().take(16).collect();
        write!(f, "{:?} (sha256 {hex}…)", self.subject())
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({self})")
    }
}

/// Why some bytes are not a certificate.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// More than `limits::CERTIFICATE_BYTES`; nothing was parsed.
    #[error("the certificate has {0} bytes, more than the {max} allowed", max = limits::CERTIFICATE_BYTES)]
    TooLarge(usize),
    /// More certificates than a chain has.
    #[error("found more than {} certificates", limits::CHAIN_CERTIFICATES)]
    TooMany,
    /// There is no PEM block.
    #[error("expected a PEM block that begins with -----BEGIN CERTIFICATE-----, found none")]
    NoPem,
    /// There is a PEM block, but a broken one.
    #[error("a PEM block of a certificate is broken")]
    BrokenPem,
    /// Not the DER of a certificate, or of one of its extensions.
    #[error("not the DER of a certificate: {0}")]
    Der(#[from] der::Error),
    /// The signed and the unsigned copy of the algorithm differ (RFC 5280 section 4.1.1.2).
    #[error("the certificate names two different signature algorithms")]
    TwoAlgorithms,
    /// An extension occurs twice (RFC 5280 section 4.2).
    #[error("the certificate has the extension {0} twice")]
    Repeated(ObjectIdentifier),
}

/// A time of a certificate or a list, in seconds.
pub(crate) fn unix_time(time: &Time) -> UnixTime {
    let seconds = time.to_unix_duration().as_secs();
    UnixTime::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
}
