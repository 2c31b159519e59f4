//! Real programs as processes, for the end-to-end tests: a Kubernetes control plane, Gatekeeper,
//! registries and `sealgate serve`, all on loopback, without containers.
//!
//! What is started is stopped when its handle is dropped. Logs stay in the suite's folder,
//! `target/tmp/e2e/NAME`, until its next run.

mod client;
mod control_plane;
mod gatekeeper;
mod kubectl;
mod manifests;
mod pki;
mod process;
mod provider;
mod registry;
mod relay;
pub mod shapes;
mod signer;
mod stand_in;
mod table;
mod timestamp_server;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use client::{GatekeeperClient, Point, Reviewed};
pub use control_plane::ControlPlane;
pub use gatekeeper::{Gatekeeper, GatekeeperOptions, Generation};
pub use kubectl::{Kubectl, Outcome};
pub use manifests::Manifests;
pub use pki::{Authority, Names, Pair};
pub use process::Process;
pub use provider::{Provider, ProviderOptions, sealgate};
pub use registry::RegistryProcess;
pub use relay::Relay;
pub use sealgate_testkit::loopback::{free_port, http_ok, wait_until};
pub use signer::{CosignKey, NotationKey, Signer};
pub use stand_in::{Reply, StandIn};
pub use table::{Expect, Scenario, Table};
pub use timestamp_server::TimestampServer;

use crate::tools::ToolError;

/// Why a part of the environment is not there.
#[derive(Debug, thiserror::Error)]
pub enum E2eError {
    /// A program is missing or failed.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// A file or process.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// It did not come true in time.
    #[error("waited {limit:?} for {what}{detail}")]
    NotReady {
        /// What was waited for.
        what: String,
        /// How long.
        limit: Duration,
        /// The end of the log of the process that should have done it.
        detail: String,
    },
    /// A port, or what was waited for without a process to blame.
    #[error(transparent)]
    Loopback(#[from] sealgate_testkit::loopback::LoopbackError),
    /// A program that was to serve has ended.
    #[error("{program} ended with {status} instead of serving{detail}")]
    Ended {
        /// Its name.
        program: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// Where its log is, and the end of it.
        detail: String,
    },
    /// kubectl refused what had to work.
    #[error("kubectl {0}")]
    Kubectl(String),
    /// Gatekeeper's client refused what had to work.
    #[error("gatekeeper-client: {0}")]
    Client(String),
    /// A certificate cannot be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
}

impl E2eError {
    fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// An empty folder for a suite, below `base` (`CARGO_TARGET_TMPDIR`).
///
/// # Errors
/// If what an earlier run left cannot be removed.
pub fn fresh_folder(base: &str, suite: &str) -> Result<PathBuf, E2eError> {
    let folder = Path::new(base).join("e2e").join(suite);
    let made = match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => std::fs::create_dir_all(&folder),
    };
    made.map_err(E2eError::io(folder.display().to_string()))?;
    Ok(folder)
}

fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), E2eError> {
    std::fs::write(path, content).map_err(E2eError::io(path.display().to_string()))
}
