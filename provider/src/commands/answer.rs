//! Questions of commands, and how their answers are printed.

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::ValueEnum;
use indicatif::ProgressBar;
use sealgate_core::verdict::Outcome;
use sealgate_core::{Evidence, Policies, Verdict};
use tokio::time::Instant;

use super::exit::Exit;
use super::fetcher::Fetcher;
use super::inputs::Rules;
use super::no_verdict::NoVerdict;
use super::tree::{self, Style};
use super::usage::{self, UsageError};
use crate::question::Question;

/// How to print verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// A tree for people
    Tree,
    /// The verdict, one JSON document a line
    Json,
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
    sealgate_core::verify(evidence, &rules.policies, &rules.trust, rules.now).map_err(|undecided| {
        NoVerdict {
            code: undecided.code(),
            message: undecided.to_string(),
            admin_hint: None,
        }
    })
}

/// Fetches the evidence of an image, and judges it.
pub(super) async fn of_image(
    fetcher: &Fetcher,
    rules: &Rules,
    question: &Question,
    deadline: Instant,
) -> Result<Verdict, NoVerdict> {
    let collected = fetcher.fetch(question, deadline).await?;
    let verdict = verdict(&collected.evidence, rules)?;
    match collected.doubt {
        // There may be a signature that the registry did not show.
        Some(doubt) if !verdict.verified && verdict.outcome != Outcome::NoPolicy => {
            Err(doubt.into())
        }
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

/// Prints an answer by these policies, and says how it ends.
pub(super) fn print(
    output: Output,
    image: &str,
    answer: &Result<Verdict, NoVerdict>,
    policies: &Policies,
) -> Exit {
    let text = match (output, answer) {
        (Output::Tree, Ok(verdict)) => tree::verdict(verdict, policies, Style::of_stdout()),
        (Output::Tree, Err(none)) => tree::undecided(image, none, Style::of_stdout()),
        (Output::Json, Ok(verdict)) => {
            String::from_utf8_lossy(&verdict.to_json()).into_owned() + "\n"
        }
        (Output::Json, Err(none)) => {
            let mut error = serde_json::Map::new();
            error.insert("code".to_owned(), none.code.into());
            error.insert("message".to_owned(), none.message.as_str().into());
            let hint = none
                .admin_hint
                .map(|hint| ("adminHint".to_owned(), hint.into()));
            error.extend(hint);
            serde_json::json!({"image": {"requested": image}, "error": error}).to_string() + "\n"
        }
    };
    usage::print(&text);
    match answer {
        Ok(verdict) if verdict.verified => Exit::Verified,
        Ok(_) => Exit::NotVerified,
        Err(_) => Exit::Undecided,
    }
}
