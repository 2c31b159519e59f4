//! kubectl, as a person at a prompt uses it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::E2eError;
use crate::tools::{ToolError, find, output};

/// How long a command may take: some wait for the API server to take in definitions.
const LIMIT: Duration = Duration::from_secs(120);

/// kubectl for one cluster.
#[derive(Debug, Clone)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

/// What kubectl said.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Whether it exited with 0.
    pub ok: bool,
    /// Standard output.
    pub stdout: String,
    /// Standard error: refusals and warnings.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
}

impl Kubectl {
    /// kubectl with a kubeconfig.
    ///
    /// # Errors
    /// If it has not been built.
    pub fn new(kubeconfig: &Path) -> Result<Self, ToolError> {
        Ok(Self {
            program: find("kubectl")?,
            kubeconfig: kubeconfig.to_owned(),
        })
    }

    /// Runs a command; whether it succeeds is part of the outcome.
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        self.pipe(arguments, "")
    }

    /// Creates an object, as `kubectl create -f`.
    pub fn create(&self, object: &Value) -> Outcome {
        self.pipe(&["create", "-f", "-"], &object.to_string())
    }

    /// Applies an object, as `kubectl apply -f`.
    pub fn apply(&self, object: &Value) -> Outcome {
        self.pipe(&["apply", "-f", "-"], &object.to_string())
    }

    /// Runs a command that has to work, and returns what it printed.
    ///
    /// # Errors
    /// With what it said, if it failed.
    pub fn must(&self, arguments: &[&str]) -> Result<String, E2eError> {
        self.run(arguments).must(&arguments.join(" "))
    }

    /// An object, or `null` if there is none.
    pub fn get(&self, arguments: &[&str]) -> Value {
        let outcome = self.run(&[&["get", "-o", "json"], arguments].concat());
        serde_json::from_str(&outcome.stdout).unwrap_or_default()
    }

    /// Runs a command with something on its standard input.
    pub fn pipe(&self, arguments: &[&str], input: &str) -> Outcome {
        let began = Instant::now();
        let mut command = Command::new(&self.program);
        command.arg("--kubeconfig").arg(&self.kubeconfig);
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
        match output(command.args(arguments), input, LIMIT) {
            Ok(output) => Outcome {
                ok: output.status.success(),
                stdout: text(output.stdout),
                stderr: text(output.stderr),
                took: began.elapsed(),
            },
            Err(error) => Outcome {
                ok: false,
                stdout: String::new(),
                stderr: error.to_string(),
                took: began.elapsed(),
            },
        }
    }
}

impl Outcome {
    /// What was printed, if it worked.
    ///
    /// # Errors
    /// With what was said, if not.
    pub fn must(self, what: &str) -> Result<String, E2eError> {
        match self.ok {
            true => Ok(self.stdout),
            false => Err(E2eError::Kubectl(format!("{what}: {}", self.stderr))),
        }
    }
}
