//! Which registries differ from the usual, and what is allowed with them.
//!
//! A registry that is not listed is spoken to over TLS with the public certificate
//! authorities, at public addresses only.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use rustls_pki_types::CertificateDer;

use sealgate_core::reference::RegistryHost;

use super::credential::Credential;

/// The settings of a [`RegistryClient`](super::RegistryClient).
#[derive(Clone, Debug, Default)]
pub struct Registries {
    hosts: BTreeMap<String, RegistryConfig>,
    /// Docker configurations with credentials for the hosts that have none of their own; the
    /// first with an entry for the host counts.
    pub docker_configs: Vec<PathBuf>,
    /// How much at once.
    pub limits: Limits,
    /// How long a silent registry is waited for.
    pub patience: Patience,
}

impl Registries {
    /// Adds a registry, in place of an earlier one with the same host.
    #[must_use]
    pub fn with(mut self, registry: RegistryConfig) -> Self {
        self.hosts.insert(registry.host.clone(), registry);
        self
    }

    /// All registries listed.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &RegistryConfig> {
        self.hosts.values()
    }
}

/// One registry that differs from the usual.
///
/// To list a host is to allow it at a private or loopback address. That holds for this host
/// (and the hosts named here) alone, not for where it redirects to.
#[derive(Clone, Debug)]
pub struct RegistryConfig {
    host: String,
    /// Whether it is spoken to without TLS.
    pub plain_http: bool,
    /// Its certificate authorities, instead of the public ones. Also those of `token_hosts`.
    pub ca: Option<Vec<CertificateDer<'static>>>,
    /// Its credentials.
    pub auth: Auth,
    /// Hosts (`auth.example.com[:port]`) that may get its credentials in exchange for a token.
    pub token_hosts: Vec<String>,
    /// Hosts that it redirects to for blobs, and that may be at private addresses. They never
    /// get credentials.
    pub redirect_hosts: Vec<String>,
}

impl RegistryConfig {
    /// A registry with nothing special but that it is listed.
    ///
    /// # Errors
    /// If `host` is not a host with an optional port, as image references have it.
    pub fn new(host: &str) -> Result<Self, HostError> {
        Ok(Self {
            host: canonical_host(host)?,
            plain_http: false,
            ca: None,
            auth: Auth::default(),
            token_hosts: Vec::new(),
            redirect_hosts: Vec::new(),
        })
    }

    /// The host, in the one spelling of its place.
    pub fn host(&self) -> &str {
        &self.host
    }
}

/// Where the credentials of a registry come from.
#[derive(Clone, Debug, Default)]
pub enum Auth {
    /// From [`Registries::docker_configs`].
    #[default]
    Default,
    /// From nowhere.
    Anonymous,
    /// From here.
    Static(Credential),
    /// From a file with the password, which is read anew when it changes; a line break at its
    /// end is cut off.
    PasswordFile {
        /// The user name.
        username: String,
        /// The file.
        file: PathBuf,
    },
    /// From this Docker configuration alone.
    DockerConfig(PathBuf),
}

/// How much the client does at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of answers that are held, from when they are read until whoever asked is done with
    /// them. Registries share them: one has a quarter at most, or what one image takes.
    pub bytes_in_flight: usize,
    /// Bytes of all blobs that are fetched beside one image. Keep it well below `bytes_in_flight`,
    /// so that no image can hold up all others.
    pub bytes_per_image: usize,
    /// Requests to one registry at once.
    pub requests_per_host: usize,
    /// How long somebody waits for bytes that others hold.
    pub longest_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes_in_flight: 160 << 20,
            bytes_per_image: 40 << 20,
            requests_per_host: 64,
            longest_wait: Duration::from_secs(2),
        }
    }
}

/// How long a silent registry is waited for, within the deadline of each call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// After so long without a byte a request is sent once more, on another connection.
    pub hesitation: Duration,
    /// After so long without a byte, or at a pace that makes no progress, it has failed.
    pub silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            hesitation: Duration::from_secs(1),
            silence: Duration::from_secs(5),
        }
    }
}

/// A registry host that cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a registry host such as registry.example.com:5000, found {0:?}")]
pub struct HostError(String);

/// The one spelling of a host, as image references have it.
///
/// # Errors
/// If it is not a host with an optional port.
fn canonical_host(host: &str) -> Result<String, HostError> {
    host.parse::<RegistryHost>()
        .map(|host| host.to_string())
        .map_err(|_| HostError(host.chars().take(120).collect()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_those_of_image_references() {
        for good in [
            "docker.io",
            "localhost",
            "127.0.0.1:5000",
            "[::1]:5000",
            "r.example.com",
        ] {
            assert_eq!(RegistryConfig::new(good).unwrap().host(), good);
        }
        for (alias, expected) in [
            ("index.docker.io", "docker.io"),
            ("registry-1.docker.io:443", "docker.io"),
            ("r.example.com:443", "r.example.com"),
            ("[0:0::1]:5000", "[::1]:5000"),
        ] {
            assert_eq!(RegistryConfig::new(alias).unwrap().host(), expected);
        }
        for bad in [
            "",
            "foo",
            "https://r.example.com",
            "r.example.com/x",
            "R.example.com",
            "a b.c",
        ] {
            assert!(RegistryConfig::new(bad).is_err(), "{bad}");
        }
    }
}
