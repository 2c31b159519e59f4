//! Registries as processes.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::{E2eError, Process, free_port, http_ok, write};
use crate::tools::find;

/// A running registry on loopback, without TLS.
#[derive(Debug)]
pub struct RegistryProcess {
    host: String,
    _process: Process,
}

impl RegistryProcess {
    /// The CNCF's distribution, which has no referrers API.
    ///
    /// # Errors
    /// If it is missing or does not become ready.
    pub fn distribution(folder: &Path) -> Result<Self, E2eError> {
        let port = free_port()?;
        let config = folder.join("distribution.yaml");
        let text = format!(
            "version: 0.1\nlog: {{level: warn}}\nstorage: {{inmemory: {{}}, delete: {{enabled: true}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n"
        );
        write(&config, text)?;
        let mut command = Command::new(find("distribution")?);
        command.arg("serve").arg(config);
        Self::start("distribution", &mut command, port, folder)
    }

    /// The registry of go-containerregistry as crane serves it: without the referrers API.
    ///
    /// # Errors
    /// If it is missing or does not become ready.
    pub fn crane(folder: &Path) -> Result<Self, E2eError> {
        let port = free_port()?;
        let mut command = Command::new(find("crane")?);
        command.args([
            "registry",
            "serve",
            "--address",
            &format!("127.0.0.1:{port}"),
        ]);
        Self::start("crane-registry", &mut command, port, folder)
    }

    /// The registry of go-containerregistry, with the referrers API.
    ///
    /// # Errors
    /// If it is missing or does not become ready.
    pub fn referrers(folder: &Path) -> Result<Self, E2eError> {
        let port = free_port()?;
        let mut command = Command::new(find("registry-referrers")?);
        command.args(["--listen", &format!("127.0.0.1:{port}")]);
        Self::start("registry-referrers", &mut command, port, folder)
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> &str {
        &self.host
    }

    fn start(
        name: &str,
        command: &mut Command,
        port: u16,
        folder: &Path,
    ) -> Result<Self, E2eError> {
        let mut process = Process::start(name, command, folder)?;
        process.ready(Duration::from_secs(20), || http_ok(port, "/v2/"))?;
        Ok(Self {
            host: format!("127.0.0.1:{port}"),
            _process: process,
        })
    }
}
