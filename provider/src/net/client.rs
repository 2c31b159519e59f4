//! HTTP clients with the certificate authorities and the guard that fit those they speak to.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, ClientBuilder};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;

use super::guard::Guard;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// The client cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The certificate authorities of a registry are not usable.
    #[error("the certificate authorities of the registry {host} cannot be used: {source}")]
    Authorities {
        /// The registry.
        host: String,
        /// Why.
        source: rustls::Error,
    },
    /// The TLS library refuses.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP library refuses.
    #[error("cannot set up HTTP: {0}")]
    Http(#[from] reqwest::Error),
    /// The host of a registry makes no URL.
    #[error("cannot make a URL of the registry {host}: {source}")]
    Url {
        /// The registry.
        host: String,
        /// Why.
        source: url::ParseError,
    },
}

/// The ways to some hosts.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    /// Keeps connections for the next request.
    pub(crate) usual: Client,
    /// Makes a new connection for each request: for those whose connection hangs.
    pub(crate) fresh: Client,
}

impl Clients {
    pub(crate) fn new(roots: RootCertStore, guard: Guard) -> Result<Self, SetupError> {
        Ok(Self {
            fresh: builder(roots.clone(), guard.clone())?
                .pool_max_idle_per_host(0)
                .build()?,
            usual: http_client(roots, guard)?,
        })
    }
}

/// The ways to all registries that are not listed.
pub(crate) fn public_clients() -> Result<Clients, SetupError> {
    Clients::new(public_roots(), Guard::default())
}

/// An HTTP client for services that are no registries: under the same guard, without redirects.
pub(crate) fn plain_client(guard: Guard) -> Result<Client, SetupError> {
    http_client(public_roots(), guard)
}

/// The same for one service, which these certificate authorities vouch for, or the public ones.
pub(crate) fn client_for_authorities(
    authorities: Option<&[CertificateDer<'static>]>,
    guard: Guard,
) -> Result<Client, SetupError> {
    http_client(
        authorities.map_or_else(|| Ok(public_roots()), own_roots)?,
        guard,
    )
}

pub(crate) fn public_roots() -> RootCertStore {
    RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    }
}

pub(crate) fn own_roots(
    authorities: &[CertificateDer<'static>],
) -> Result<RootCertStore, rustls::Error> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.clone())?;
    }
    Ok(roots)
}

fn http_client(roots: RootCertStore, guard: Guard) -> Result<Client, SetupError> {
    Ok(builder(roots, guard)?.build()?)
}

fn builder(roots: RootCertStore, guard: Guard) -> Result<ClientBuilder, SetupError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(Arc::new(guard))
        // A proxy would resolve names out of the guard's sight.
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .user_agent(concat!("sealgate/", env!("CARGO_PKG_VERSION"))))
}
