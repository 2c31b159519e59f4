//! The audit log: one line of JSON for every decision, and for every failure to decide.
//!
//! ```json
//! {"time":"2026-01-31T12:00:00Z","requestId":"5f3a-1","route":"validate","key":"[prod]app",
//!  "cache":"miss","ageSeconds":0,"verified":true,"outcome":"verified","reference":"…",
//!  "digest":"sha256:…","policies":["production"],"reasons":[],"policiesRevision":"sha256:…",
//!  "trustRevision":"sha256:…","evidence":"sha256:…"}
//! ```
//!
//! `evidence` is the SHA-256 digest of the evidence pack that the verdict was made from.
//! A thread of its own writes; if it cannot keep up, lines are lost, counted and reported,
//! rather than admission held up.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use sealgate_core::UnixTime;

use crate::config::AuditOutput;
use crate::metrics::Metrics;
use crate::service::{Decision, NoDecision};

/// Lines that wait to be written.
const WAITING: usize = 16_384;

/// The audit log.
#[derive(Debug)]
pub struct Audit {
    lines: Option<SyncSender<Vec<u8>>>,
    writer: Option<JoinHandle<()>>,
    metrics: Arc<Metrics>,
}

/// What is told about a question.
pub(crate) struct Asked<'a> {
    pub(crate) now: UnixTime,
    pub(crate) request_id: &'a str,
    pub(crate) route: &'static str,
    pub(crate) key: &'a str,
}

impl Audit {
    /// Opens the log.
    ///
    /// # Errors
    /// If the file cannot be opened for appending.
    pub fn open(output: &AuditOutput, metrics: Arc<Metrics>) -> io::Result<Self> {
        let sink: Box<dyn Write + Send> = match output {
            AuditOutput::Off => {
                return Ok(Self {
                    lines: None,
                    writer: None,
                    metrics,
                });
            }
            AuditOutput::Stdout => Box::new(io::stdout()),
            AuditOutput::File(path) => Box::new(
                OpenOptions::new()
                    .create(true)
                    .append(true)
                    .mode(0o600)
                    .open(path)?,
            ),
        };
        let (lines, waiting) = sync_channel(WAITING);
        let counted = Arc::clone(&metrics);
        let writer = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || write_lines(&waiting, sink, &counted))?;
        Ok(Self {
            lines: Some(lines),
            writer: Some(writer),
            metrics,
        })
    }

    /// Records an answer.
    pub(crate) fn record(&self, asked: &Asked<'_>, answer: &Result<Decision, NoDecision>) {
        let Some(lines) = &self.lines else {
            return;
        };
        match lines.try_send(line(asked, answer)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => self.metrics.audit_lost(),
        }
    }
}

/// Waits until everything is written.
impl Drop for Audit {
    fn drop(&mut self) {
        self.lines = None;
        if let Some(writer) = self.writer.take() {
            // A writer that crashed has said so.
            let _ = writer.join();
        }
    }
}

fn line(asked: &Asked<'_>, answer: &Result<Decision, NoDecision>) -> Vec<u8> {
    let mut line = Vec::with_capacity(1024);
    field(&mut line, b"{\"time\":", &asked.now.to_string());
    field(&mut line, b",\"requestId\":", asked.request_id);
    field(&mut line, b",\"route\":", asked.route);
    field(&mut line, b",\"key\":", asked.key);
    match answer {
        Ok(decision) => {
            field(&mut line, b",\"cache\":", decision.status.name());
            line.extend_from_slice(b",\"ageSeconds\":");
            line.extend_from_slice(decision.age.as_secs().to_string().as_bytes());
            line.push(b',');
            // What core said is an object of its own: without its opening brace it goes on here.
            line.extend_from_slice(decision.judged.audit.get(1..).unwrap_or(b"}"));
            line.push(b'\n');
        }
        Err(NoDecision::Question(error)) => {
            line.extend_from_slice(b",\"verified\":false");
            field(&mut line, b",\"outcome\":", "wrong_key");
            field(&mut line, b",\"reasons\":[", error.code());
            line.extend_from_slice(b"]}\n");
        }
        Err(NoDecision::Undecided(undecided)) => {
            line.extend_from_slice(b",\"verified\":false");
            field(&mut line, b",\"outcome\":", "undecided");
            field(&mut line, b",\"reasons\":[", undecided.code());
            field(&mut line, b"],\"message\":", &undecided.to_string());
            line.extend_from_slice(b"}\n");
        }
    }
    line
}

fn field(line: &mut Vec<u8>, name: &[u8], value: &str) {
    line.extend_from_slice(name);
    // Writing a string into memory cannot fail.
    let _ = serde_json::to_writer(line, value);
}

/// Writes lines as they come, and flushes whenever none is waiting.
fn write_lines(waiting: &Receiver<Vec<u8>>, sink: Box<dyn Write + Send>, metrics: &Metrics) {
    let mut sink = BufWriter::with_capacity(64 << 10, sink);
    let mut working = true;
    while let Ok(first) = waiting.recv() {
        let mut result = sink.write_all(&first);
        while let Ok(next) = waiting.try_recv() {
            result = result.and_then(|()| sink.write_all(&next));
        }
        result = result.and_then(|()| sink.flush());
        if let Err(error) = &result {
            metrics.audit_lost();
            if working {
                tracing::error!(%error, "the audit log cannot be written");
            }
        }
        working = result.is_ok();
    }
}
