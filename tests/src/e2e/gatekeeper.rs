//! The Gatekeeper manager, outside the cluster: webhooks by URL, audit, external data.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Authority, ControlPlane, E2eError, Names, Process, free_port, http_ok, write};
use crate::tools::{data, find};

/// The name in the certificate by which Gatekeeper shows itself to providers.
const SERVICE: &str = "gatekeeper-webhook-service.gatekeeper-system.svc";

/// Which Gatekeeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// 3.23, which keeps connections to providers alive.
    V3_23,
    /// 3.17, which opens one for every request, and speaks Rego v0 only.
    V3_17,
}

impl Generation {
    fn manager(self) -> &'static str {
        match self {
            Self::V3_23 => "gatekeeper",
            Self::V3_17 => "gatekeeper-3.17",
        }
    }

    fn deployment(self) -> &'static str {
        match self {
            Self::V3_23 => "gatekeeper-3.23.1.yaml",
            Self::V3_17 => "gatekeeper-3.17.0.yaml",
        }
    }
}

/// How Gatekeeper is set up.
#[derive(Debug, Clone, Copy)]
pub struct GatekeeperOptions {
    /// Which one.
    pub generation: Generation,
    /// How long it remembers answers of providers, in seconds.
    pub response_cache_seconds: u32,
    /// The time between audits, in seconds.
    pub audit_seconds: u32,
}

/// A running Gatekeeper, installed from its own deployment manifest.
#[derive(Debug)]
pub struct Gatekeeper {
    command: Command,
    folder: PathBuf,
    health: u16,
    process: Option<Process>,
}

impl Gatekeeper {
    /// Installs its CRDs and webhook configurations, with the failure policies they have from
    /// upstream, and starts it.
    ///
    /// # Errors
    /// If a program is missing or does not become ready.
    pub fn start(
        control_plane: &ControlPlane,
        folder: &Path,
        options: GatekeeperOptions,
    ) -> Result<Self, E2eError> {
        let deployment = data(options.generation.deployment())?;
        let kubectl = &control_plane.kubectl;
        kubectl.must(&["apply", "-f", &deployment.display().to_string()])?;

        let (webhooks, health) = (free_port()?, free_port()?);
        for name in ["gatekeeper-certificates", "gatekeeper-cache"] {
            std::fs::create_dir_all(folder.join(name)).map_err(E2eError::io(name))?;
        }
        let mut gatekeeper = Self {
            command: command(
                control_plane.kubeconfig(),
                folder,
                options,
                webhooks,
                health,
            )?,
            folder: folder.to_owned(),
            health,
            process: None,
        };
        let authority = Authority::new("gatekeeper-ca")?;
        gatekeeper.certify(&authority)?;
        let configurations = webhook_configurations(&authority, webhooks);
        for (kind, name, patch) in configurations {
            let patch = patch.to_string();
            kubectl.must(&["patch", kind, name, "--type", "json", "-p", &patch])?;
        }
        gatekeeper.resume()?;
        Ok(gatekeeper)
    }

    /// The CA of its certificate: what a provider must trust.
    pub fn client_ca(&self) -> PathBuf {
        self.certificates().join("ca.crt")
    }

    /// Where `tls.crt`, `tls.key` and `ca.crt` are.
    pub fn certificates(&self) -> PathBuf {
        self.folder.join("gatekeeper-certificates")
    }

    /// Gives it a certificate of this CA, as its rotation does.
    ///
    /// # Errors
    /// If the files cannot be written.
    pub fn certify(&self, authority: &Authority) -> Result<(), E2eError> {
        let names = Names {
            common: SERVICE,
            alternatives: &[SERVICE, "127.0.0.1"],
            ..Names::default()
        };
        authority.issue(names, &self.certificates(), "tls")?;
        write(&self.client_ca(), authority.pem())
    }

    /// Kills it.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it after a [`stop`](Self::stop).
    ///
    /// # Errors
    /// If it does not become ready.
    pub fn resume(&mut self) -> Result<(), E2eError> {
        let mut process = Process::start("gatekeeper", &mut self.command, &self.folder)?;
        let health = self.health;
        process.ready(Duration::from_secs(60), || http_ok(health, "/readyz"))?;
        self.process = Some(process);
        Ok(())
    }

    /// What it has printed.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }
}

fn command(
    kubeconfig: &Path,
    folder: &Path,
    options: GatekeeperOptions,
    webhooks: u16,
    health: u16,
) -> Result<Command, E2eError> {
    let mut command = Command::new(find(options.generation.manager())?);
    command
        .env("POD_NAMESPACE", "gatekeeper-system")
        .arg("--debug-use-fake-pod")
        .arg("--disable-cert-rotation")
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .arg("--cert-dir")
        .arg(folder.join("gatekeeper-certificates"))
        .arg("--api-cache-dir")
        .arg(folder.join("gatekeeper-cache"))
        .args(["--host", "127.0.0.1"])
        .args(["--port", &webhooks.to_string()])
        .args(["--health-addr", &format!("127.0.0.1:{health}")])
        .args(["--prometheus-port", &free_port()?.to_string()])
        .args(["--audit-interval", &options.audit_seconds.to_string()])
        .arg("--external-data-provider-response-cache-ttl")
        .arg(format!("{}s", options.response_cache_seconds))
        .args(["--exempt-namespace", "gatekeeper-system"])
        .args(["--disable-opa-builtin={http.send}", "--log-denies"]);
    Ok(command)
}

/// There is no Service: the API server finds the webhooks by URL. The third, for the label that
/// exempts namespaces, stays fail-closed as upstream has it.
fn webhook_configurations(
    authority: &Authority,
    port: u16,
) -> [(&'static str, &'static str, Value); 2] {
    let bundle = STANDARD.encode(authority.pem());
    let by_url = |index: usize, path: &str| {
        json!({
            "op": "replace",
            "path": format!("/webhooks/{index}/clientConfig"),
            "value": {"url": format!("https://127.0.0.1:{port}/v1/{path}"), "caBundle": bundle},
        })
    };
    [
        (
            "validatingwebhookconfiguration",
            "gatekeeper-validating-webhook-configuration",
            json!([by_url(0, "admit"), by_url(1, "admitlabel")]),
        ),
        (
            "mutatingwebhookconfiguration",
            "gatekeeper-mutating-webhook-configuration",
            json!([by_url(0, "mutate")]),
        ),
    ]
}
