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
//! A thread of its own writes, a few milliseconds later and many lines at once; if it cannot
//! keep up, lines are lost, counted and reported, rather than admission held up.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use sealgate_core::UnixTime;

use crate::config::AuditOutput;
use crate::metrics::Metrics;
use crate::service::{Decision, NoDecision};

/// The bytes that may wait to be written.
const MOST_WAITING: usize = 16 << 20;

/// How long lines gather before they are written together: waking the writer for each
/// would cost more than everything else about a cached answer.
const GATHER: Duration = Duration::from_millis(10);

/// The audit log.
#[derive(Debug)]
pub struct Audit {
    lines: Option<Arc<Lines>>,
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
        let lines = Arc::new(Lines::default());
        let (waiting, counted) = (Arc::clone(&lines), Arc::clone(&metrics));
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
        if !lines.push(|into| line(into, asked, answer)) {
            self.metrics.audit_lost(1);
        }
    }
}

/// Waits until everything is written.
impl Drop for Audit {
    fn drop(&mut self) {
        if let Some(lines) = self.lines.take() {
            lines.close();
        }
        if let Some(writer) = self.writer.take() {
            // A writer that crashed has said so.
            let _ = writer.join();
        }
    }
}

/// The lines that wait to be written.
#[derive(Debug, Default)]
struct Lines {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    closed: bool,
}

impl Lines {
    /// Adds a line, unless too much waits.
    fn push(&self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let mut waiting = self.lock();
        if waiting.bytes.len() >= MOST_WAITING {
            return false;
        }
        let first = waiting.bytes.is_empty();
        write(&mut waiting.bytes);
        drop(waiting);
        if first {
            self.changed.notify_one();
        }
        true
    }

    /// Swaps `taken`, which is empty, for the lines that wait, as soon as there are any.
    /// False if there will be no more.
    fn take(&self, taken: &mut Vec<u8>) -> bool {
        let mut waiting = self.lock();
        while waiting.bytes.is_empty() && !waiting.closed {
            waiting = self
                .changed
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut waiting.bytes, taken);
        !waiting.closed
    }

    fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// A line cut short by a panic is no reason to lose the others.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Writes lines as they gather.
fn write_lines(lines: &Lines, mut sink: Box<dyn Write + Send>, metrics: &Metrics) {
    let mut taken = Vec::new();
    let mut working = true;
    let mut more = true;
    while more {
        more = lines.take(&mut taken);
        let result = sink.write_all(&taken).and_then(|()| sink.flush());
        if let Err(error) = &result {
            let lost = taken.iter().filter(|byte| **byte == b'\n').count();
            metrics.audit_lost(lost);
            if working {
                tracing::error!(%error, "the audit log cannot be written");
            }
        }
        working = result.is_ok();
        taken.clear();
        // What one burst took is not kept for ever.
        taken.shrink_to(64 << 10);
        if more {
            std::thread::sleep(GATHER);
        }
    }
}
