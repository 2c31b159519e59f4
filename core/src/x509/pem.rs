//! Certificates in PEM.

use super::{Certificate, CertificateError};
use crate::crypto::pem::{self, Block};
use crate::limits;

const LABEL: &str = "CERTIFICATE";

impl Certificate {
    /// Reads every certificate of a text of PEM blocks, at least one and no more than a chain
    /// has. Blocks of other things are let be.
    pub(crate) fn all_from_pem(text: &str) -> Result<Vec<Self>, CertificateError> {
        let mut certificates = Vec::new();
        for certificate in Self::each_from_pem(text) {
            if certificates.len() == limits::CHAIN_CERTIFICATES {
                return Err(CertificateError::TooMany);
            }
            certificates.push(certificate?);
        }
        match certificates.is_empty() {
            true => Err(CertificateError::NoPem),
            false => Ok(certificates),
        }
    }

    /// The certificates of a text of PEM blocks, however many.
    pub(crate) fn each_from_pem(
        text: &str,
    ) -> impl Iterator<Item = Result<Self, CertificateError>> + '_ {
        pem::blocks(text).filter_map(|block| match block {
            Ok(block) if block.label == LABEL => {
                Some(decoded(&block).and_then(|der| Self::from_der(&der)))
            }
            Ok(_) => None,
            Err(malformed) => Some(Err(malformed.into())),
        })
    }

    /// Whether a text has one PEM block, and that is this certificate: what takes no reading of
    /// another.
    pub(crate) fn is_only_block_of(&self, text: &str) -> bool {
        let mut blocks = pem::blocks(text);
        match (blocks.next(), blocks.next()) {
            (Some(Ok(block)), None) if block.label == LABEL => {
                decoded(&block).is_ok_and(|der| der == self.der())
            }
            _ => false,
        }
    }
}

/// The DER in a block. What is far too long is not decoded.
fn decoded(block: &Block<'_>) -> Result<Vec<u8>, CertificateError> {
    if block.content.len() > 2 * limits::CERTIFICATE_BYTES {
        return Err(CertificateError::TooLarge(block.content.len()));
    }
    Ok(block.decode()?)
}

impl From<pem::Malformed> for CertificateError {
    fn from(_: pem::Malformed) -> Self {
        Self::BrokenPem
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

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
        assert!(certificate.is_self_issued() && certificate.is_self_signed());
        assert!(certificate.is_ca());
        assert!(certificate.key_usage().unwrap().1.key_cert_sign());
        assert!(certificate.public_key().is_ok());
        let line = STANDARD.encode(&der);
        let pem =
            format!("text\n-----BEGIN CERTIFICATE-----\r\n{line}\r\n-----END CERTIFICATE-----\r\n");
        assert!(certificate.is_only_block_of(&pem));
        assert!(!certificate.is_only_block_of(&pem.repeat(2)));
        assert!(!certificate.is_only_block_of(&pem.replacen("MII", "MIJ", 1)));
        assert_eq!(
            Certificate::all_from_pem(&pem.repeat(2)).unwrap(),
            [certificate.clone(), certificate.clone()]
        );
        let key = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
        assert_eq!(
            Certificate::all_from_pem(&format!("{key}{pem}")).unwrap(),
            std::slice::from_ref(&certificate)
        );
        assert!(!certificate.is_only_block_of(&format!("{key}{pem}")));
    }

    #[test]
    fn what_is_no_certificate_is_an_error() {
        let mut cut = root();
        cut.pop();
        assert!(matches!(
            Certificate::from_der(&cut),
            Err(CertificateError::Der(_))
        ));
        let long = vec![0; limits::CERTIFICATE_BYTES + 1];
        assert!(matches!(
            Certificate::from_der(&long),
            Err(CertificateError::TooLarge(_))
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
            Certificate::all_from_pem(&block(&"A".repeat(2 * limits::CERTIFICATE_BYTES + 4))),
            Err(CertificateError::TooLarge(_))
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
