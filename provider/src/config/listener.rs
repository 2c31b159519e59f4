//! Listeners and their TLS.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::TokenReview;

/// One address on which requests are answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Listener {
    /// Where it listens.
    pub address: SocketAddr,
    /// The server's certificate.
    pub tls: Tls,
    /// Whether clients must show a certificate.
    pub client_auth: ClientAuth,
    /// The certificate authorities of clients, PEM; for Gatekeeper, `ca.crt` of its
    /// secret `gatekeeper-webhook-server-cert`.
    pub client_ca: Option<PathBuf>,
    /// The DNS names of which a client's certificate must have one; empty: any.
    pub client_names: Vec<String>,
    /// Makes callers show a token of Kubernetes, with `clientAuth: none`.
    pub token_review: Option<TokenReview>,
}

/// The server's certificate; its files are read again when they change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Tls {
    /// The certificate chain, PEM, leaf first.
    pub certificate: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
    /// The oldest TLS version accepted.
    pub min_version: TlsVersion,
}

/// TLS versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[serde(rename = "1.2")]
    V1_2,
    /// TLS 1.3, which Gatekeeper demands.
    #[default]
    #[serde(rename = "1.3")]
    V1_3,
}

/// Whether clients must show a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ClientAuth {
    /// Each must show one that is valid.
    #[default]
    Required,
    /// Whoever shows one must show a valid one.
    Optional,
    /// Nobody is asked: anyone who reaches the listener can use it, unless `tokenReview` is set.
    None,
}

impl Listener {
    /// Every path, to be made absolute.
    pub(super) fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        [&mut self.tls.certificate, &mut self.tls.key]
            .into_iter()
            .chain(&mut self.client_ca)
            .chain(
                self.token_review
                    .iter_mut()
                    .flat_map(TokenReview::paths_mut),
            )
    }
}

impl Default for Listener {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8443)),
            tls: Tls::default(),
            client_auth: ClientAuth::default(),
            client_ca: Some("client-ca.crt".into()),
            client_names: Vec::new(),
            token_review: None,
        }
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            certificate: "tls.crt".into(),
            key: "tls.key".into(),
            min_version: TlsVersion::default(),
        }
    }
}
