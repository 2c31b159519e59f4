//! The certificates of a listener, and the TLS configuration made of them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig};
use sealgate_core::Digest;
use tokio_util::sync::CancellationToken;
use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::tls::{self, TlsError};
use crate::config::{ClientAuth, Listener};
use crate::files;
use crate::net::pem;

/// The certificates of a listener; always a set that works.
pub struct Certificates {
    listener: Listener,
    current: ArcSwap<Current>,
}

/// The certificates in force.
pub(super) struct Current {
    pub(super) tls: Arc<ServerConfig>,
    /// Cancelled when others take their place: connections that were authenticated with
    /// these are then closed after the request they are in.
    pub(super) replaced: CancellationToken,
    fingerprint: Digest,
    /// Seconds since 1970.
    expiry: i64,
}

/// Certificates that were read and can be put in force.
#[derive(Debug)]
pub(super) struct Read {
    tls: Arc<ServerConfig>,
    fingerprint: Digest,
    expiry: i64,
}

impl Certificates {
    /// Reads the certificates of a listener.
    ///
    /// # Errors
    /// If a file is missing or is not what it should be, the key does not belong to the
    /// certificate, or clients are to be authenticated and there is no CA for it.
    pub fn load(listener: &Listener) -> Result<Self, TlsError> {
        Ok(Self {
            current: ArcSwap::from_pointee(read(listener)?.into()),
            listener: listener.clone(),
        })
    }

    /// The certificates in force.
    pub(super) fn current(&self) -> Arc<Current> {
        self.current.load_full()
    }

    pub(super) fn read(&self) -> Result<Read, TlsError> {
        read(&self.listener)
    }

    pub(super) fn holds(&self, read: &Read) -> bool {
        self.current.load().fingerprint == read.fingerprint
    }

    pub(super) fn replace(&self, read: Read) {
        let before = self.current.swap(Arc::new(read.into()));
        before.replaced.cancel();
    }

    pub(super) fn files(&self) -> BTreeSet<PathBuf> {
        let tls = &self.listener.tls;
        [&tls.certificate, &tls.key]
            .into_iter()
            .chain(&self.listener.client_ca)
            .cloned()
            .collect()
    }

    /// When the server's certificate expires, in seconds since 1970.
    pub(super) fn expiry(&self) -> i64 {
        self.current.load().expiry
    }

    /// Where the configuration has the listener.
    pub(super) fn address(&self) -> SocketAddr {
        self.listener.address
    }

    pub(super) fn name(&self) -> String {
        self.listener.tls.certificate.display().to_string()
    }
}

impl From<Read> for Current {
    fn from(read: Read) -> Self {
        Self {
            tls: read.tls,
            replaced: CancellationToken::new(),
            fingerprint: read.fingerprint,
            expiry: read.expiry,
        }
    }
}

fn read(listener: &Listener) -> Result<Read, TlsError> {
    let files = &listener.tls;
    let certificate = bytes(&files.certificate)?;
    let key = bytes(&files.key)?;
    let chain = certificates(&files.certificate, &certificate)?;
    let private = PrivateKeyDer::from_pem_slice(&key)
        .map_err(|error| TlsError::new(&files.key, format!("not a private key in PEM: {error}")))?;
    let mut fingerprint = format!(
        "{}\n{}\n",
        Digest::sha256(&certificate),
        Digest::sha256(&key)
    );
    let roots = match (listener.client_auth, &listener.client_ca) {
        (ClientAuth::None, _) => None,
        (_, None) => return Err(TlsError::NoClientCa),
        (_, Some(file)) => {
            let ca = bytes(file)?;
            fingerprint.push_str(&Digest::sha256(&ca).to_string());
            Some(client_roots(file, &ca)?)
        }
    };
    let expiry = expiry(&files.certificate, &chain)?;
    Ok(Read {
        tls: Arc::new(tls::server_config(listener, chain, private, roots)?),
        fingerprint: Digest::sha256(fingerprint.as_bytes()),
        expiry,
    })
}

fn bytes(file: &Path) -> Result<Vec<u8>, TlsError> {
    files::read(file).map_err(|error| TlsError::new(file, format!("cannot be read: {error}")))
}

fn certificates(file: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    pem::certificates(text).map_err(|error| TlsError::new(file, error))
}

fn client_roots(file: &Path, text: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file, text)? {
        roots.add(certificate).map_err(|error| {
            TlsError::new(file, format!("not a certificate authority: {error}"))
        })?;
    }
    Ok(roots)
}

fn expiry(file: &Path, chain: &[CertificateDer<'_>]) -> Result<i64, TlsError> {
    let leaf = chain.first().map_or(&[][..], |leaf| leaf.as_ref());
    let leaf = Certificate::from_der(leaf)
        .map_err(|error| TlsError::new(file, format!("not a certificate: {error}")))?;
    let not_after = leaf.tbs_certificate.validity.not_after.to_unix_duration();
    Ok(i64::try_from(not_after.as_secs()).unwrap_or(i64::MAX))
}
