//! What a suite shows: scenario, what must happen, what did, and how long it took.
//!
//! A [`Table`] goes on after a row that does not hold. Where the expectations are assertions, a
//! [`Scenario`] is a row of its own.

use std::fmt;
use std::time::{Duration, Instant};

use super::{Outcome, Provider, Reviewed};

/// What must happen to an object at the API server.
#[derive(Debug, Clone, Copy)]
pub enum Expect<'a> {
    /// It is let in, without a word.
    Admitted,
    /// It is let in, with a warning that says this.
    Warned(&'a str),
    /// It is refused by an admission webhook, in a message that says this.
    Denied(&'a str),
}

/// The scenarios of a suite.
#[derive(Debug)]
pub struct Table {
    suite: String,
    rows: Vec<Row>,
}

/// A row whose expectations are assertions: it holds if [`seen`](Self::seen) is reached.
#[derive(Debug)]
#[must_use = "it holds once it is told what was seen"]
pub struct Scenario {
    row: Row,
    began: Instant,
}

#[derive(Debug)]
struct Row {
    scenario: String,
    expected: String,
    seen: String,
    holds: bool,
    took: Duration,
}

impl Table {
    /// An empty table.
    pub fn new(suite: &str) -> Self {
        Self {
            suite: suite.to_owned(),
            rows: Vec::new(),
        }
    }

    /// What kubectl said, against what was to happen.
    pub fn admission(&mut self, scenario: &str, expect: Expect<'_>, outcome: &Outcome) {
        let said = &outcome.stderr;
        let refused = !outcome.ok && said.contains("admission webhook") && said.contains("denied");
        let holds = match expect {
            Expect::Admitted => outcome.ok && !said.contains("Warning"),
            Expect::Warned(what) => outcome.ok && said.contains("Warning") && said.contains(what),
            Expect::Denied(what) => refused && said.contains(what),
        };
        let seen = match (outcome.ok, said.contains("Warning")) {
            (true, false) => "admitted".to_owned(),
            (true, true) => format!("admitted, with: {said}"),
            (false, _) => said.clone(),
        };
        self.row(scenario, &expect.to_string(), &seen, holds, outcome.took);
    }

    /// What Gatekeeper's client said, against what was to happen. It does not tell a refusal from
    /// a warning: what becomes of a message is the webhook's to decide.
    pub fn review(&mut self, scenario: &str, expect: Expect<'_>, reviewed: &Reviewed) {
        let seen = reviewed.to_string();
        let holds = expect.met_by(reviewed);
        self.row(scenario, &expect.to_string(), &seen, holds, reviewed.took);
    }

    /// The provider's log, which must tell of a refusal by these words, and hold no token.
    pub fn no_token_logged(&mut self, provider: &Provider, refusal: &str) {
        const EXPECTED: &str = "refusals, and no token";
        let began = Instant::now();
        let log = provider.log();
        // Every token of Kubernetes begins so: `{"alg":"` in base64.
        let holds = log.contains(refusal) && !log.contains("eyJhbGciOi");
        let seen = if holds { EXPECTED } else { &log };
        let took = began.elapsed();
        self.row("what sealgate logs of it", EXPECTED, seen, holds, took);
    }

    /// Anything else: whether it holds is the caller's to say.
    pub fn row(&mut self, scenario: &str, expected: &str, seen: &str, holds: bool, took: Duration) {
        let row = Row {
            scenario: scenario.to_owned(),
            expected: expected.to_owned(),
            seen: seen.replace('\n', " "),
            holds,
            took,
        };
        println!("{row}");
        self.rows.push(row);
    }

    /// Prints the sum, and fails the test if a row does not hold or there is none.
    ///
    /// # Panics
    /// Then, with the rows that do not hold.
    pub fn finish(self) {
        let failed: Vec<_> = self.rows.iter().filter(|row| !row.holds).collect();
        let (all, suite) = (self.rows.len(), &self.suite);
        println!(
            "{suite}: {} of {all} scenarios as expected",
            all - failed.len()
        );
        let listed: String = failed.iter().map(|row| format!("\n{row}")).collect();
        assert!(all > 0, "{suite}: no scenario was run");
        assert!(failed.is_empty(), "{suite}: not as expected:{listed}");
    }
}

impl Scenario {
    /// Begins one.
    pub fn begin(scenario: &str, expected: &str) -> Self {
        let row = Row {
            scenario: scenario.to_owned(),
            expected: expected.to_owned(),
            seen: "a failed assertion, above".to_owned(),
            holds: false,
            took: Duration::ZERO,
        };
        let began = Instant::now();
        Self { row, began }
    }

    /// Everything is as expected, and this is how it looked.
    pub fn seen(mut self, seen: impl fmt::Display) {
        self.row.seen = seen.to_string().replace('\n', " ");
        self.row.holds = true;
    }
}

impl Drop for Scenario {
    fn drop(&mut self) {
        self.row.took = self.began.elapsed();
        println!("{}", self.row);
    }
}

impl Expect<'_> {
    /// Whether a review went like this.
    pub fn met_by(&self, reviewed: &Reviewed) -> bool {
        match self {
            Self::Admitted => reviewed.messages.is_empty(),
            Self::Warned(what) | Self::Denied(what) => {
                reviewed.messages.iter().any(|said| said.contains(what))
            }
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.holds { "ok  " } else { "FAIL" };
        let millis = self.took.as_millis();
        writeln!(f, "{mark} {millis:>6} ms  {}", self.scenario)?;
        writeln!(f, "                expected  {}", self.expected)?;
        write!(f, "                seen      {}", self.seen)
    }
}

impl fmt::Display for Expect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admitted => f.write_str("admitted"),
            Self::Warned(what) => write!(f, "admitted, with a warning: …{what}…"),
            Self::Denied(what) => write!(f, "denied: …{what}…"),
        }
    }
}
