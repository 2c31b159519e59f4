//! Logs, to standard error: for people or as JSON.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Starts logging. The filter of the environment variable `RUST_LOG` goes first.
///
/// # Errors
/// If the filter cannot be parsed, or logging has been started already.
pub fn start(log: &Log) -> Result<(), LogError> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(filter) if !filter.is_empty() => filter,
        _ => log.filter.clone(),
    };
    let filter = EnvFilter::try_new(&filter).map_err(|error| LogError {
        message: format!("log.filter {filter:?}: {error}"),
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| LogError {
        message: error.to_string(),
    })
}

/// Why logging could not be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LogError {
    message: String,
}

/// Makes an id for each request: unique among all processes, for all practical purposes.
#[derive(Debug)]
pub(crate) struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        use std::hash::{BuildHasher, Hasher};
        // The standard library seeds this from the system's random source.
        let process = std::hash::RandomState::new().build_hasher().finish();
        Self {
            process,
            next: AtomicU64::new(1),
        }
    }

    pub(crate) fn next(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{:016x}-{number:x}", self.process)
    }
}
