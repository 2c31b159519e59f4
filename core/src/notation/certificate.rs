//! X.509 certificates as the Notary Project reads them.

use const_oid::{AssociatedOid, ObjectIdentifier};
use der::asn1::{
    AnyRef, BitString, BmpString, Ia5StringRef, PrintableStringRef, TeletexStringRef, Utf8StringRef,
};
use der::{Decode as _, Encode as _, Tag, Tagged as _};
use spki::AlgorithmIdentifierOwned;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AuthorityInfoAccessSyntax, BasicConstraints, CrlDistributionPoints, ExtendedKeyUsage,
    FreshestCrl, KeyUsage, crl,
};
use x509_cert::name::Name;
use x509_cert::time::Time;

use crate::crypto::{Hash, PublicKey, webpki_algorithms};
use crate::digest::Digest;
use crate::limits;
use crate::reason::{Code, Reason};
use crate::time::{UnixTime, Window};
use crate::x509::{algorithm_content, first_element};

/// A certificate that could be read. Nothing of it is verified.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    fingerprint: Digest,
    der: Vec<u8>,
    tbs: Vec<u8>,
    parsed: x509_cert::Certificate,
}

impl Certificate {
    /// Reads a certificate from DER.
    ///
    /// # Errors
    /// If it is too large, is not the DER of a certificate, repeats an extension, or names two
    /// different signature algorithms.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > limits::CERTIFICATE_BYTES {
            return Err(CertificateError::TooLarge(der.len()));
        }
        let parsed = x509_cert::Certificate::from_der(der)?;
        if parsed.signature_algorithm != parsed.tbs_certificate.signature {
            return Err(CertificateError::TwoAlgorithms);
        }
        let certificate = Self {
            fingerprint: Digest::sha256(der),
            der: der.to_vec(),
            tbs: first_element(der)?,
            parsed,
        };
        certificate.check_extensions()?;
        Ok(certificate)
    }

    /// The hash of the DER.
    pub(crate) fn hash(&self, hash: Hash) -> Vec<u8> {
        hash.digest(&self.der)
    }

    /// The SHA-256 digest of the DER.
    pub(crate) fn fingerprint(&self) -> Digest {
        self.fingerprint
    }

    /// The subject, as RFC 4514 writes it.
    pub(crate) fn subject(&self) -> String {
        self.subject_name().to_string()
    }

    /// The subject.
    pub(crate) fn subject_name(&self) -> &Name {
        &self.parsed.tbs_certificate.subject
    }

    /// The issuer.
    pub(crate) fn issuer_name(&self) -> &Name {
        &self.parsed.tbs_certificate.issuer
    }

    /// The serial number.
    pub(crate) fn serial_number(&self) -> &x509_cert::serial_number::SerialNumber {
        &self.parsed.tbs_certificate.serial_number
    }

    /// From when until when it is valid, both included.
    pub(crate) fn validity(&self) -> Window {
        let validity = &self.parsed.tbs_certificate.validity;
        Window {
            start: Some(unix_time(&validity.not_before)),
            end: Some(unix_time(&validity.not_after)),
        }
    }

    /// The public key, if it is of an accepted kind and size.
    pub(crate) fn public_key(&self) -> Result<PublicKey, Reason> {
        let info = &self.parsed.tbs_certificate.subject_public_key_info;
        let der = info.to_der().map_err(|error| self.malformed(&error))?;
        PublicKey::from_der(&der).map_err(|error| {
            Reason::new(
                Code::AlgorithmUnsupported,
                format!("the key of the certificate {self}: {error}"),
            )
        })
    }

    /// The content of `subjectPublicKey`.
    pub(crate) fn public_key_bits(&self) -> &[u8] {
        let info = &self.parsed.tbs_certificate.subject_public_key_info;
        info.subject_public_key.as_bytes().unwrap_or_default()
    }

    /// The subject key identifier, where the certificate has one.
    pub(crate) fn key_identifier(&self) -> Option<Vec<u8>> {
        let (_, id) = self.extension::<x509_cert::ext::pkix::SubjectKeyIdentifier>()?;
        Some(id.0.as_bytes().to_vec())
    }

    /// Whether `issuer` issued this certificate: by name and by signature.
    pub(crate) fn is_issued_by(&self, issuer: &Self) -> Result<(), SignedDataError> {
        if self.issuer_name() != issuer.subject_name() {
            return Err(SignedDataError::Issuer {
                expected: self.issuer_name().to_string(),
                found: issuer.subject(),
            });
        }
        let signature = whole_bytes(&self.parsed.signature)?;
        issuer.verify(&self.parsed.signature_algorithm, &self.tbs, signature)
    }

    /// Whether the certificate's own key signed it.
    pub(crate) fn is_self_signed(&self) -> bool {
        self.is_issued_by(self).is_ok()
    }

    /// Verifies a signature of this certificate's key over `message`, where an X.509 structure
    /// names the algorithm.
    pub(crate) fn verify(
        &self,
        algorithm: &AlgorithmIdentifierOwned,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignedDataError> {
        let info = &self.parsed.tbs_certificate.subject_public_key_info;
        let key_id = algorithm_content(&info.algorithm)?;
        let signature_id = algorithm_content(algorithm)?;
        let verifier = webpki_algorithms()
            .iter()
            .find(|known| {
                known.public_key_alg_id().as_ref() == key_id
                    && known.signature_alg_id().as_ref() == signature_id
            })
            .ok_or(SignedDataError::Algorithm(algorithm.oid))?;
        verifier
            .verify_signature(self.public_key_bits(), message, signature)
            .map_err(|_| SignedDataError::Signature)
    }

    /// The basic constraints: whether critical, and what they say.
    pub(crate) fn basic_constraints(&self) -> Option<(bool, BasicConstraints)> {
        self.extension()
    }

    /// The key usage: whether critical, and what it says.
    pub(crate) fn key_usage(&self) -> Option<(bool, KeyUsage)> {
        self.extension()
    }

    /// The extended key usages: whether critical, and what they say.
    pub(crate) fn extended_key_usage(&self) -> Option<(bool, Vec<ObjectIdentifier>)> {
        let (critical, usages) = self.extension::<ExtendedKeyUsage>()?;
        Some((critical, usages.0))
    }

    /// The critical extensions.
    pub(crate) fn critical_extensions(&self) -> impl Iterator<Item = ObjectIdentifier> {
        let extensions = self.parsed.tbs_certificate.extensions.iter().flatten();
        extensions.filter(|e| e.critical).map(|e| e.extn_id)
    }

    /// The OCSP responders' URLs.
    pub(crate) fn ocsp_urls(&self) -> Vec<String> {
        let Some((_, access)) = self.extension::<AuthorityInfoAccessSyntax>() else {
            return Vec::new();
        };
        let ocsp = const_oid::db::rfc5280::ID_AD_OCSP;
        access
            .0
            .iter()
            .filter(|description| description.access_method == ocsp)
            .filter_map(|description| uri(&description.access_location))
            .collect()
    }

    /// The URLs of certificate revocation lists.
    pub(crate) fn crl_urls(&self) -> Vec<String> {
        match self.extension::<CrlDistributionPoints>() {
            Some((_, points)) => distribution_urls(&points.0),
            None => Vec::new(),
        }
    }

    /// The URLs of delta certificate revocation lists.
    pub(crate) fn delta_crl_urls(&self) -> Vec<String> {
        match self.extension::<FreshestCrl>() {
            Some((_, points)) => distribution_urls(&points.0),
            None => Vec::new(),
        }
    }

    /// Whether it names any way to ask about its revocation, usable or not.
    pub(crate) fn is_revocable(&self) -> bool {
        !self.ocsp_urls().is_empty() || self.extension::<CrlDistributionPoints>().is_some()
    }

    /// The attributes of the subject whose types have names, with their text.
    pub(crate) fn subject_attributes(&self) -> Vec<(&'static str, String)> {
        let attributes = self.subject_name().0.iter().flat_map(|rdn| rdn.0.iter());
        attributes
            .filter_map(|attribute| {
                let name = attribute_name(&attribute.oid)?;
                let value = AnyRef::from(&attribute.value);
                Some((name, text(value)?))
            })
            .collect()
    }

    /// An extension that [`check_extensions`](Self::check_extensions) has read before.
    fn extension<'a, T: der::Decode<'a> + AssociatedOid>(&'a self) -> Option<(bool, T)> {
        self.parsed.tbs_certificate.get::<T>().ok().flatten()
    }

    /// Reads every extension that matters here, so that a broken one is no absent one.
    fn check_extensions(&self) -> Result<(), CertificateError> {
        let tbs = &self.parsed.tbs_certificate;
        let mut seen = std::collections::BTreeSet::new();
        for extension in tbs.extensions.iter().flatten() {
            if !seen.insert(extension.extn_id) {
                return Err(CertificateError::Repeated(extension.extn_id));
            }
        }
        tbs.get::<BasicConstraints>()?;
        tbs.get::<KeyUsage>()?;
        tbs.get::<ExtendedKeyUsage>()?;
        tbs.get::<AuthorityInfoAccessSyntax>()?;
        tbs.get::<CrlDistributionPoints>()?;
        tbs.get::<FreshestCrl>()?;
        Ok(())
    }

    fn malformed(&self, error: &der::Error) -> Reason {
        Reason::new(
            Code::CertificateMalformed,
            format!("the certificate {self}: {error}"),
        )
    }
}

