//! Certificates of our own, for a quick start.
//!
//! A directory gets a CA, a certificate signed by it for the names under which Gatekeeper
//! reaches the service, and the manifest of a Provider that trusts this CA. A restart uses
//! what is there; a certificate that is about to expire is made anew by the same CA.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData,
};
use sealgate_core::UnixTime;
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};

use crate::net::pem::{self, PemError};

const DAY: i64 = 24 * 3600;

/// The common name of the CA, by which a restart knows its own.
const CA_NAME: &str = "sealgate CA";

/// The CA's life: ten years, as that of Gatekeeper's own.
const CA_DAYS: i64 = 3650;

/// The certificate's life, and when in it a new one is made.
const LEAF_DAYS: i64 = 365;
const RENEW_DAYS: i64 = 90;

/// What certificates are made for.
#[derive(Clone, Debug)]
pub struct SelfSigned {
    /// The directory.
    pub directory: PathBuf,
    /// The Kubernetes namespace of the Service `sealgate`.
    pub namespace: String,
    /// The URL in the Provider's manifest.
    pub url: String,
    /// `spec.timeout` in the Provider's manifest, seconds.
    pub timeout_seconds: u64,
}

/// Why certificates could not be made.
#[derive(Debug, thiserror::Error)]
#[error("{}: {message}", path.display())]
pub struct SelfSignedError {
    path: PathBuf,
    message: String,
}

impl SelfSigned {
    /// The certificate, PEM.
    pub fn certificate(&self) -> PathBuf {
        self.directory.join("tls.crt")
    }

    /// Its key, PEM, readable for the owner only.
    pub fn key(&self) -> PathBuf {
        self.directory.join("tls.key")
    }

    /// The CA's certificate, PEM.
    pub fn ca(&self) -> PathBuf {
        self.directory.join("ca.crt")
    }

    /// The Provider's manifest.
    pub fn provider(&self) -> PathBuf {
        self.directory.join("provider.yaml")
    }

    /// Makes what is missing or about to expire. Whether a certificate was made.
    ///
    /// # Errors
    /// If the directory cannot be written, or holds something else under these names.
    pub fn ensure(&self, now: UnixTime) -> Result<bool, SelfSignedError> {
        fs::create_dir_all(&self.directory).map_err(|e| wrong(&self.directory, e))?;
        let ca = self.ensure_ca(now)?;
        let fresh = match fs::read(self.certificate()) {
            Ok(pem) => {
                let leaf = certificate(&self.certificate(), &pem)?;
                expiry(&leaf) > now.plus(RENEW_DAYS * DAY).seconds()
            }
            Err(_) => false,
        };
        let renew = !fresh || !self.key().exists();
        if renew {
            self.make_leaf(&ca, now)?;
        }
        self.write_provider()?;
        Ok(renew)
    }

    fn ensure_ca(&self, now: UnixTime) -> Result<Issuer<'static, KeyPair>, SelfSignedError> {
        let (file, key_file) = (self.ca(), self.directory.join("ca.key"));
        if let (Ok(pem), Ok(key)) = (fs::read_to_string(&file), fs::read_to_string(&key_file)) {
            let key = KeyPair::from_pem(&key).map_err(|e| wrong(&key_file, e))?;
            let ca = certificate(&file, pem.as_bytes())?;
            if expiry(&ca) > now.plus(LEAF_DAYS * DAY).seconds() {
                check_own(&ca, &key).map_err(|why| wrong(&file, why))?;
                return Ok(Issuer::new(ca_params(now), key));
            }
        }
        let failed = |e| wrong(&file, e);
        let params = ca_params(now);
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.self_signed(&key).map_err(failed)?;
        write(&key_file, &key.serialize_pem(), 0o600)?;
        write(&file, &certificate.pem(), 0o644)?;
        Ok(Issuer::new(params, key))
    }

    fn make_leaf(&self, ca: &Issuer<'_, KeyPair>, now: UnixTime) -> Result<(), SelfSignedError> {
        let file = self.certificate();
        let failed = |e| wrong(&file, e);
        let mut params = params("sealgate", LEAF_DAYS, now);
        let service = format!("sealgate.{}", self.namespace);
        for name in [
            "localhost",
            "127.0.0.1",
            "::1",
            "sealgate",
            &service,
            &format!("{service}.svc"),
            &format!("{service}.svc.cluster.local"),
        ] {
            let name = CertificateParams::new(vec![name.to_owned()]).map_err(failed)?;
            params.subject_alt_names.extend(name.subject_alt_names);
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.signed_by(&key, ca).map_err(failed)?;
        write(&self.key(), &key.serialize_pem(), 0o600)?;
        write(&file, &certificate.pem(), 0o644)
    }

    /// `timeout` must be set: without it Gatekeeper gives up at once.
    fn write_provider(&self) -> Result<(), SelfSignedError> {
        let ca = fs::read(self.ca()).map_err(|e| wrong(&self.ca(), e))?;
        let manifest = format!(
            "apiVersion: externaldata.gatekeeper.sh/v1beta1\nkind: Provider\nmetadata:\n  \
             name: sealgate\nspec:\n  url: {}\n  timeout: {}\n  caBundle: {}\n",
            self.url,
            self.timeout_seconds,
            STANDARD.encode(ca)
        );
        write(&self.provider(), &manifest, 0o644)
    }
}

