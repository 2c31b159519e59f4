//! A registry with an image, and a client for it.

use std::time::Duration;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use sealgate::registry::{
    Fetched, Patience, Registries, RegistryClient, RegistryConfig, RegistryError,
};
use sealgate_core::Digest;
use sealgate_core::reference::Repository;
use sealgate_testkit::image::{self, Image};
use sealgate_testkit::registry::{Auth, Credentials, Fault, Registry, RegistryOptions, TokenAuth};
use tokio::time::Instant;

pub(crate) struct Setup {
    pub(crate) registry: Registry,
    pub(crate) client: RegistryClient,
    pub(crate) image: Image,
}

impl Setup {
    /// A plain, open registry.
    pub(crate) async fn open() -> Self {
        Self::with(RegistryOptions::default(), |_| {}).await
    }

    pub(crate) async fn with(
        options: RegistryOptions,
        configure: impl FnOnce(&mut RegistryConfig),
    ) -> Self {
        Self::with_patience(options, Patience::default(), configure).await
    }

    pub(crate) async fn with_patience(
        options: RegistryOptions,
        patience: Patience,
        configure: impl FnOnce(&mut RegistryConfig),
    ) -> Self {
        let registry = Registry::start(options).await.unwrap();
        let mut config = listed(&registry);
        configure(&mut config);
        let mut registries = Registries::default().with(config);
        registries.patience = patience;
        let client = RegistryClient::new(&registries).unwrap();
        Self {
            image: image::single(&registry, "app", "v1", "seed"),
            registry,
            client,
        }
    }

    pub(crate) fn repository(&self) -> Repository {
        self.image.name().parse().unwrap()
    }

    pub(crate) async fn tag(&self) -> Result<Fetched, RegistryError> {
        self.tag_within(Duration::from_secs(20)).await
    }

    pub(crate) async fn tag_within(&self, time: Duration) -> Result<Fetched, RegistryError> {
        let deadline = Instant::now() + time;
        self.client.tag(&self.repository(), "v1", deadline).await
    }

    pub(crate) async fn manifest(&self) -> Result<Fetched, RegistryError> {
        self.client
            .manifest(&self.repository(), &self.image.digest, 10_000, soon())
            .await
    }

    /// Pushes a blob and fetches it.
    pub(crate) async fn blob(&self) -> Result<Vec<u8>, RegistryError> {
        let digest = self.registry.push_blob("app", BLOB);
        let digest: Digest = digest.parse().unwrap();
        let blob = self
            .client
            .blob(&self.repository(), &digest, BLOB.len(), soon())
            .await?;
        Ok(blob.bytes().to_vec())
    }

    /// The requests so far, as `GET /v2/app/manifests/v1`.
    pub(crate) fn calls(&self) -> Vec<String> {
        calls(&self.registry)
    }
}

pub(crate) const BLOB: &str = "a blob of some bytes";

pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// What lists a test registry.
pub(crate) fn listed(registry: &Registry) -> RegistryConfig {
    let mut config = RegistryConfig::new(&registry.host()).unwrap();
    match registry.ca_pem() {
        None => config.plain_http = true,
        Some(pem) => {
            config.ca = Some(vec![
                CertificateDer::from_pem_slice(pem.as_bytes()).unwrap(),
            ]);
        }
    }
    config
}

pub(crate) fn calls(registry: &Registry) -> Vec<String> {
    registry
        .requests()
        .iter()
        .map(ToString::to_string)
        .collect()
}

pub(crate) fn alice() -> Credentials {
    Credentials::new("alice", "open sesame")
}

/// Tokens for alice alone.
pub(crate) fn private() -> RegistryOptions {
    tokens(TokenAuth::user(alice()))
}

pub(crate) fn tokens(tokens: TokenAuth) -> RegistryOptions {
    RegistryOptions {
        auth: Auth::Token(tokens),
        ..RegistryOptions::default()
    }
}

/// Redirects to the same path at another registry.
pub(crate) fn redirect_to(other: &Registry) -> Fault {
    Fault::RedirectOrigin(other.url())
}
