//! Logs, to standard error: for people or as JSON.
//!
//! Who logs never waits for standard error (`lines.rs`), and no text of a stranger
//! can make a line of its own, fill the log with one line, or crowd out other lines:
//!
//! * control characters are escaped, whatever value they come in;
//! * a line has at most about 8 KiB;
//! * of one kind, that is from one place in our source, at most so many lines are written a second.
//!
//! Lines that are lost are counted (`sealgate_log_lost`), and said as soon as that is possible.

use std::collections::HashMap;
use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tracing::callsite::Identifier;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::{Log, LogFormat};
use crate::observe::lines::{LineWriter, Output, Owner};
use crate::observe::metrics::{LogLoss, log_lost};

/// The bytes that may wait to be written.
const MOST_WAITING: usize = 4 << 20;
/// Bytes of a line, about.
const LINE_BYTES: usize = 8 << 10;
/// How long the end of the program waits for its last lines to be read.
const LAST_LINES: Duration = Duration::from_secs(1);
/// Lines of one kind within a second. More warnings tell nothing that the metrics do not, and
/// anyone can cause some of them by asking.
const MOST_WARNINGS: u32 = 20;
const MOST_OTHERS: u32 = 500;

/// Logging, until it is dropped: then the last lines are written.
#[must_use = "when this is dropped, logging ends"]
pub(crate) struct Logging(Arc<LineWriter>);

impl Drop for Logging {
    fn drop(&mut self) {
        self.0.close(LAST_LINES);
    }
}

/// Starts logging, of defects that end a thread, too. The filter of the environment variable
/// `RUST_LOG` goes first.
///
/// # Errors
/// If the filter cannot be parsed, standard error cannot be written, or logging has been
/// started already.
pub(crate) fn start(log: &Log) -> Result<Logging, LogError> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(filter) if !filter.is_empty() => filter,
        _ => log.filter.clone(),
    };
    let filter = EnvFilter::try_new(&filter).map_err(|error| LogError {
        message: format!("log.filter {filter:?}: {error}"),
    })?;
    let failed = |error: io::Error| LogError {
        message: format!("standard error cannot be written: {error}"),
    };
    let output = Output::stream(io::stderr()).map_err(failed)?;
    let writer = LineWriter::start("log", MOST_WAITING, output, Arc::new(Losses));
    let writer = Arc::new(writer.map_err(failed)?);
    subscriber(log.format, &writer)
        .with(filter)
        .try_init()
        .map_err(|error| LogError {
            message: error.to_string(),
        })?;
    // The usual hook writes to standard error, and waits for it.
    std::panic::set_hook(Box::new(defect));
    Ok(Logging(writer))
}

/// Everything but the filter.
fn subscriber(
    format: LogFormat,
    writer: &Arc<LineWriter>,
) -> impl Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a> {
    let lines = Lines {
        format,
        writer: Arc::clone(writer),
    };
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(lines)
        // Foreign text could have colours as well as ours.
        .with_ansi(false);
    let layer = match format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(layer)
        .with(Flood::new())
}

/// Says what the process cannot go on without saying, but waits for it only so long.
pub(crate) fn last_words(text: String) {
    let (said, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // Nobody is left to be told that this cannot be said.
        let _ = writeln!(io::stderr(), "{text}");
        let _ = said.send(());
    });
    let _ = heard.recv_timeout(LAST_LINES);
}

fn defect(panic: &PanicHookInfo<'_>) {
    let backtrace = std::backtrace::Backtrace::capture();
    tracing::error!(
        what = panic.payload_as_str().unwrap_or("unknown"),
        place = panic.location().map(tracing::field::display),
        thread = std::thread::current().name(),
        backtrace = %backtrace,
        "a defect of sealgate: please report it"
    );
}

/// What is said about lines that are lost.
struct Losses;

impl Owner for Losses {
    fn lost(&self, lines: usize) {
        log_lost(LogLoss::Unread, lines);
        PENDING.unread.fetch_add(lines as u64, Ordering::Relaxed);
    }

    /// There is nowhere to say so; the metrics tell.
    fn failed(&self, _: &io::Error) {}

    fn written(&self) {
        let unread = PENDING.unread.swap(0, Ordering::Relaxed);
        let repeated = PENDING.repeated.swap(0, Ordering::Relaxed);
        if unread > 0 {
            tracing::warn!(
                lines = unread,
                "lines of this log are lost: standard error was not read fast enough"
            );
        }
        if repeated > 0 {
            tracing::warn!(
                lines = repeated,
                "lines of this log were left out: there were too many of one kind"
            );
        }
    }
}

