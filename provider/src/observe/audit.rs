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
//! A thread of its own writes (`lines.rs`); if it cannot keep up, lines are lost, counted
//! and reported, rather than admission held up. Each line is whole, also after a disk was full.
//! A file that was moved away is opened anew on `SIGHUP`.

use std::io;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use sealgate_core::UnixTime;

use crate::config::AuditOutput;
use crate::observe::lines::{LineWriter, Output, Owner};
use crate::observe::metrics::Metrics;
use crate::service::{Decision, NoDecision};

/// The bytes that may wait to be written.
const MOST_WAITING: usize = 16 << 20;

/// How long the disk of the file may take to open it.
const OPEN_WITHIN: Duration = Duration::from_secs(10);

/// How long the last lines may take to be written, if nobody else says.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The audit log.
pub struct Audit {
    writer: Option<LineWriter>,
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
    /// If the file is no regular file, cannot be opened for appending, or its disk does not answer.
    pub fn open(output: &AuditOutput, metrics: Arc<Metrics>) -> io::Result<Self> {
        let opened = match output {
            AuditOutput::Off => return Ok(Self { writer: None }),
            AuditOutput::Stdout => Output::stream(io::stdout())?,
            AuditOutput::File(path) => {
                let (opened, done) = mpsc::channel();
                let file = path.clone();
                std::thread::Builder::new()
                    .name("audit-open".to_owned())
                    .spawn(move || opened.send(Output::file(file)))?;
                let opened = done.recv_timeout(OPEN_WITHIN).map_err(|_| {
                    io::Error::new(io::ErrorKind::TimedOut, "its disk does not answer")
                });
                opened.and_then(|opened| opened).map_err(|error| {
                    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
                })?
            }
        };
        let owner = Arc::new(Losses(metrics));
        let writer = LineWriter::start("audit", MOST_WAITING, opened, owner)?;
        Ok(Self {
            writer: Some(writer),
        })
    }

    /// Records an answer.
    pub(crate) fn record(&self, asked: &Asked<'_>, answer: &Result<Decision, NoDecision>) {
        if let Some(writer) = &self.writer {
            writer.push(|into| line(into, asked, answer));
        }
    }

    /// Opens the file anew, since it has been moved away. If that fails, the old one stays in use.
    pub(crate) fn reopen(&self) {
        if let Some(writer) = &self.writer {
            writer.reopen();
        }
    }

    /// Waits until everything is written, but only so long. How many lines were not; no further
    /// ones are taken.
    pub(crate) fn close(&self, within: Duration) -> usize {
        self.writer
            .as_ref()
            .map_or(0, |writer| writer.close(within))
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        self.close(LAST_LINES);
    }
}

/// What is said and counted about lines that are lost.
struct Losses(Arc<Metrics>);

impl Owner for Losses {
    fn lost(&self, lines: usize) {
        self.0.audit_lost(lines);
    }

    fn failed(&self, error: &io::Error) {
        tracing::error!(%error, "the audit log cannot be written");
    }
}

fn line(line: &mut Vec<u8>, asked: &Asked<'_>, answer: &Result<Decision, NoDecision>) {
    field(line, b"{\"time\":", &asked.now.to_string());
    field(line, b",\"requestId\":", asked.request_id);
    field(line, b",\"route\":", asked.route);
    field(line, b",\"key\":", asked.key);
    match answer {
        Ok(decision) => {
            field(line, b",\"cache\":", decision.status.name());
            line.extend_from_slice(b",\"ageSeconds\":");
            line.extend_from_slice(decision.age.as_secs().to_string().as_bytes());
            line.push(b',');
            // What core said is an object of its own: without its opening brace it goes on here.
            line.extend_from_slice(decision.judged.audit.get(1..).unwrap_or(b"}"));
            line.push(b'\n');
        }
        Err(NoDecision::Question(error)) => {
            line.extend_from_slice(b",\"verified\":false");
            field(line, b",\"outcome\":", "wrong_key");
            field(line, b",\"reasons\":[", error.code());
            line.extend_from_slice(b"]}\n");
        }
        Err(NoDecision::Undecided(undecided)) => {
            line.extend_from_slice(b",\"verified\":false");
            field(line, b",\"outcome\":", "undecided");
            field(line, b",\"reasons\":[", undecided.code());
            field(line, b"],\"message\":", &undecided.to_string());
            line.extend_from_slice(b"}\n");
        }
    }
}

fn field(line: &mut Vec<u8>, name: &[u8], value: &str) {
    line.extend_from_slice(name);
    // Writing a string into memory cannot fail.
    let _ = serde_json::to_writer(line, value);
}