impl std::fmt::Display for Certificate {
    /// The subject and the beginning of the fingerprint.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hex: String = self.fingerprint.hex().chars().take(16).collect();
        write!(f, "{:?} (sha256 {hex}…)", self.subject())
    }
}

/// Why some bytes are no certificate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// More than [`limits::CERTIFICATE_BYTES`].
    #[error("the certificate has {0} bytes, more than the {max} allowed", max = limits::CERTIFICATE_BYTES)]
    TooLarge(usize),
    /// Not the DER of a certificate.
    #[error("not an X.509 certificate in DER: {0}")]
    Der(#[from] der::Error),
    /// The signed and the unsigned copy of the algorithm differ (RFC 5280 section 4.1.1.2).
    #[error("the certificate names two different signature algorithms")]
    TwoAlgorithms,
    /// An extension occurs twice (RFC 5280 section 4.2).
    #[error("the certificate has the extension {0} twice")]
    Repeated(ObjectIdentifier),
}

/// Why a signature on a certificate, CRL or OCSP response does not verify.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignedDataError {
    /// Issuer and subject differ.
    #[error("expected the issuer {expected:?}, found {found:?}")]
    Issuer { expected: String, found: String },
    /// SHA-1, an unknown algorithm, or one that does not fit the key.
    #[error("the signature algorithm {0} is not accepted, or does not fit the issuer's key")]
    Algorithm(ObjectIdentifier),
    /// Another key's signature, or one over other bytes.
    #[error("the signature does not verify with the issuer's key")]
    Signature,
    /// It cannot be encoded.
    #[error("malformed: {0}")]
    Der(#[from] der::Error),
}

