//! The Notary Project's trust stores: named sets of certificates.
//!
//! Trust store and trust policy specification, "Trust store".

use std::fmt;
use std::str::FromStr;

use crate::crypto::pem;
use crate::digest::Digest;
use crate::x509::{Certificate, CertificateError};

/// A named set of trusted certificates; never empty.
#[derive(Clone, Debug)]
pub struct TrustStore {
    certificates: Vec<Certificate>,
    revision: Digest,
}

impl TrustStore {
    /// Reads a store of this kind from files, each with one certificate in DER or any number in
    /// PEM.
    ///
    /// # Errors
    /// If there is no file, or one of them holds no certificate, is neither PEM nor DER, or holds a
    /// certificate that has no place in such a store: `tsa` takes self-signed authorities only, the
    /// others authorities and self-signed signing certificates.
    pub fn read<'a>(
        kind: StoreKind,
        files: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, TrustStoreError> {
        let mut certificates = Vec::new();
        for file in files {
            for certificate in read_file(file)? {
                check(&certificate, kind)?;
                certificates.push(certificate);
            }
        }
        if certificates.is_empty() {
            return Err(TrustStoreError::Empty);
        }
        Ok(Self {
            revision: revision(&certificates),
            certificates,
        })
    }

    /// The certificates.
    pub(crate) fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// A digest over the certificates, whatever their order.
    pub fn revision(&self) -> Digest {
        self.revision
    }
}

fn revision(certificates: &[Certificate]) -> Digest {
    let fingerprint = |certificate: &Certificate| certificate.fingerprint().to_string();
    let mut digests: Vec<_> = certificates.iter().map(fingerprint).collect();
    digests.sort();
    Digest::sha256(digests.join("\n").as_bytes())
}

fn read_file(bytes: &[u8]) -> Result<Vec<Certificate>, TrustStoreError> {
    if !pem::is_pem(bytes) {
        return Ok(vec![Certificate::from_der(bytes)?]);
    }
    // What is no text is in no block that can be read.
    let text = String::from_utf8_lossy(bytes);
    let certificates: Vec<_> = Certificate::each_from_pem(&text).collect::<Result<_, _>>()?;
    if certificates.is_empty() {
        return Err(TrustStoreError::Empty);
    }
    Ok(certificates)
}

fn check(certificate: &Certificate, kind: StoreKind) -> Result<(), TrustStoreError> {
    let is_authority = certificate.is_ca();
    let self_signed = certificate.is_self_signed();
    let (fits, expected) = match kind {
        StoreKind::Tsa => (
            is_authority && self_signed,
            "a self-signed certificate authority",
        ),
        StoreKind::Ca | StoreKind::SigningAuthority => (
            is_authority || self_signed,
            "a certificate authority, or a self-signed certificate",
        ),
    };
    if fits {
        return Ok(());
    }
    Err(TrustStoreError::Misplaced {
        kind: kind.as_str(),
        expected,
        found: certificate.to_string(),
    })
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

/// Why some files are not a trust store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustStoreError {
    /// No certificate.
    #[error("expected at least one certificate, found none")]
    Empty,
    /// A certificate that cannot be read.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A certificate that such a store does not take.
    #[error("expected {expected} in a trust store of kind {kind}, found {found}")]
    Misplaced {
        /// The kind of the store.
        kind: &'static str,
        /// What it takes.
        expected: &'static str,
        /// The certificate.
        found: String,
    },
}

/// A text that does not name a trust store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a trust store such as ca:acme, signingAuthority:acme or tsa:acme, found {0:?}")]
pub struct StoreNameError(String);
