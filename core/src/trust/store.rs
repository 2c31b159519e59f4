//! The Notary Project's trust stores: named sets of certificates.
//!
//! Trust store and trust policy specification, "Trust store".

use std::fmt;
use std::str::FromStr;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::digest::Digest;

/// A named set of trusted certificates.
#[derive(Clone, Debug, Default)]
pub struct TrustStore {
    certificates: Vec<Vec<u8>>,
}

impl TrustStore {
    /// A store of these certificates (DER).
    pub fn from_der(certificates: Vec<Vec<u8>>) -> Self {
        Self { certificates }
    }

    /// A store of the certificates in these PEM texts.
    ///
    /// # Errors
    /// If one of them holds no certificate, or is not PEM.
    pub fn from_pem<'a>(
        texts: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, TrustStoreError> {
        let mut certificates = Vec::new();
        for text in texts {
            let before = certificates.len();
            for certificate in CertificateDer::pem_slice_iter(text) {
                let certificate = certificate.map_err(|_| TrustStoreError::Pem)?;
                certificates.push(certificate.to_vec());
            }
            if certificates.len() == before {
                return Err(TrustStoreError::Empty);
            }
        }
        Ok(Self { certificates })
    }

    /// The certificates, DER.
    pub fn certificates(&self) -> &[Vec<u8>] {
        &self.certificates
    }

    /// A digest over the certificates, whatever their order.
    pub fn revision(&self) -> Digest {
        let mut digests: Vec<_> = self
            .certificates
            .iter()
            .map(|certificate| Digest::sha256(certificate).to_string())
            .collect();
        digests.sort();
        Digest::sha256(digests.join("\n").as_bytes())
    }
}

/// The name of a trust store: its kind and its own name, as `ca:acme`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreName {
    /// What its certificates are trusted for.
    pub kind: StoreKind,
    /// Its own name, `[a-zA-Z0-9_.-]+`.
    pub name: String,
}

/// What the certificates of a store are trusted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoreKind {
    /// Certificate authorities of signers.
    Ca,
    /// Signing authorities, which vouch for the signing time, too.
    SigningAuthority,
    /// Timestamp authorities.
    Tsa,
}

impl StoreKind {
    /// The name, as in trust policies and directory layouts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ca => "ca",
            Self::SigningAuthority => "signingAuthority",
            Self::Tsa => "tsa",
        }
    }
}

impl FromStr for StoreName {
    type Err = StoreNameError;

    fn from_str(text: &str) -> Result<Self, StoreNameError> {
        let wrong = || StoreNameError(text.chars().take(80).collect());
        let (kind, name) = text.split_once(':').ok_or_else(wrong)?;
        let kind = match kind {
            "ca" => StoreKind::Ca,
            "signingAuthority" => StoreKind::SigningAuthority,
            "tsa" => StoreKind::Tsa,
            _ => return Err(wrong()),
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        // A name becomes a directory: "." and ".." would leave the store.
        if name.is_empty() || matches!(name, "." | "..") || !name.chars().all(allowed) {
            return Err(wrong());
        }
        Ok(Self {
            kind,
            name: name.to_owned(),
        })
    }
}

impl fmt::Display for StoreName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), self.name)
    }
}

/// Why some texts are not a trust store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustStoreError {
    /// A block that is not PEM.
    #[error("expected certificates in PEM, found a block that does not decode")]
    Pem,
    /// No certificate.
    #[error("expected at least one PEM certificate, found none")]
    Empty,
}

/// A text that does not name a trust store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a trust store such as ca:acme, signingAuthority:acme or tsa:acme, found {0:?}")]
pub struct StoreNameError(String);
