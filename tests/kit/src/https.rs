//! A small HTTPS client, and the certificates for both of its ends.
//!
//! As Gatekeeper does, it speaks HTTP/1.1 over TLS 1.3, trusts one CA, and may show a
//! certificate.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256, SerialNumber,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// The name in the certificate of Gatekeeper's webhook.
pub const GATEKEEPER: &str = "gatekeeper-webhook-service.gatekeeper-system.svc";

/// A certificate authority of one's own.
#[derive(Debug)]
pub struct Authority {
    /// Its certificate.
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
}

impl Authority {
    /// An authority with keys on P-256.
    ///
    /// # Errors
    /// If the cryptography library fails.
    pub fn new(name: &str) -> Result<Self, rcgen::Error> {
        Self::with(name, KeyPair::generate()?, None)
    }

    /// An authority as Gatekeeper's cert-controller makes it: RSA-2048, serial number 0.
    ///
    /// # Errors
    /// If the cryptography library fails.
    pub fn like_gatekeeper() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256)?;
        Self::with("gatekeeper-ca", key, Some(SerialNumber::from(0u64)))
    }

    fn with(name: &str, key: KeyPair, serial: Option<SerialNumber>) -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.serial_number = serial;
        let pem = params.self_signed(&key)?.pem();
        let issuer = Issuer::new(params, key);
        Ok(Self { pem, issuer })
    }

    /// A certificate for these names, for servers and clients alike.
    ///
    /// # Errors
    /// If a name is none, or the cryptography library fails.
    pub fn issue(&self, names: &[&str]) -> Result<Identity, rcgen::Error> {
        let key = KeyPair::generate()?;
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names)?;
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        Ok(Identity {
            certificate: params.signed_by(&key, &self.issuer)?.pem(),
            key: key.serialize_pem(),
        })
    }
}

/// TLS that trusts one CA and shows this identity, if there is one.
///
/// # Errors
/// If the PEM is not what it should be.
pub fn client_config(ca: &str, identity: Option<&Identity>) -> io::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca.as_bytes()) {
        let certificate = certificate.map_err(io::Error::other)?;
        roots.add(certificate).map_err(io::Error::other)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(io::Error::other)?
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = CertificateDer::pem_slice_iter(identity.certificate.as_bytes())
                .collect::<Result<_, _>>()
                .map_err(io::Error::other)?;
            let key =
                PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).map_err(io::Error::other)?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(io::Error::other)?
        }
    };
    // A fresh handshake for each connection, as with a new transport in Go.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// One connection, kept alive.
#[derive(Debug)]
pub struct Https {
    sender: SendRequest<Full<Bytes>>,
}

impl Https {
    /// Connects to `localhost` at this address.
    ///
    /// # Errors
    /// If the connection or the handshake fails. With TLS 1.3 a client learns only from its
    /// first request that its certificate is refused.
    pub async fn connect(address: SocketAddr, config: Arc<ClientConfig>) -> io::Result<Self> {
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let tls = TlsConnector::from(config).connect(name, tcp).await?;
        let (sender, connection) = handshake(TokioIo::new(tls))
            .await
            .map_err(io::Error::other)?;
        // Its end, good or bad, shows in the answers.
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    /// Posts a body.
    ///
    /// # Errors
    /// If the connection breaks.
    pub async fn post(
        &mut self,
        path: &str,
        body: impl Into<Bytes>,
    ) -> io::Result<Response<Bytes>> {
        let request = Request::post(path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Full::new(body.into()))
            .map_err(io::Error::other)?;
        self.send(request).await
    }

    /// Sends a request.
    ///
    /// # Errors
    /// If the connection breaks.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> io::Result<Response<Bytes>> {
        self.sender.ready().await.map_err(io::Error::other)?;
        let response = self
            .sender
            .send_request(request)
            .await
            .map_err(io::Error::other)?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        Ok(Response::from_parts(head, body))
    }

    /// Whether the server has closed the connection, or is about to.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}

/// The status of a `GET` over plain HTTP, and its body.
///
/// # Errors
/// If the connection breaks.
pub async fn get(address: SocketAddr, path: &str) -> io::Result<(StatusCode, Bytes)> {
    let tcp = TcpStream::connect(address).await?;
    let (mut sender, connection) = handshake(TokioIo::new(tcp))
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(connection);
    let request = Request::get(path)
        .header("host", "localhost")
        .body(Full::<Bytes>::default())
        .map_err(io::Error::other)?;
    let response = sender
        .send_request(request)
        .await
        .map_err(io::Error::other)?;
    let status = response.status();
    let body = response
        .into_body()
        .collect()
        .await
        .map_err(io::Error::other)?;
    Ok((status, body.to_bytes()))
}