/// Losses that have not been said.
struct Pending {
    unread: AtomicU64,
    repeated: AtomicU64,
}

static PENDING: Pending = Pending {
    unread: AtomicU64::new(0),
    repeated: AtomicU64::new(0),
};

/// Hands finished lines over.
#[derive(Clone)]
struct Lines {
    format: LogFormat,
    writer: Arc<LineWriter>,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl Write for &Lines {
    /// One event, which comes as a whole.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        self.writer.push(|line| match self.format {
            LogFormat::Text => text_line(line, text),
            LogFormat::Json => json_line(line, text),
        });
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Adds a line for people.
fn text_line(line: &mut Vec<u8>, text: &str) {
    let start = line.len();
    for character in text.chars() {
        if line.len() - start > LINE_BYTES {
            line.extend_from_slice("… (cut off)".as_bytes());
            break;
        }
        match character {
            _ if misleads(character) => {
                line.extend_from_slice(character.escape_default().to_string().as_bytes());
            }
            _ => line.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    line.push(b'\n');
}

/// Adds a JSON object, of which only strings can hold what misleads.
fn json_line(line: &mut Vec<u8>, text: &str) {
    let shortened = match text.len() {
        0..=LINE_BYTES => None,
        _ => serde_json::from_str(text).ok().map(|mut object: Value| {
            shorten(&mut object);
            object.to_string()
        }),
    };
    for character in shortened.as_deref().unwrap_or(text).chars() {
        match misleads(character) {
            true => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    line.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                }
            }
            false => line.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    line.push(b'\n');
}

/// Cuts off strings that have no place in a line.
fn shorten(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > LINE_BYTES / 8 => {
            let end = text.floor_char_boundary(LINE_BYTES / 8);
            text.truncate(end);
            text.push_str("… (cut off)");
        }
        Value::Array(values) => values.iter_mut().for_each(shorten),
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        _ => {}
    }
}

/// Whether a character ends a line somewhere, steers a terminal, or turns text around.
pub(crate) fn misleads(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Lets only so many lines of one kind through within a second.
struct Flood {
    started: Instant,
    kinds: Mutex<HashMap<Identifier, Said>>,
}

/// What has been said of one kind within one second.
#[derive(Default)]
struct Said {
    second: u64,
    lines: u32,
}

impl Flood {
    fn new() -> Self {
        Self {
            started: Instant::now(),
            kinds: Mutex::default(),
        }
    }

    fn admits(&self, kind: Identifier, level: Level, second: u64) -> bool {
        let most = match level {
            Level::ERROR | Level::WARN => MOST_WARNINGS,
            Level::INFO => MOST_OTHERS,
            // Asked for, to see everything.
            _ => return true,
        };
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let said = kinds.entry(kind).or_default();
        if said.second != second {
            *said = Said { second, lines: 0 };
        }
        said.lines = said.lines.saturating_add(1);
        said.lines <= most
    }
}

impl<S: Subscriber> Layer<S> for Flood {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        let second = self.started.elapsed().as_secs();
        let admitted = self.admits(metadata.callsite(), *metadata.level(), second);
        if !admitted {
            log_lost(LogLoss::Repeated, 1);
            PENDING.repeated.fetch_add(1, Ordering::Relaxed);
        }
        admitted
    }
}

/// Why logging could not be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct LogError {
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Read;
    use std::os::fd::OwnedFd;

    use super::*;

    /// A line of its own, a colour, a second line for JSON, an end of line for Unicode, a C1
    /// control, a text that runs backwards.
    const FORGED: &str = "x\n2026-01-01T00:00:00Z ERROR sealgate: forged\r\n\u{1b}[31m{\"level\":\
         \"ERROR\"}\u{2028}y\u{9b}31m\u{202e}z\u{85}\0\u{7f}\t";

    /// What is written while `say` runs.
    fn written(format: LogFormat, say: impl FnOnce()) -> String {
        let (mut read, write) = io::pipe().unwrap();
        let output = Output::stream(OwnedFd::from(write)).unwrap();
        let writer = LineWriter::start("test", 1 << 20, output, Arc::new(Losses)).unwrap();
        let writer = Arc::new(writer);
        let subscriber = subscriber(format, &writer);
        // With one alone, tracing asks the thread that comes by first what it wants.
        let _second = tracing::Dispatch::new(tracing_subscriber::registry());
        tracing::subscriber::with_default(subscriber, say);
        assert_eq!(writer.close(Duration::from_secs(30)), 0);
        drop(writer);
        let mut text = String::new();
        read.read_to_string(&mut text).unwrap();
        text
    }

    /// Foreign text, in every way in which something can be logged.
    fn say_it_all() {
        let error: Box<dyn std::error::Error> = FORGED.into();
        let span = tracing::info_span!("span", foreign = FORGED, shown = %FORGED);
        let _in = span.enter();
        tracing::warn!("{FORGED}");
        tracing::warn!(message = FORGED);
        tracing::warn!(message = %FORGED);
        tracing::warn!(message = ?FORGED);
        tracing::warn!(foreign = FORGED, "field");
        tracing::warn!(foreign = %FORGED, "display");
        tracing::warn!(foreign = ?FORGED, "debug");
        tracing::warn!(foreign = ?Some(vec![FORGED]), "nested");
        tracing::warn!(error, "error");
        tracing::warn!(foreign = FORGED.as_bytes(), "bytes");
        tracing::warn!(foreign = Some(FORGED), "option");
    }

    const SAID: usize = 11;

    #[test]
    fn foreign_text_makes_no_line_and_steers_no_terminal_f21() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let text = written(format, say_it_all);
            let lines: Vec<_> = text.split_terminator('\n').collect();
            assert_eq!(lines.len(), SAID, "{format:?} {text}");
            for line in lines {
                let bad = line.chars().find(|character| misleads(*character));
                assert_eq!(bad, None, "{format:?} {line:?}");
                if format == LogFormat::Json {
                    let object: Value = serde_json::from_str(line).unwrap();
                    assert_eq!(object["level"], "WARN", "{line}");
                }
            }
        }
    }

    #[test]
    fn json_holds_foreign_text_as_it_was_f21() {
        let text = written(LogFormat::Json, || {
            tracing::warn!(foreign = FORGED, "field");
        });
        let object: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(object["foreign"], FORGED);
    }

    #[test]
    fn one_line_is_bounded_whatever_is_in_it_f8() {
        let long = "\"".repeat(1 << 20);
        for format in [LogFormat::Text, LogFormat::Json] {
            let text = written(format, || {
                tracing::warn!(foreign = long, other = "kept", "too long");
            });
            assert!(text.len() < 2 * LINE_BYTES, "{}", text.len());
            assert!(text.contains("cut off"), "{text}");
            if format == LogFormat::Json {
                let object: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(object["other"], "kept");
            }
        }
    }

    /// A place in the source that there is not.
    struct Nowhere;

    impl tracing::Callsite for Nowhere {
        fn set_interest(&self, _: tracing::subscriber::Interest) {}

        fn metadata(&self) -> &tracing::Metadata<'_> {
            unreachable!("nobody asks")
        }
    }

    #[test]
    fn one_kind_of_line_does_not_crowd_out_the_others_f8() {
        let text = written(LogFormat::Json, || {
            for number in 0..1000 {
                tracing::warn!(number, "asked");
                if number % 200 == 0 {
                    tracing::warn!("something else");
                }
            }
        });
        let count = |what: &str| text.lines().filter(|line| line.contains(what)).count();
        // The second may turn over meanwhile.
        let most = 4 * MOST_WARNINGS as usize;
        assert!((1..=most).contains(&count("asked")), "{text}");
        assert_eq!(count("something else"), 5, "{text}");

        let kind = Identifier(&Nowhere);
        let flood = Flood::new();
        let admitted = |level, second, times: u32| {
            let each = (0..times).filter(|_| flood.admits(kind.clone(), level, second));
            each.count()
        };
        assert_eq!(admitted(Level::WARN, 0, 1000), MOST_WARNINGS as usize);
        assert_eq!(admitted(Level::WARN, 0, 1), 0);
        assert_eq!(admitted(Level::WARN, 1, 1000), MOST_WARNINGS as usize);
        assert_eq!(admitted(Level::INFO, 2, 1000), MOST_OTHERS as usize);
        assert_eq!(admitted(Level::DEBUG, 2, 1000), 1000);
    }
}
