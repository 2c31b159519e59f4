//! `manifests/` as a user installs it, with an overlay for a provider that runs on loopback.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::{E2eError, Kubectl, write};
use crate::tools::run;

/// A copy of `manifests/` and of what it refers to.
#[derive(Debug)]
pub struct Manifests {
    root: PathBuf,
}

impl Manifests {
    /// Copies them below `folder`.
    ///
    /// # Errors
    /// If they cannot be copied.
    pub fn copy(folder: &Path) -> Result<Self, E2eError> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let root = folder.join("install");
        std::fs::create_dir_all(&root).map_err(E2eError::io("install"))?;
        let mut copy = Command::new("cp");
        let folders = ["./manifests", "./rego"].map(|folder| source.join(folder));
        run(copy.arg("-R").args(folders).arg(&root))?;
        Ok(Self { root })
    }

    /// The commands of the first console block below a heading of a guide, without their remarks.
    pub fn commands<'a>(guide: &'a str, heading: &str) -> Vec<&'a str> {
        let below = guide.split_once(heading).map_or("", |(_, below)| below);
        let block = below
            .split_once("```console\n")
            .map_or("", |(_, rest)| rest);
        let block = block.split_once("```").map_or("", |(block, _)| block);
        let commands = block.lines().filter_map(|line| line.strip_prefix("$ "));
        let bare = |line: &'a str| line.split_once(" #").map_or(line, |(command, _)| command);
        commands.map(bare).map(str::trim_end).collect()
    }

    /// A file of them.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join("manifests").join(name)
    }

    /// Makes the provider's certificate, or renews it, as the guide says.
    ///
    /// # Errors
    /// If openssl is missing or fails.
    pub fn certify(&self) -> Result<(), E2eError> {
        let mut generate = Command::new(self.path("base/tls/generate.sh"));
        run(generate.args(["IP:127.0.0.1", "DNS:sealgate.gatekeeper-system.svc"]))?;
        Ok(())
    }

    /// Replaces the sample policy.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn policy(&self, yaml: &str) -> Result<(), E2eError> {
        write(&self.path("base/policies/production.yaml"), yaml)
    }

    /// `kubectl apply -k`, as users do, but with Providers that find the process at `url`.
    ///
    /// # Errors
    /// If kubectl refuses.
    pub fn apply(&self, kubectl: &Kubectl, url: &str, extra: &[&str]) -> Result<String, E2eError> {
        let overlay = self.root.join("overlay");
        std::fs::create_dir_all(&overlay).map_err(E2eError::io("overlay"))?;
        let provider = |name: &str, route: &str| {
            let at =
                json!([{"op": "replace", "path": "/spec/url", "value": format!("{url}{route}")}]);
            json!({"target": {"kind": "Provider", "name": name}, "patch": at.to_string()})
        };
        let kustomization = json!({
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": ["../manifests/gatekeeper"],
            "patches": [
                provider("sealgate", "/v1/validate"),
                provider("sealgate-mutate", "/v1/mutate"),
            ],
        });
        write(
            &overlay.join("kustomization.yaml"),
            kustomization.to_string(),
        )?;
        let overlay = overlay.display().to_string();
        kubectl.must(&[&["apply", "-k", &overlay], extra].concat())
    }
}
