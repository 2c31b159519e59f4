//! X.509 certificates (RFC 5280), read once and then only looked at.
//!
//! Paths are built in [`path`]; what a format demands of its certificates beyond that is
//! checked by the format.

pub(crate) mod path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::asn1::AnyRef;
use der::oid::{AssociatedOid, ObjectIdentifier};
use der::{Decode, Encode, Reader as _, SliceReader, Tag, Tagged as _};
use spki::AlgorithmIdentifierOwned;
use x509_cert::TbsCertificate;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage};
use x509_cert::time::Time;

use crate::crypto::{self, KeyError, PublicKey, webpki_algorithms};
use crate::limits;
use crate::time::{UnixTime, Window};

/// More than any certificate in use has; a leaf of Fulcio's with every claim has 2 KiB.
const MAX_DER_LEN: usize = 32 << 10;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// A certificate that can be parsed. Nothing about it is verified.
#[derive(Clone)]
pub(crate) struct Certificate {
    der: Vec<u8>,
    spki: Vec<u8>,
    validity: Window,
    parsed: x509_cert::Certificate,
}

impl Certificate {
    /// Reads a certificate from DER.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > MAX_DER_LEN {
            return Err(CertificateError::TooLong(der.len()));
        }
        let parsed = x509_cert::Certificate::from_der(der)?;
        Ok(Self {
            der: der.to_vec(),
            spki: parsed.tbs_certificate.subject_public_key_info.to_der()?,
            validity: Window {
                start: Some(unix_time(parsed.tbs_certificate.validity.not_before)),
                end: Some(unix_time(parsed.tbs_certificate.validity.not_after)),
            },
            parsed,
        })
    }

    /// Reads every certificate of a text of PEM blocks, at least one.
    pub(crate) fn all_from_pem(text: &str) -> Result<Vec<Self>, CertificateError> {
        let mut certificates = Vec::new();
        let mut rest = text;
        while let Some((_, after)) = rest.split_once(BEGIN) {
            if certificates.len() == limits::CHAIN_CERTIFICATES {
                return Err(CertificateError::TooMany);
            }
            let (block, after) = after.split_once(END).ok_or(CertificateError::BrokenPem)?;
            certificates.push(Self::from_der(&decode_block(block)?)?);
            rest = after;
        }
        if certificates.is_empty() {
            return Err(CertificateError::NoPem);
        }
        Ok(certificates)
    }

    /// Whether a text has one PEM block, and that is this certificate: what takes no reading of
    /// another.
    pub(crate) fn is_only_block_of(&self, text: &str) -> bool {
        let block = text
            .split_once(BEGIN)
            .and_then(|(_, after)| after.split_once(END));
        block.is_some_and(|(block, after)| {
            !after.contains(BEGIN) && decode_block(block).is_ok_and(|der| der == self.der)
        })
    }

    /// The certificate's DER, as received.
    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }

    /// The part that its issuer signed.
    pub(crate) fn tbs(&self) -> &TbsCertificate {
        &self.parsed.tbs_certificate
    }

    /// From `notBefore` to `notAfter`.
    pub(crate) fn validity(&self) -> Window {
        self.validity
    }

    /// The DER of the `SubjectPublicKeyInfo`.
    pub(crate) fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The public key, if it is of a kind that is accepted.
    pub(crate) fn public_key(&self) -> Result<PublicKey, KeyError> {
        PublicKey::from_der(&self.spki)
    }

    /// The SHA-256 over the DER, hex.
    pub(crate) fn fingerprint(&self) -> String {
        hex::encode(crypto::sha256(&self.der))
    }

    /// Whether the certificate names itself as its issuer. Not whether it signed itself.
    pub(crate) fn is_self_issued(&self) -> bool {
        self.tbs().issuer == self.tbs().subject
    }

    /// Whether the holder of `issuer` signed this certificate, and is named as its issuer. Not
    /// whether he may.
    pub(crate) fn is_issued_by(&self, issuer: &Self) -> bool {
        self.tbs().issuer == issuer.tbs().subject && self.is_signed_by(issuer).unwrap_or(false)
    }

    fn is_signed_by(&self, issuer: &Self) -> der::Result<bool> {
        let signed = first_element(&self.der)?;
        let info = &issuer.tbs().subject_public_key_info;
        let key_id = algorithm_content(&info.algorithm)?;
        let signature_id = algorithm_content(&self.parsed.signature_algorithm)?;
        let algorithm = webpki_algorithms().iter().find(|known| {
            known.public_key_alg_id().as_ref() == key_id
                && known.signature_alg_id().as_ref() == signature_id
        });
        let key = info.subject_public_key.raw_bytes();
        let signature = self.parsed.signature.raw_bytes();
        Ok(algorithm.is_some_and(|known| known.verify_signature(key, &signed, signature).is_ok()))
    }

    /// Whether it may issue certificates (`basicConstraints`).
    pub(crate) fn is_ca(&self) -> Result<bool, CertificateError> {
        Ok(self
            .extension::<BasicConstraints>()?
            .is_some_and(|(_, constraints)| constraints.ca))
    }

    /// Its `keyUsage`, if it has one.
    pub(crate) fn key_usage(&self) -> Result<Option<KeyUsage>, CertificateError> {
        Ok(self.extension::<KeyUsage>()?.map(|(_, usage)| usage))
    }

    /// Its `extKeyUsage`, and whether that is critical, if it has one.
    pub(crate) fn extended_key_usage(
        &self,
    ) -> Result<Option<(bool, Vec<ObjectIdentifier>)>, CertificateError> {
        Ok(self
            .extension::<ExtendedKeyUsage>()?
            .map(|(critical, usage)| (critical, usage.0)))
    }

    /// The extension of this type, and whether it is critical.
    pub(crate) fn extension<'a, T: Decode<'a> + AssociatedOid>(
        &'a self,
    ) -> Result<Option<(bool, T)>, CertificateError> {
        let extensions = self.tbs().extensions.iter().flatten();
        let mut found = extensions.filter(|extension| extension.extn_id == T::OID);
        match (found.next(), found.next()) {
            (None, _) => Ok(None),
            (Some(extension), None) => Ok(Some((
                extension.critical,
                T::from_der(extension.extn_value.as_bytes())?,
            ))),
            (Some(_), Some(_)) => Err(CertificateError::Repeated(T::OID)),
        }
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Certificate {}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Certificate({} sha256:{})",
            self.tbs().subject,
            self.fingerprint()
        )
    }
}