fn ca_params(now: UnixTime) -> CertificateParams {
    let mut params = params(CA_NAME, CA_DAYS, now);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// Checks that a CA is one that was made here, for this key: what it signs has its name as issuer.
fn check_own(ca: &Certificate, key: &KeyPair) -> Result<(), NotOwn> {
    let found = ca.tbs_certificate.subject.to_string();
    if found != format!("CN={CA_NAME}") {
        return Err(NotOwn::Name(found));
    }
    match ca.tbs_certificate.subject_public_key_info.to_der() {
        Ok(spki) if spki == key.subject_public_key_info() => Ok(()),
        _ => Err(NotOwn::Key),
    }
}

/// Why a CA is none of ours.
#[derive(Debug, thiserror::Error)]
enum NotOwn {
    #[error("expected a certificate of CN={CA_NAME}, found one of {0}")]
    Name(String),
    #[error("expected the certificate of the key in ca.key, found that of another")]
    Key,
}

/// ECDSA P-256, which clients of every age accept; valid from an hour ago, for clocks
/// that are behind.
fn params(name: &str, days: i64, now: UnixTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date(now.plus(-3600));
    params.not_after = date(now.plus(days * DAY));
    params
}

fn date(at: UnixTime) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(at.seconds())
        .unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
}

fn certificate(file: &Path, text: &[u8]) -> Result<Certificate, SelfSignedError> {
    let found = pem::certificates(text).map_err(|e| wrong(file, e))?;
    let first = found.first().ok_or_else(|| wrong(file, PemError::None))?;
    Certificate::from_der(first).map_err(|e| wrong(file, e))
}

fn expiry(certificate: &Certificate) -> i64 {
    let not_after = certificate.tbs_certificate.validity.not_after;
    i64::try_from(not_after.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
}

/// Writes beside the file and renames, so that no reader sees half of it.
fn write(file: &Path, text: &str, mode: u32) -> Result<(), SelfSignedError> {
    let temporary = file.with_extension("new");
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&temporary)
        .and_then(|mut new| new.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&temporary, file));
    written.map_err(|e| wrong(file, e))
}

fn wrong(path: &Path, message: impl std::fmt::Display) -> SelfSignedError {
    SelfSignedError {
        path: path.to_owned(),
        message: message.to_string(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use webpki::EndEntityCert;

    use super::*;

    fn at(days: i64) -> UnixTime {
        UnixTime::from_seconds(1_800_000_000).plus(days * DAY)
    }

    #[test]
    fn a_restart_uses_what_is_there_and_renews_in_time() {
        let dir = tempfile::tempdir().unwrap();
        let made = SelfSigned {
            directory: dir.path().join("certs"),
            namespace: "gatekeeper-system".to_owned(),
            url: "https://sealgate.gatekeeper-system:8443/v1/validate".to_owned(),
            timeout_seconds: 3,
        };
        let read = |file: PathBuf| fs::read_to_string(file).unwrap();
        assert!(made.ensure(at(0)).unwrap());
        let (ca, leaf) = (read(made.ca()), read(made.certificate()));
        assert!(!made.ensure(at(200)).unwrap());
        assert_eq!(read(made.certificate()), leaf);
        assert!(made.ensure(at(300)).unwrap());
        assert_ne!(read(made.certificate()), leaf);
        assert_eq!(
            read(made.ca()),
            ca,
            "clients that trust the CA go on trusting"
        );
        let der = |text: &str| pem::certificates(text.as_bytes()).unwrap().remove(0);
        let (root, renewed) = (der(&ca), der(&read(made.certificate())));
        let renewed = EndEntityCert::try_from(&renewed).unwrap();
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let anchors = [webpki::anchor_from_trusted_cert(&root).unwrap()];
        let seconds = at(301).seconds().try_into().unwrap();
        let chain = renewed.verify_for_usage(
            provider.signature_verification_algorithms.all,
            &anchors,
            &[],
            rustls::pki_types::UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
            webpki::KeyUsage::server_auth(),
            None,
            None,
        );
        assert!(chain.is_ok(), "{:?}", chain.err());

        let mode = fs::metadata(made.key()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let provider = read(made.provider());
        assert!(provider.contains("timeout: 3"));
        assert!(provider.contains(&STANDARD.encode(ca)));
    }

    #[test]
    fn a_ca_that_was_not_made_here_signs_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let [made, other] = ["made", "other"].map(|name| SelfSigned {
            directory: dir.path().join(name),
            namespace: "gatekeeper-system".to_owned(),
            url: "https://localhost/v1/validate".to_owned(),
            timeout_seconds: 3,
        });
        let key = |of: &SelfSigned| of.directory.join("ca.key");
        let refused = || made.ensure(at(300)).unwrap_err().to_string();
        assert!(made.ensure(at(0)).unwrap() && other.ensure(at(0)).unwrap());
        let own = fs::read(made.ca()).unwrap();
        fs::copy(other.ca(), made.ca()).unwrap();
        assert!(refused().contains("the key in ca.key"), "{}", refused());
        // With its key, but another name.
        fs::write(made.ca(), own).unwrap();
        let signer = KeyPair::from_pem(&fs::read_to_string(key(&made)).unwrap()).unwrap();
        let mut params = ca_params(at(0));
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, "corp CA");
        let foreign = params.self_signed(&signer).unwrap();
        fs::write(made.ca(), foreign.pem()).unwrap();
        assert!(refused().contains("CN=corp CA"), "{}", refused());
    }
}
