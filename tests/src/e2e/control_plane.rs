//! etcd and kube-apiserver: enough of Kubernetes for everything that admission is about. There is
//! no scheduler and no kubelet, so Pods stay pending and Deployments make no Pods.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::{Authority, E2eError, Kubectl, Names, Process, free_port, write};
use crate::tools::find;

const CA: &str = "control-plane-ca.crt";

/// A running control plane.
#[derive(Debug)]
pub struct ControlPlane {
    /// kubectl with the rights of an administrator.
    pub kubectl: Kubectl,
    kubeconfig: PathBuf,
    ca: PathBuf,
    url: String,
    // In this order they are stopped.
    _apiserver: Process,
    _etcd: Process,
}

impl ControlPlane {
    /// Starts it, with its data and logs in `folder`.
    ///
    /// # Errors
    /// If a program is missing or does not become ready.
    pub fn start(folder: &Path) -> Result<Self, E2eError> {
        let (client, peer, secure) = (free_port()?, free_port()?, free_port()?);
        let etcd_url = format!("http://127.0.0.1:{client}");
        let etcd = Process::start(
            "etcd",
            Command::new(find("etcd")?)
                .arg("--unsafe-no-fsync")
                .args(["--log-level", "warn"])
                .args(["--data-dir".as_ref(), folder.join("etcd").as_os_str()])
                .args(["--listen-client-urls", &etcd_url])
                .args(["--advertise-client-urls", &etcd_url])
                .args(["--listen-peer-urls", &format!("http://127.0.0.1:{peer}")]),
            folder,
        )?;

        let authority = Authority::new("control plane")?;
        let kubeconfig = kubeconfig(&authority, folder, secure)?;
        let kubectl = Kubectl::new(&kubeconfig)?;
        let mut apiserver = apiserver(&authority, folder, &etcd_url, secure)?;
        apiserver.ready(Duration::from_secs(120), || {
            kubectl.run(&["get", "--raw", "/readyz"]).ok
        })?;
        Ok(Self {
            kubectl,
            kubeconfig,
            ca: folder.join(CA),
            url: format!("https://127.0.0.1:{secure}"),
            _apiserver: apiserver,
            _etcd: etcd,
        })
    }

    /// The kubeconfig of an administrator.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The API server, `https://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The certificate authority of the API server.
    pub fn ca(&self) -> &Path {
        &self.ca
    }
}

fn apiserver(
    authority: &Authority,
    folder: &Path,
    etcd_url: &str,
    port: u16,
) -> Result<Process, E2eError> {
    let names = Names {
        common: "kube-apiserver",
        alternatives: &["127.0.0.1"],
        ..Names::default()
    };
    let serving = authority.issue(names, folder, "apiserver")?;
    // Pods get no tokens here, but whoever asks does.
    let tokens = authority.issue(names, folder, "service-accounts")?;
    let mut command = Command::new(find("kube-apiserver")?);
    for (flag, path) in [
        ("--tls-cert-file", &serving.certificate),
        ("--tls-private-key-file", &serving.key),
        ("--client-ca-file", &folder.join(CA)),
        ("--service-account-key-file", &tokens.certificate),
        ("--service-account-signing-key-file", &tokens.key),
    ] {
        command.arg(flag).arg(path);
    }
    command
        .args(["--etcd-servers", etcd_url])
        .args(["--bind-address", "127.0.0.1"])
        .args(["--secure-port", &port.to_string()])
        .args(["--service-account-issuer", "https://localhost"])
        .args(["--service-cluster-ip-range", "10.0.0.0/24"])
        .args(["--authorization-mode", "RBAC"])
        .args(["--disable-admission-plugins", "ServiceAccount"])
        .arg("--allow-privileged");
    Process::start("kube-apiserver", &mut command, folder)
}

fn kubeconfig(authority: &Authority, folder: &Path, port: u16) -> Result<PathBuf, E2eError> {
    let ca = folder.join(CA);
    write(&ca, authority.pem())?;
    let names = Names {
        common: "administrator",
        organisation: Some("system:masters"),
        alternatives: &[],
    };
    let user = authority.issue(names, folder, "administrator")?;
    let server = format!("https://127.0.0.1:{port}");
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "e2e",
        "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": "administrator"}}],
        "clusters": [{"name": "e2e", "cluster": {"server": server, "certificate-authority": ca}}],
        "users": [{"name": "administrator", "user": {
            "client-certificate": user.certificate, "client-key": user.key,
        }}],
    });
    let path = folder.join("kubeconfig");
    write(&path, config.to_string())?;
    Ok(path)
}
