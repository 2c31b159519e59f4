//! Certificates in PEM: the only place that reads any.

use std::io;
use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{Error, PemObject as _};

use crate::files;

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PemError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// It is something else.
    #[error("expected certificates in PEM: {0}")]
    Malformed(#[from] Error),
    /// It holds none.
    #[error("expected certificates in PEM, found none")]
    None,
}

/// The certificates of a text, at least one; what else is in it is passed over.
///
/// Not checked: whether they are certificates beneath their armour.
pub(crate) fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(text).collect::<Result<_, _>>()?;
    match certificates.is_empty() {
        true => Err(PemError::None),
        false => Ok(certificates),
    }
}

/// The certificates of a regular file.
pub(crate) fn read(file: &Path) -> Result<Vec<CertificateDer<'static>>, PemError> {
    certificates(&files::read(file)?)
}
