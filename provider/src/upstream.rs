//! The registry client as the configuration wants it.

use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;

use crate::collect::{Collector, RevocationClient};
use crate::config::{self, Config};
use crate::net::pem;
use crate::registry::{Auth, Limits, Patience, Registries, RegistryClient, RegistryConfig};

/// Why the registry client cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// A registry's CA cannot be read.
    #[error("{}: {message}", file.display())]
    Ca {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// Something else.
    #[error("the registry client cannot be set up: {0}")]
    Setup(String),
}

/// Sets up the client and what collects evidence with it.
///
/// # Errors
/// If a CA cannot be read.
pub(crate) fn collector(config: &Config) -> Result<Collector, UpstreamError> {
    let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let mut registries = Registries::default();
    registries.limits = Limits {
        bytes_in_flight: bytes(config.limits.fetch_bytes),
        bytes_per_image: bytes(config.limits.image_bytes),
        requests_per_host: config.limits.requests_per_host,
        longest_wait: config.timeouts.request,
    };
    registries.patience = Patience {
        hesitation: config.timeouts.hesitation,
        silence: config.timeouts.silence,
    };
    registries
        .docker_configs
        .extend(config.credentials.docker_config.clone());
    for registry in &config.registries {
        registries = registries.with(self::registry(registry)?);
    }
    let client =
        RegistryClient::new(&registries).map_err(|e| UpstreamError::Setup(e.to_string()))?;
    Ok(Collector::new(client))
}

/// Sets up what asks about revocation.
///
/// # Errors
/// If the HTTP library refuses.
pub(crate) fn revocation(config: &Config) -> Result<RevocationClient, UpstreamError> {
    RevocationClient::new(config.revocation.private_hosts.iter().cloned())
        .map_err(|e| UpstreamError::Setup(e.to_string()))
}

fn registry(from: &config::Registry) -> Result<RegistryConfig, UpstreamError> {
    let mut registry =
        RegistryConfig::new(&from.host).map_err(|e| UpstreamError::Setup(e.to_string()))?;
    registry.plain_http = from.plain_http;
    registry.ca = from.ca.as_deref().map(ca).transpose()?;
    registry.token_hosts.clone_from(&from.token_hosts);
    registry.redirect_hosts.clone_from(&from.redirect_hosts);
    registry.auth = match &from.auth {
        None => Auth::Default,
        Some(config::Auth::Anonymous) => Auth::Anonymous,
        Some(config::Auth::Basic {
            username,
            password_file,
        }) => Auth::PasswordFile {
            username: username.clone(),
            file: password_file.clone(),
        },
        Some(config::Auth::DockerConfig(file)) => Auth::DockerConfig(file.clone()),
    };
    Ok(registry)
}

fn ca(file: &Path) -> Result<Vec<CertificateDer<'static>>, UpstreamError> {
    let wrong = |message: String| UpstreamError::Ca {
        file: file.to_owned(),
        message,
    };
    pem::read(file).map_err(|error| wrong(error.to_string()))
}
