//! Docker's credential helpers: programs `docker-credential-NAME` (docker/docker-credential-helpers).

use std::process::Stdio;
use std::time::Duration;

use sealgate_core::json;
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::credential::Credential;

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
        json::parse(&output).map_err(|_| HelperError::Malformed(program.to_owned()))?;
    Ok(Some(match wire.username.as_str() {
        "<token>" => Credential::IdentityToken(wire.secret),
        _ => Credential::basic(wire.username, wire.secret),
    }))
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    async fn ask_script(script: &str) -> Result<Option<Credential>, HelperError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("docker-credential-test");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        ask(path.to_str().unwrap(), "r.test:5000").await
    }

    #[tokio::test]
    async fn a_helper_is_asked_for_exactly_the_server() {
        let script = r#"read server; printf '{"Username":"%s","Secret":"%s"}' "$1" "$server""#;
        let found = ask_script(script).await.unwrap();
        assert_eq!(found, Some(Credential::basic("get", "r.test:5000")));
        let script = r#"echo '{"ServerURL":"x","Username":"<token>","Secret":"t"}'"#;
        let found = ask_script(script).await.unwrap();
        assert_eq!(found, Some(Credential::IdentityToken("t".into())));
    }

    #[tokio::test]
    async fn a_helper_without_the_credential_is_no_error() {
        let script = "echo credentials not found in native keychain; exit 1";
        assert_eq!(ask_script(script).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_failing_helper_is_an_error_that_tells_no_secret() {
        for script in [
            "echo hunter2; exit 3",
            "echo hunter2",
            r#"echo '{"Secret":"hunter2"}'"#,
        ] {
            let error = ask_script(script).await.unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        assert!(matches!(
            ask("/does/not/exist", "x").await,
            Err(HelperError::Run(..))
        ));
    }

    #[tokio::test(start_paused = true)]
    async fn a_helper_that_hangs_is_killed() {
        let hung = ask_script("exec sleep 1000").await;
        assert!(matches!(hung, Err(HelperError::Slow(_))));
    }
}
