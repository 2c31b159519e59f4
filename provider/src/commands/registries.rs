//! How commands reach registries.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use sealgate_core::reference::RegistryHost;
use sealgate_core::{Reference, TrustMaterial, UnixTime};
use tokio::time::Instant;

use super::fetcher::Fetcher;
use super::usage::{self, UsageError};
use crate::config::{Config, Credentials, Registry};
use crate::upstream;

/// How to reach registries.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Registries {
    /// A registry that is spoken to without TLS
    #[arg(long, value_name = "HOST[:PORT]", help_heading = "Registries")]
    plain_http: Vec<String>,
    /// A registry that may be at a private address; those of images on the command line may
    #[arg(long, value_name = "HOST[:PORT]", help_heading = "Registries")]
    registry: Vec<String>,
    /// Certificate authorities of the registries, PEM
    #[arg(long, value_name = "FILE", help_heading = "Registries")]
    ca: Vec<PathBuf>,
    /// How long each image may take
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 30,
        help_heading = "Registries"
    )]
    timeout: u64,
}

impl Registries {
    /// When an image that is asked for now must have been judged.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + Duration::from_secs(self.timeout)
    }

    /// Who fetches evidence of these images, and what revocation services say of certificates that
    /// this trust leads to.
    ///
    /// To name an image is to allow its registry, also at a private address.
    pub(super) fn fetcher(
        &self,
        config: Option<Config>,
        images: &[Reference],
        trust: TrustMaterial,
        now: UnixTime,
    ) -> Result<Fetcher, UsageError> {
        let mut config = config.unwrap_or_else(|| Config {
            credentials: Credentials {
                docker_config: docker_config(),
            },
            ..Config::default()
        });
        let ca = self.merged_ca()?;
        let without_tls = self.plain_http.iter().map(|host| canonical(host));
        let without_tls: BTreeSet<_> = without_tls.collect();
        let named = images.iter().map(|i| i.repository().host().to_owned());
        let listed = self.registry.iter().map(|host| canonical(host));
        let hosts = named.chain(listed).chain(without_tls.iter().cloned());
        let hosts: BTreeSet<_> = hosts.collect();
        for host in hosts {
            let plain_http = without_tls.contains(&host);
            let ca = ca.as_ref().map(|file| file.path().to_owned());
            let mut listed = config.registries.iter_mut();
            match listed.find(|r| canonical(&r.host) == host) {
                Some(registry) => {
                    registry.plain_http |= plain_http;
                    registry.ca = ca.or_else(|| registry.ca.take());
                }
                None => config.registries.push(Registry {
                    host,
                    plain_http,
                    ca,
                    ..Registry::default()
                }),
            }
        }
        let failed = |error: upstream::UpstreamError| UsageError::new(error.to_string());
        Ok(Fetcher {
            collector: upstream::collector(&config).map_err(failed)?,
            revocation: upstream::revocation(&config).map_err(failed)?,
            trust,
            now,
            each_platform: false,
        })
    }

    /// All the given certificate authorities in one file.
    fn merged_ca(&self) -> Result<Option<tempfile::NamedTempFile>, UsageError> {
        if self.ca.is_empty() {
            return Ok(None);
        }
        let mut all = String::new();
        for path in &self.ca {
            all.push_str(&usage::read_text(path)?);
            all.push('\n');
        }
        let failed = |error: std::io::Error| UsageError::new(format!("a temporary file: {error}"));
        let file = tempfile::NamedTempFile::new().map_err(failed)?;
        fs::write(file.path(), all).map_err(failed)?;
        Ok(Some(file))
    }
}

/// The one spelling of a registry; what is none is told later.
fn canonical(host: &str) -> String {
    match host.parse::<RegistryHost>() {
        Ok(host) => host.to_string(),
        Err(_) => host.to_owned(),
    }
}

/// The configuration that Docker and cosign use, if there is one.
fn docker_config() -> Option<PathBuf> {
    let directory = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let directory = directory.or_else(|| Some(std::env::home_dir()?.join(".docker")))?;
    let file = directory.join("config.json");
    file.is_file().then_some(file)
}
