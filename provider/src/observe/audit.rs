//! The audit log: one line of JSON for every decision, and for every failure to decide.
//!
//! ```json
//! {"time":"2026-01-31T12:00:00Z","requestId":"5f3a-1","route":"validate","key":"[prod]app",
//!  "cache":"miss","ageSeconds":0,"verified":true,"outcome":"verified","reference":"…",
//!  "digest":"sha256:…","policies":["production"],"reasons":[],"policiesRevision":"sha256:…",
//!  "trustRevision":"sha256:…","evidence":"sha256:…"}
//! ```
//!
//! Where something is undecided there are `message` and, if only whoever runs sealgate can mend it,
//! `adminHint` in place of a verdict's fields. `evidence` is the SHA-256 digest of the evidence pack
//! that the verdict was made from.
//! A thread of its own writes (`lines.rs`); if it cannot keep up, lines are lost, counted
//! and reported, rather than admission held up. Each line is whole, also after a disk was full.
//! A file that was moved away is opened anew on `SIGHUP`.

use std::cell::RefCell;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use sealgate_core::{Digest, UnixTime, Verdict};
use serde::Serialize;

use crate::config::AuditOutput;
use crate::observe::lines::{LineWriter, Output, Owner};
use crate::observe::metrics::Metrics;

/// The bytes that may wait to be written.
const MOST_WAITING: usize = 16 << 20;

/// How long the disk of the file may take to open it.
const OPEN_WITHIN: Duration = Duration::from_secs(10);

/// How long the last lines may take to be written, if nobody else says.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The audit log.
pub(crate) struct Audit {
    writer: Option<LineWriter>,
}

/// What is told about a question.
pub(crate) struct Asked<'a> {
    pub(crate) now: UnixTime,
    pub(crate) request_id: &'a str,
    pub(crate) route: &'static str,
    pub(crate) key: &'a str,
}

/// What became of a question.
pub(crate) enum Became<'a> {
    /// There is a verdict.
    Decided {
        /// Where it comes from.
        cache: &'static str,
        /// How long ago the registry was asked.
        age: Duration,
        /// The verdict.
        verdict: &'a VerdictPart,
    },
    /// The question itself is wrong.
    WrongKey {
        /// The stable code.
        code: &'static str,
    },
    /// It could not be found out.
    Undecided {
        /// The stable code.
        code: &'static str,
        /// Why, in words.
        message: &'a dyn Display,
        /// What only whoever runs sealgate can do about it.
        admin_hint: Option<&'static str>,
    },
}

/// What a line says of a verdict, whoever asks: written once, and kept with the verdict. It is the
/// end of a JSON object, without its opening brace.
#[derive(Debug)]
pub(crate) struct VerdictPart(Box<[u8]>);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VerdictWire<'a> {
    verified: bool,
    outcome: &'a str,
    reference: &'a str,
    digest: Digest,
    policies: Vec<&'a str>,
    reasons: Vec<&'static str>,
    policies_revision: Digest,
    trust_revision: Digest,
    evidence: Digest,
}

impl VerdictPart {
    /// Of a verdict by policies and trust material of these revisions, about evidence whose pack
    /// has this digest.
    pub(crate) fn new(
        verdict: &Verdict,
        policies_revision: Digest,
        trust_revision: Digest,
        evidence: Digest,
    ) -> Self {
        let wire = VerdictWire {
            verified: verdict.verified,
            outcome: verdict.outcome.as_str(),
            reference: &verdict.image.reference,
            digest: verdict.image.digest,
            policies: verdict.policies.iter().map(|p| p.name.as_str()).collect(),
            reasons: verdict.reasons.iter().map(|r| r.code.as_str()).collect(),
            policies_revision,
            trust_revision,
            evidence,
        };
        // Plain data with string keys: this cannot fail.
        let json = serde_json::to_vec(&wire).unwrap_or_default();
        Self(json.get(1..).unwrap_or(b"}").into())
    }

    /// The bytes that it takes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Audit {
    /// Opens the log.
    ///
    /// # Errors
    /// If the file is no regular file, cannot be opened for appending, or its disk does not answer.
    pub(crate) fn open(output: &AuditOutput, metrics: Arc<Metrics>) -> io::Result<Self> {
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

    /// Records what became of a question.
    pub(crate) fn record(&self, asked: &Asked<'_>, became: &Became<'_>) {
        let Some(writer) = &self.writer else {
            return;
        };
        // Others wait for the lines while one is added: so it is written beside them.
        DRAFT.with_borrow_mut(|draft| {
            draft.line.clear();
            draft.write(asked, became);
            writer.push(|into| into.extend_from_slice(&draft.line));
            draft.line.shrink_to(MOST_KEPT);
        });
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

thread_local! {
    static DRAFT: RefCell<Draft> = RefCell::default();
}

/// Bytes of a draft that are kept for the next line.
const MOST_KEPT: usize = 16 << 10;

/// A line that is being written, and the time as text, which is the same for many.
#[derive(Default)]
struct Draft {
    line: Vec<u8>,
    time: (Option<UnixTime>, String),
}

impl Draft {
    fn write(&mut self, asked: &Asked<'_>, became: &Became<'_>) {
        let (of, time) = &mut self.time;
        if *of != Some(asked.now) {
            (*of, *time) = (Some(asked.now), asked.now.to_string());
        }
        let line = &mut self.line;
        name(line, b"{\"time\":", time);
        name(line, b",\"requestId\":", asked.request_id);
        name(line, b",\"route\":", asked.route);
        text(line, b",\"key\":", asked.key);
        match became {
            Became::Decided {
                cache,
                age,
                verdict,
            } => {
                name(line, b",\"cache\":", cache);
                line.extend_from_slice(b",\"ageSeconds\":");
                // Writing into memory cannot fail.
                let _ = write!(line, "{},", age.as_secs());
                line.extend_from_slice(&verdict.0);
                line.push(b'\n');
            }
            Became::WrongKey { code } => {
                line.extend_from_slice(b",\"verified\":false");
                name(line, b",\"outcome\":", "wrong_key");
                name(line, b",\"reasons\":[", code);
                line.extend_from_slice(b"]}\n");
            }
            Became::Undecided {
                code,
                message,
                admin_hint,
            } => {
                line.extend_from_slice(b",\"verified\":false");
                name(line, b",\"outcome\":", "undecided");
                name(line, b",\"reasons\":[", code);
                text(line, b"],\"message\":", &message.to_string());
                if let Some(hint) = admin_hint {
                    text(line, b",\"adminHint\":", hint);
                }
                line.extend_from_slice(b"}\n");
            }
        }
    }
}

/// A field whose value is ours, of letters, digits and what needs no escape in JSON.
fn name(line: &mut Vec<u8>, field: &[u8], value: &str) {
    line.extend_from_slice(field);
    line.push(b'"');
    line.extend_from_slice(value.as_bytes());
    line.push(b'"');
}

/// A field whose value may be any text.
fn text(line: &mut Vec<u8>, field: &[u8], value: &str) {
    line.extend_from_slice(field);
    // Writing a string into memory cannot fail.
    let _ = serde_json::to_writer(line, value);
}
