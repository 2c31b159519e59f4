//! Certificate authorities and certificates as PEM files.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

use super::{E2eError, write};

/// A certificate authority.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// Whom a certificate names.
#[derive(Debug, Clone, Copy, Default)]
pub struct Names<'a> {
    /// The common name.
    pub common: &'a str,
    /// The organisation, which Kubernetes takes for a group.
    pub organisation: Option<&'a str>,
    /// DNS names and IP addresses.
    pub alternatives: &'a [&'a str],
}

/// The files of a certificate and its key.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate.
    pub certificate: PathBuf,
    /// The private key, PKCS #8.
    pub key: PathBuf,
}

impl Authority {
    /// Makes an authority.
    ///
    /// # Errors
    /// If there is no randomness.
    pub fn new(name: &str) -> Result<Self, E2eError> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self { issuer })
    }

    /// Its certificate, PEM.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Issues a certificate for servers and clients, into `NAME.crt` and `NAME.key` of `folder`.
    ///
    /// # Errors
    /// If a name is none, or a file cannot be written.
    pub fn issue(&self, names: Names<'_>, folder: &Path, name: &str) -> Result<Pair, E2eError> {
        let alternatives: Vec<String> = names.alternatives.iter().map(|&n| n.to_owned()).collect();
        let mut params = CertificateParams::new(alternatives)?;
        let subject = &mut params.distinguished_name;
        subject.push(DnType::CommonName, names.common);
        if let Some(organisation) = names.organisation {
            subject.push(DnType::OrganizationName, organisation);
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let pair = Pair {
            certificate: folder.join(format!("{name}.crt")),
            key: folder.join(format!("{name}.key")),
        };
        // The key first: whoever watches the certificate finds the pair complete.
        write(&pair.key, key.serialize_pem())?;
        write(&pair.certificate, certificate.pem())?;
        Ok(pair)
    }
}
