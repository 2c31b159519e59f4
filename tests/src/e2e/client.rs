//! Gatekeeper's own client without an API server: `tests/tools/gatekeeper-client`, by line.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{E2eError, Generation};
use crate::tools::{find, last_words};

/// How long an answer may take: the webhook's own limit is 3 s, audit has none.
const LIMIT: Duration = Duration::from_secs(120);

/// A running client. Dropping it stops it, with everything it remembers.
#[derive(Debug)]
pub struct GatekeeperClient {
    child: Child,
    commands: ChildStdin,
    answers: Receiver<String>,
    log: PathBuf,
}

/// By which of Gatekeeper's ways objects come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// The validating webhook: the API server hangs up after 3 s.
    Webhook,
    /// Many creations at the webhook, all at once.
    WebhookAtOnce,
    /// Audit: one after another, however long it takes.
    Audit,
}

/// What the constraints say of an object.
#[derive(Debug, Clone)]
pub struct Reviewed {
    /// The messages; none if it is let in.
    pub messages: Vec<String>,
    /// How long the review took.
    pub took: Duration,
}

impl GatekeeperClient {
    /// Starts it. `certificates` has `tls.crt` and `tls.key`, which it shows to providers and
    /// reads again when they change; answers are remembered for `response_cache`.
    ///
    /// # Errors
    /// If it has not been built or cannot be started.
    pub fn start(
        generation: Generation,
        certificates: &Path,
        response_cache: Duration,
    ) -> Result<Self, E2eError> {
        let program = find(match generation {
            Generation::V3_23 => "gatekeeper-client",
            Generation::V3_17 => "gatekeeper-client-3.17",
        })?;
        let log = certificates.with_extension("gatekeeper-client.log");
        let errors = File::create(&log).map_err(E2eError::io(log.display().to_string()))?;
        let mut child = Command::new(program)
            .arg("--cert-dir")
            .arg(certificates)
            .arg("--external-data-provider-response-cache-ttl")
            .arg(format!("{}ms", response_cache.as_millis()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .map_err(E2eError::io("start gatekeeper-client"))?;
        let (Some(commands), Some(printed)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(E2eError::Client("it has no standard streams".to_owned()));
        };
        let (line, answers) = channel();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(printed).lines().map_while(Result::ok);
            lines.try_for_each(|one| line.send(one))
        });
        Ok(Self {
            child,
            commands,
            answers,
            log,
        })
    }

    /// Takes in a ConstraintTemplate, a constraint or a Provider.
    ///
    /// # Errors
    /// If Gatekeeper does not accept it.
    pub fn apply(&mut self, object: &Value) -> Result<(), E2eError> {
        self.ask(&json!({"apply": object})).map(drop)
    }

    /// The same, of a manifest: one YAML document.
    ///
    /// # Errors
    /// If it is no YAML, or Gatekeeper does not accept it.
    pub fn apply_yaml(&mut self, yaml: &str) -> Result<(), E2eError> {
        let object: Value = serde_norway::from_str(yaml)
            .map_err(|error| E2eError::Client(format!("not YAML: {error}")))?;
        self.apply(&object)
    }

    /// Forgets a Provider.
    ///
    /// # Errors
    /// If the client has ended.
    pub fn delete_provider(&mut self, name: &str) -> Result<(), E2eError> {
        let provider = json!({"kind": "Provider", "metadata": {"name": name}});
        self.ask(&json!({"delete": provider})).map(drop)
    }

    /// Reviews objects.
    ///
    /// # Errors
    /// If one cannot be reviewed at all, which is not the same as a refusal.
    pub fn review(&mut self, point: Point, objects: &[Value]) -> Result<Vec<Reviewed>, E2eError> {
        let answer = self.ask(&json!({
            "review": objects,
            "point": if point == Point::Audit { "audit" } else { "webhook" },
            "atOnce": point == Point::WebhookAtOnce,
        }))?;
        let answer: AnswerWire = serde_json::from_value(answer)
            .map_err(|error| E2eError::Client(format!("its answer: {error}")))?;
        answer.reviews.into_iter().map(Reviewed::try_from).collect()
    }

    fn ask(&mut self, command: &Value) -> Result<Value, E2eError> {
        let asked = writeln!(self.commands, "{command}").and_then(|()| self.commands.flush());
        let line = self.answers.recv_timeout(LIMIT);
        let (Ok(()), Ok(line)) = (&asked, &line) else {
            let said = std::fs::read_to_string(&self.log).unwrap_or_default();
            return Err(E2eError::Client(format!(
                "no answer within {LIMIT:?} ({asked:?}, {line:?}); {} ends with\n{}",
                self.log.display(),
                last_words(&said)
            )));
        };
        let answer: Value = serde_json::from_str(line)
            .map_err(|error| E2eError::Client(format!("{error} in {line:?}")))?;
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => Err(E2eError::Client(error.to_owned())),
            None => Ok(answer),
        }
    }
}

impl fmt::Display for Reviewed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.messages[..] {
            [] => f.write_str("admitted"),
            messages => f.write_str(&messages.join(" | ")),
        }
    }
}

impl Drop for GatekeeperClient {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Deserialize)]
struct AnswerWire {
    reviews: Vec<ReviewWire>,
}

#[derive(Deserialize)]
struct ReviewWire {
    violations: Vec<ViolationWire>,
    #[serde(default)]
    error: String,
    micros: u64,
}

#[derive(Deserialize)]
struct ViolationWire {
    message: String,
}

impl TryFrom<ReviewWire> for Reviewed {
    type Error = E2eError;

    fn try_from(wire: ReviewWire) -> Result<Self, E2eError> {
        if !wire.error.is_empty() {
            return Err(E2eError::Client(wire.error));
        }
        let messages = wire.violations.into_iter().map(|one| one.message);
        Ok(Self {
            messages: messages.collect(),
            took: Duration::from_micros(wire.micros),
        })
    }
}