impl SignedDataError {
    /// The reason code.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Algorithm(_) => Code::AlgorithmUnsupported,
            _ => Code::CertificateChainInvalid,
        }
    }
}

/// The bytes of a signature. Unused bits at its end are under no signature: with them, one
/// certificate would have many fingerprints.
pub(super) fn whole_bytes(bits: &BitString) -> Result<&[u8], SignedDataError> {
    bits.as_bytes().ok_or(SignedDataError::Signature)
}

/// The URLs of distribution points that cover every reason and are signed by the issuer itself.
pub(super) fn distribution_urls(points: &[crl::dp::DistributionPoint]) -> Vec<String> {
    points
        .iter()
        .filter(|point| point.reasons.is_none() && point.crl_issuer.is_none())
        .filter_map(|point| point.distribution_point.as_ref())
        .flat_map(point_urls)
        .collect()
}

/// The URLs of a distribution point's name.
pub(super) fn point_urls(name: &DistributionPointName) -> Vec<String> {
    match name {
        DistributionPointName::FullName(names) => names.iter().filter_map(uri).collect(),
        DistributionPointName::NameRelativeToCRLIssuer(_) => Vec::new(),
    }
}

/// A certificate's time in seconds.
pub(super) fn unix_time(time: &Time) -> UnixTime {
    let seconds = time.to_unix_duration().as_secs();
    UnixTime::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
}

fn uri(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::UniformResourceIdentifier(uri) => Some(uri.as_str().to_owned()),
        _ => None,
    }
}

/// The name of an attribute type (RFC 4514 section 3, RFC 4519), as trust policies write it.
fn attribute_name(oid: &ObjectIdentifier) -> Option<&'static str> {
    use const_oid::db::{rfc3280, rfc4519};
    [
        (rfc4519::CN, "CN"),
        (rfc4519::C, "C"),
        (rfc4519::L, "L"),
        (rfc4519::ST, "ST"),
        (rfc4519::STREET, "STREET"),
        (rfc4519::O, "O"),
        (rfc4519::OU, "OU"),
        (rfc4519::DC, "DC"),
        (rfc4519::UID, "UID"),
        (rfc4519::SERIAL_NUMBER, "SERIALNUMBER"),
        (rfc4519::POSTAL_CODE, "POSTALCODE"),
        (rfc3280::EMAIL_ADDRESS, "EMAILADDRESS"),
    ]
    .into_iter()
    .find_map(|(known, name)| (known == *oid).then_some(name))
}

fn text(value: AnyRef<'_>) -> Option<String> {
    match value.tag() {
        Tag::Utf8String => Some(Utf8StringRef::try_from(value).ok()?.as_str().to_owned()),
        Tag::PrintableString => Some(
            PrintableStringRef::try_from(value)
                .ok()?
                .as_str()
                .to_owned(),
        ),
        Tag::Ia5String => Some(Ia5StringRef::try_from(value).ok()?.as_str().to_owned()),
        Tag::TeletexString => Some(TeletexStringRef::try_from(value).ok()?.as_str().to_owned()),
        Tag::BmpString => Some(value.decode_as::<BmpString>().ok()?.to_string()),
        _ => None,
    }
}