/// Why some bytes are not a certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    /// More bytes than any certificate has; nothing was parsed.
    #[error("a certificate has at most {MAX_DER_LEN} bytes, found {0}")]
    TooLong(usize),
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
    /// The same extension twice.
    #[error("the extension {0} occurs twice")]
    Repeated(ObjectIdentifier),
}

/// The first element inside a DER sequence, as it was encoded: what the signature of
/// certificates, CRLs and OCSP responses covers.
pub(crate) fn first_element(der: &[u8]) -> der::Result<Vec<u8>> {
    let outer = AnyRef::from_der(der)?;
    outer.tag().assert_eq(Tag::Sequence)?;
    SliceReader::new(outer.value())?
        .tlv_bytes()
        .map(<[u8]>::to_vec)
}

/// The content of an algorithm identifier's sequence, as webpki compares it.
pub(crate) fn algorithm_content(algorithm: &AlgorithmIdentifierOwned) -> der::Result<Vec<u8>> {
    let der = algorithm.to_der()?;
    Ok(AnyRef::from_der(&der)?.value().to_vec())
}

/// The DER in a PEM block.
fn decode_block(block: &str) -> Result<Vec<u8>, CertificateError> {
    if block.len() > 2 * MAX_DER_LEN {
        return Err(CertificateError::TooLong(block.len()));
    }
    // Some signers write one long line, which RFC 7468 forbids and everybody reads.
    let compact: String = block.split_ascii_whitespace().collect();
    STANDARD
        .decode(compact)
        .map_err(|_| CertificateError::BrokenPem)
}

fn unix_time(time: Time) -> UnixTime {
    let seconds = time.to_unix_duration().as_secs();
    UnixTime::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The root of Sigstore's public-good instance.
    fn root() -> Vec<u8> {
        let root: serde_json::Value =
            serde_json::from_str(sigstore_trust_root::SIGSTORE_PRODUCTION_TRUSTED_ROOT).unwrap();
        let pointer = "/certificateAuthorities/0/certChain/certificates/0/rawBytes";
        STANDARD
            .decode(root.pointer(pointer).unwrap().as_str().unwrap())
            .unwrap()
    }

    #[test]
    fn a_certificate_is_read_from_der_and_from_any_pem() {
        let der = root();
        let certificate = Certificate::from_der(&der).unwrap();
        assert!(certificate.is_self_issued() && certificate.is_ca().unwrap());
        assert!(certificate.key_usage().unwrap().unwrap().key_cert_sign());
        assert!(certificate.public_key().is_ok());
        let line = STANDARD.encode(&der);
        let pem =
            format!("text\n-----BEGIN CERTIFICATE-----\r\n{line}\r\n-----END CERTIFICATE-----\r\n");
        assert!(certificate.is_only_block_of(&pem));
        assert!(!certificate.is_only_block_of(&pem.repeat(2)));
        assert!(!certificate.is_only_block_of(&pem.replacen("MII", "MIJ", 1)));
        assert_eq!(
            Certificate::all_from_pem(&pem.repeat(2)).unwrap(),
            [certificate.clone(), certificate]
        );
    }

    #[test]
    fn what_is_no_certificate_is_an_error() {
        let mut cut = root();
        cut.pop();
        assert!(matches!(
            Certificate::from_der(&cut),
            Err(CertificateError::Der(_))
        ));
        let long = vec![0; MAX_DER_LEN + 1];
        assert!(matches!(
            Certificate::from_der(&long),
            Err(CertificateError::TooLong(_))
        ));
        let block = |content: &str| {
            format!("-----BEGIN CERTIFICATE-----{content}-----END CERTIFICATE-----")
        };
        let pem = block(&STANDARD.encode(root()));
        assert!(matches!(
            Certificate::all_from_pem(""),
            Err(CertificateError::NoPem)
        ));
        assert!(matches!(
            Certificate::all_from_pem(&block("*")),
            Err(CertificateError::BrokenPem)
        ));
        assert!(matches!(
            Certificate::all_from_pem(&pem.repeat(11)),
            Err(CertificateError::TooMany)
        ));
        assert!(matches!(
            Certificate::all_from_pem(pem.trim_end_matches('-')),
            Err(CertificateError::BrokenPem)
        ));
    }
}
