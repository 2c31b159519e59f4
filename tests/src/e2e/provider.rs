//! `sealgate serve` as a process.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::{E2eError, Process, free_port, http_ok, write};
use crate::tools::ToolError;
use sealgate_testkit::https;

/// How the provider is set up.
#[derive(Debug, Clone)]
pub struct ProviderOptions {
    /// The folder with its `tls.crt` and `tls.key`.
    pub tls: PathBuf,
    /// The CA of its clients; without one, anybody may ask.
    pub client_ca: Option<PathBuf>,
    /// The folder of its policies.
    pub policies: PathBuf,
    /// Notation's trust stores.
    pub trust_stores: Option<PathBuf>,
    /// Registries without TLS.
    pub plain_http: Vec<String>,
    /// Its listener's `tokenReview`, where clients show tokens.
    pub token_review: Option<Value>,
}

/// A running provider.
#[derive(Debug)]
pub struct Provider {
    folder: PathBuf,
    config: PathBuf,
    port: u16,
    admin: u16,
    process: Option<Process>,
}

impl Provider {
    /// Starts it.
    ///
    /// # Errors
    /// If `sealgate` has not been built or does not become ready.
    pub fn start(folder: &Path, options: &ProviderOptions) -> Result<Self, E2eError> {
        let (port, admin) = (free_port()?, free_port()?);
        let config = folder.join("sealgate.yaml");
        // JSON is YAML.
        write(&config, configuration(options, port, admin).to_string())?;
        let folder = folder.to_owned();
        let mut provider = Self {
            folder,
            config,
            port,
            admin,
            process: None,
        };
        provider.resume()?;
        Ok(provider)
    }

    /// `https://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Kills it.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it after a [`stop`](Self::stop), on the same port.
    ///
    /// # Errors
    /// If it does not become ready.
    pub fn resume(&mut self) -> Result<(), E2eError> {
        let mut command = Command::new(sealgate()?);
        command.arg("serve").arg("--config").arg(&self.config);
        let mut process = Process::start("sealgate", &mut command, &self.folder)?;
        let admin = self.admin;
        process.ready(Duration::from_secs(30), || http_ok(admin, "/readyz"))?;
        self.process = Some(process);
        Ok(())
    }

    /// Stops answering without closing anything, as a process that hangs.
    ///
    /// # Errors
    /// If it is not running.
    pub fn freeze(&self) -> Result<(), E2eError> {
        self.signal("STOP")
    }

    /// Ends a [`freeze`](Self::freeze).
    ///
    /// # Errors
    /// If it is not running.
    pub fn thaw(&self) -> Result<(), E2eError> {
        self.signal("CONT")
    }

    /// Where it listens, on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The sum of the counters whose line of `/metrics` begins like this.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn counted(&self, prefix: &str) -> Result<u64, E2eError> {
        let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, self.admin));
        let answer = https::get(admin, "/metrics").await;
        let (_, body) = answer.map_err(E2eError::io("/metrics"))?;
        let text = String::from_utf8_lossy(&body);
        let lines = text.lines().filter(|line| line.starts_with(prefix));
        let counts = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
        Ok(counts.sum())
    }

    /// What it has printed: its log and its audit log.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }

    fn signal(&self, name: &str) -> Result<(), E2eError> {
        self.process.as_ref().map_or(Ok(()), |one| one.signal(name))
    }
}

/// The configuration of `manifests/gatekeeper/sealgate.yaml`, with paths and ports of this machine.
fn configuration(options: &ProviderOptions, port: u16, admin: u16) -> Value {
    let mut listener = json!({
        "address": format!("127.0.0.1:{port}"),
        "tls": {
            "certificate": options.tls.join("tls.crt"),
            "key": options.tls.join("tls.key"),
        },
        "clientAuth": "none",
        "clientCa": null,
        "tokenReview": options.token_review,
    });
    if let Some(ca) = &options.client_ca {
        listener["clientAuth"] = "required".into();
        listener["clientCa"] = json!(ca);
        listener["clientNames"] = json!(["gatekeeper-webhook-service.gatekeeper-system.svc"]);
    }
    let plain = |host: &String| json!({"host": host, "plainHttp": true});
    json!({
        "listeners": [listener],
        "admin": {"address": format!("127.0.0.1:{admin}")},
        "policies": [options.policies],
        "trustStores": options.trust_stores,
        "registries": options.plain_http.iter().map(plain).collect::<Vec<_>>(),
        "timeouts": {"request": "1800ms"},
        "reloadEvery": "200ms",
    })
}

/// The program `sealgate`: `$SEALGATE_BIN`, or what is beside the folder of the running test.
///
/// # Errors
/// If it has not been built.
pub fn sealgate() -> Result<PathBuf, E2eError> {
    let beside = || {
        let test = std::env::current_exe().ok()?;
        Some(test.parent()?.parent()?.join("sealgate"))
    };
    let path = std::env::var_os("SEALGATE_BIN").map(PathBuf::from);
    let path = path.or_else(beside).unwrap_or_default();
    match path.is_file() {
        true => Ok(path),
        false => Err(E2eError::Tool(ToolError::Missing {
            program: "sealgate (cargo build -p sealgate)".to_owned(),
            path,
        })),
    }
}
