//! Sigstore's timestamp authority as a process.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::{E2eError, Process, free_port, http_ok};
use crate::tools::find;
use sealgate_testkit::https;

/// A running authority, with a key of its own.
#[derive(Debug)]
pub struct TimestampServer {
    /// `http://127.0.0.1:PORT`.
    pub base: String,
    /// Where timestamps are asked for.
    pub url: String,
    /// Its certificates, PEM, the root last.
    pub chain: String,
    _process: Process,
}

impl TimestampServer {
    /// Starts it. With `brings_chain` its answers hold the certificates between its own and the
    /// root, for verifiers that know roots only.
    ///
    /// # Errors
    /// If it is missing or does not become ready.
    pub async fn start(folder: &Path, brings_chain: bool) -> Result<Self, E2eError> {
        let port = free_port()?;
        let mut command = Command::new(find("timestamp-server")?);
        command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        if brings_chain {
            command.arg("--include-chain-in-response");
        }
        let mut process = Process::start("timestamp-server", &mut command, folder)?;
        process.ready(Duration::from_secs(30), || http_ok(port, "/ping"))?;
        let chain = https::get(([127, 0, 0, 1], port).into(), "/api/v1/timestamp/certchain");
        let (_, chain) = chain.await.map_err(E2eError::io("the chain"))?;
        let base = format!("http://127.0.0.1:{port}");
        Ok(Self {
            url: format!("{base}/api/v1/timestamp"),
            base,
            chain: String::from_utf8_lossy(&chain).into_owned(),
            _process: process,
        })
    }

    /// Its root, PEM.
    pub fn root(&self) -> String {
        let root = self.chain.rsplit_once("-----BEGIN");
        root.map_or_else(String::new, |(_, root)| format!("-----BEGIN{root}"))
    }
}
