//! TLS as Gatekeeper speaks it: version 1.3, and its webhook's certificate for the client.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig,
    SignatureScheme,
};
use webpki::EndEntityCert;

use crate::config::{ClientAuth, Listener, TlsVersion};

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read, or holds something else.
    #[error("{}: {message}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// Clients are to be authenticated, but by no CA.
    #[error("clientAuth asks for client certificates, but clientCa is not set")]
    NoClientCa,
}

impl TlsError {
    pub(super) fn new(file: &Path, message: impl std::fmt::Display) -> Self {
        Self::File {
            file: file.to_owned(),
            message: message.to_string(),
        }
    }
}

/// Makes the TLS configuration of a listener. `roots` are the CAs of clients, if they are
/// asked for certificates.
pub(super) fn server_config(
    listener: &Listener,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    roots: Option<RootCertStore>,
) -> Result<ServerConfig, TlsError> {
    let of_key = |error: Error| {
        let certificate = listener.tls.certificate.display();
        TlsError::new(
            &listener.tls.key,
            format!("this key cannot be used with the certificate {certificate}: {error}"),
        )
    };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let versions: &[_] = match listener.tls.min_version {
        TlsVersion::V1_3 => &[&rustls::version::TLS13],
        TlsVersion::V1_2 => &[&rustls::version::TLS13, &rustls::version::TLS12],
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(of_key)?;
    let builder = match roots {
        None => builder.with_no_client_auth(),
        Some(roots) => {
            builder.with_client_cert_verifier(client_verifier(listener, roots, provider)?)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(of_key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn client_verifier(
    listener: &Listener,
    roots: RootCertStore,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let file = listener.client_ca.as_deref().unwrap_or("".as_ref());
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = match listener.client_auth {
        ClientAuth::Required => builder,
        ClientAuth::Optional | ClientAuth::None => builder.allow_unauthenticated(),
    };
    let chain = builder
        .build()
        .map_err(|error| TlsError::new(file, error))?;
    if listener.client_names.is_empty() {
        return Ok(chain);
    }
    let name = |name: &String| {
        ServerName::try_from(name.clone())
            .map_err(|error| TlsError::new(file, format!("clientNames {name:?}: {error}")))
    };
    let names = listener
        .client_names
        .iter()
        .map(name)
        .collect::<Result<_, _>>()?;
    Ok(Arc::new(NamedClients { chain, names }))
}

/// Accepts clients whose certificate is valid and has one of some names.
///
/// Gatekeeper's CA signs only the certificate of its webhook; the pin guards against a CA
/// that signs more than that.
#[derive(Debug)]
struct NamedClients {
    chain: Arc<dyn ClientCertVerifier>,
    names: Vec<ServerName<'static>>,
}

impl ClientCertVerifier for NamedClients {
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self
            .chain
            .verify_client_cert(end_entity, intermediates, now)?;
        let certificate = EndEntityCert::try_from(end_entity)
            .map_err(|_| Error::from(CertificateError::BadEncoding))?;
        let named = |name| certificate.verify_is_valid_for_subject_name(name).is_ok();
        match self.names.iter().any(named) {
            true => Ok(verified),
            false => Err(CertificateError::NotValidForName.into()),
        }
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.chain.client_auth_mandatory()
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
