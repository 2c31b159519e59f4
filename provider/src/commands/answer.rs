//! Questions of commands, and how their answers are printed.

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::ValueEnum;
use indicatif::ProgressBar;
use sealgate_core::verdict::Outcome;
use sealgate_core::{Evidence, Policies, Verdict};
use serde_json::json;
use tokio::time::Instant;

use super::exit::Exit;
use super::fetcher::Fetcher;
use super::inputs::Rules;
use super::no_verdict::NoVerdict;
use super::report::{self, Report, Row};
use super::tree::{self, Style};
use super::usage::{self, UsageError};
use crate::question::Question;

/// How to print verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// A tree for people
    Tree,
    /// The verdict, one JSON document a line; with -f one document for all
    Json,
    /// A line an image, and how many there are of what
    Table,
    /// JUnit's XML
    Junit,
    /// SARIF 2.1.0, of what is not verified
    Sarif,
}

/// The questions about these images, all of which must be some.
pub(super) fn questions(
    images: &[String],
    namespace: Option<&str>,
) -> Result<Vec<Question>, UsageError> {
    let mut problems = Vec::new();
    let mut questions = Vec::new();
    for image in images {
        match Question::new(image, namespace, None) {
            Ok(question) => questions.push(question),
            Err(error) => problems.push(format!("{image:?}: {error}")),
        }
    }
    match problems.is_empty() {
        true => Ok(questions),
        false => Err(UsageError::all(problems)),
    }
}

/// Judges evidence.
pub(super) fn verdict(evidence: &Evidence, rules: &Rules) -> Result<Verdict, NoVerdict> {
    let verdict = sealgate_core::verify(evidence, &rules.policies, &rules.trust, rules.now);
    verdict.map_err(NoVerdict::from)
}

/// Fetches the evidence of an image, and judges it.
pub(super) async fn of_image(
    fetcher: &Fetcher,
    rules: &Rules,
    question: &Question,
    deadline: Instant,
) -> Result<Verdict, NoVerdict> {
    let fetched = fetcher.fetch(question, deadline).await?;
    judged(&fetched.evidence, fetched.doubt.map(NoVerdict::from), rules)
}

/// Judges what was fetched, of which there may be more.
pub(super) fn judged(
    evidence: &Evidence,
    doubt: Option<NoVerdict>,
    rules: &Rules,
) -> Result<Verdict, NoVerdict> {
    let verdict = verdict(evidence, rules)?;
    match doubt {
        // There may be a signature that the registry did not show.
        Some(doubt) if !verdict.verified && verdict.outcome != Outcome::NoPolicy => Err(doubt),
        _ => Ok(verdict),
    }
}

/// A spinner for what takes longer than a second, on a terminal only.
pub(super) fn progress(image: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner().with_message(format!("looking at {image}"));
    bar.enable_steady_tick(Duration::from_secs(1));
    bar
}

/// Answers, printed as they come or all at once.
pub(super) struct Printer<'a> {
    output: Output,
    policies: &'a Policies,
    report: Report,
    worst: Exit,
}

impl<'a> Printer<'a> {
    /// Prints answers by these policies.
    pub(super) fn new(output: Output, policies: &'a Policies) -> Self {
        Self {
            output,
            policies,
            report: Report::default(),
            worst: Exit::Verified,
        }
    }

    /// Takes an answer to a question that was asked by name.
    pub(super) fn take(
        &mut self,
        image: &str,
        namespace: Option<&str>,
        answer: Result<Verdict, NoVerdict>,
    ) {
        self.worst = self.worst.max(report::exit(&answer));
        let text = match (self.output, &answer) {
            (Output::Tree, _) => tree(image, &answer, self.policies),
            (Output::Json, Ok(verdict)) => {
                String::from_utf8_lossy(&verdict.to_json()).into_owned() + "\n"
            }
            (Output::Json, Err(none)) => {
                let error = report::error(none);
                json!({"image": {"requested": image}, "error": error}).to_string() + "\n"
            }
            (Output::Table | Output::Junit | Output::Sarif, _) => {
                self.report.rows.push(Row {
                    image: image.to_owned(),
                    namespace: namespace.map(str::to_owned),
                    places: Vec::new(),
                    answer,
                });
                return;
            }
        };
        usage::print(&text);
    }

    /// Prints what was held back, and says how it ends.
    pub(super) fn finish(self) -> Exit {
        let text = match self.output {
            Output::Tree | Output::Json => String::new(),
            Output::Table => report::table(&self.report),
            Output::Junit => report::junit(&self.report),
            Output::Sarif => report::sarif(&self.report),
        };
        usage::print(&text);
        self.worst
    }
}

/// Prints the answers about manifests, and says how it ends.
pub(super) fn print_report(output: Output, report: &Report, policies: &Policies) -> Exit {
    let text = match output {
        Output::Tree => {
            let mut text = String::new();
            for row in &report.rows {
                text.push_str(&tree(&row.image, &row.answer, policies));
                text.push_str(&row.used_by());
                text.push('\n');
            }
            text + &report.summary()
        }
        Output::Json => report::document(report),
        Output::Table => report::table(report),
        Output::Junit => report::junit(report),
        Output::Sarif => report::sarif(report),
    };
    usage::print(&text);
    if output == Output::Junit {
        // Its XML has no place for it.
        eprint!("{}", report.unread());
    }
    let worst = report.rows.iter().map(Row::exit).max();
    worst.unwrap_or(Exit::Verified)
}

fn tree(image: &str, answer: &Result<Verdict, NoVerdict>, policies: &Policies) -> String {
    match answer {
        Ok(verdict) => tree::verdict(verdict, policies, Style::of_stdout()),
        Err(none) => tree::undecided(image, none, Style::of_stdout()),
    }
}
