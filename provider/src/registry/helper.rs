//! Docker's credential helpers: programs `docker-credential-NAME` (docker/docker-credential-helpers).

use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::credentials::Credential;

/// A helper may ask a cloud for a token.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Tokens of clouds have a few kilobytes.
const MOST_BYTES: u64 = 64 << 10;

/// Why a helper gave no answer. Never says what it wrote, which may be a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HelperError {
    /// It does not start, or breaks its pipes.
    #[error("the credential helper {0} cannot be run: {1}")]
    Run(String, std::io::Error),
    /// It takes too long.
    #[error("the credential helper {0} gave no answer within {TIMEOUT:?}")]
    Slow(String),
    /// It fails.
    #[error("the credential helper {0} failed with {1}")]
    Failed(String, std::process::ExitStatus),
    /// It answers something else than a credential.
    #[error("expected {{Username, Secret}} from the credential helper {0}, found something else")]
    Malformed(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperWire {
    username: String,
    secret: String,
}

/// Asks `program` for the credential of `server`; `None` if it has none. The process is killed
/// when it takes too long.
pub(crate) async fn ask(program: &str, server: &str) -> Result<Option<Credential>, HelperError> {
    tokio::time::timeout(TIMEOUT, run(program, server))
        .await
        .unwrap_or_else(|_| Err(HelperError::Slow(program.to_owned())))
}

async fn run(program: &str, server: &str) -> Result<Option<Credential>, HelperError> {
    let failed = |error| HelperError::Run(program.to_owned(), error);
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        // A helper that exits without reading says so by its status.
        drop(input.write_all(server.as_bytes()).await);
    }
    let mut output = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        let mut limited = stdout.take(MOST_BYTES);
        limited.read_to_end(&mut output).await.map_err(failed)?;
    }
    let status = child.wait().await.map_err(failed)?;
    if !status.success() {
        // The protocol has no other sign for this.
        return match String::from_utf8_lossy(&output).contains("credentials not found") {
            true => Ok(None),
            false => Err(HelperError::Failed(program.to_owned(), status)),
        };
    }
    let wire: HelperWire =
        serde_json::from_slice(&output).map_err(|_| HelperError::Malformed(program.to_owned()))?;
    Ok(Some(match wire.username.as_str() {
        "<token>" => Credential::IdentityToken(wire.secret),
        _ => Credential::basic(wire.username, wire.secret),
    }))
}
