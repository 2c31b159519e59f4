//! Who signed a certificate, and what the key of one signed.

use der::asn1::{AnyRef, BitString};
use der::oid::ObjectIdentifier;
use der::{Encode as _, Reader as _, SliceReader, Tag, Tagged as _};
use spki::AlgorithmIdentifierOwned;

use super::Certificate;
use crate::crypto::webpki_algorithms;
use crate::reason::Code;
use crate::strict_der;

impl Certificate {
    /// Whether the holder of `issuer` signed this certificate, and is named as its issuer. Not
    /// whether he may.
    pub(crate) fn is_issued_by(&self, issuer: &Self) -> Result<(), SignedDataError> {
        if self.issuer_name() != issuer.subject_name() {
            return Err(SignedDataError::Issuer {
                expected: self.issuer_name().to_string(),
                found: issuer.subject(),
            });
        }
        let signature = whole_bytes(&self.parsed.signature)?;
        let signed = first_element(&self.der)?;
        issuer.verify(&self.parsed.signature_algorithm, signed, signature)
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
        let info = &self.tbs().subject_public_key_info;
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

    /// The content of `subjectPublicKey`; nothing if it has unused bits, as no key has.
    pub(crate) fn public_key_bits(&self) -> &[u8] {
        let info = &self.tbs().subject_public_key_info;
        info.subject_public_key.as_bytes().unwrap_or_default()
    }
}

/// Why a signature on a certificate, CRL or OCSP response does not verify.
#[derive(Clone, Debug, thiserror::Error)]
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
pub(crate) fn whole_bytes(bits: &BitString) -> Result<&[u8], SignedDataError> {
    bits.as_bytes().ok_or(SignedDataError::Signature)
}

/// The first element inside a DER sequence, as it was encoded: what the signature of
/// certificates, CRLs and OCSP responses covers.
pub(crate) fn first_element(der: &[u8]) -> der::Result<&[u8]> {
    let outer: AnyRef<'_> = strict_der::read(der)?;
    outer.tag().assert_eq(Tag::Sequence)?;
    SliceReader::new(outer.value())?.tlv_bytes()
}

/// The content of an algorithm identifier's sequence, as webpki compares it.
fn algorithm_content(algorithm: &AlgorithmIdentifierOwned) -> der::Result<Vec<u8>> {
    let der = algorithm.to_der()?;
    Ok(strict_der::read::<AnyRef<'_>>(&der)?.value().to_vec())
}
