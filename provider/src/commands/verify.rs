//! `sealgate verify IMAGE…`

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::ValueEnum;
use indicatif::ProgressBar;
use sealgate_core::Verdict;
use sealgate_core::verdict::Outcome;
use tokio::time::Instant;

use super::evidence::Fetcher;
use super::inputs::{Inputs, Rules};
use super::tree::{self, Style};
use super::usage::{self, UsageError};
use crate::cli::Exit;
use crate::question::Question;
use crate::registry::RegistryError;

/// Verify images and print why they passed or failed
///
/// Exit code: 0 verified, 1 not verified, 2 undecided, 64 usage; of several images the worst.
#[derive(Clone, Debug, clap::Args)]
pub struct VerifyArgs {
    /// Images, as in a Pod
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
    /// The namespace that wants to run them
    #[arg(long)]
    namespace: Option<String>,
    /// How to print verdicts
    #[arg(short, long, value_enum, default_value_t = Output::Tree)]
    output: Output,
    #[command(flatten)]
    inputs: Inputs,
}

/// How to print verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// A tree for people
    Tree,
    /// The verdict, one JSON document a line
    Json,
}

impl VerifyArgs {
    /// Runs the command.
    pub async fn run(self) -> Exit {
        usage::exit(self.try_run().await)
    }

    async fn try_run(self) -> Result<Exit, UsageError> {
        let config = self.inputs.config()?;
        let rules = self.inputs.rules(config.as_ref())?;
        let questions = questions(&self.images, self.namespace.as_deref())?;
        let references: Vec<_> = questions.iter().map(|q| q.reference.clone()).collect();
        let trust = rules.trust.clone();
        let fetcher = self.inputs.fetcher(config, &references, trust, rules.now)?;
        let mut worst = Exit::Verified;
        for question in &questions {
            let progress = progress(&question.request.image);
            let deadline = Instant::now() + self.inputs.timeout();
            let answer = judge(&fetcher, &rules, question, deadline).await;
            progress.finish_and_clear();
            worst = worst.max(print(self.output, &question.request.image, &answer));
        }
        Ok(worst)
    }
}

/// Why there is no verdict.
pub(super) struct NoVerdict {
    /// The stable code.
    pub(super) code: &'static str,
    /// The sentence.
    pub(super) message: String,
}

impl From<RegistryError> for NoVerdict {
    fn from(error: RegistryError) -> Self {
        Self {
            code: error.code(),
            message: error.to_string(),
        }
    }
}

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

async fn judge(
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

pub(super) fn verdict(
    evidence: &sealgate_core::Evidence,
    rules: &Rules,
) -> Result<Verdict, NoVerdict> {
    sealgate_core::verify(evidence, &rules.policies, &rules.trust, rules.now).map_err(|undecided| {
        NoVerdict {
            code: undecided.code(),
            message: undecided.to_string(),
        }
    })
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

/// Prints an answer, and says how it ends.
pub(super) fn print(output: Output, image: &str, answer: &Result<Verdict, NoVerdict>) -> Exit {
    let text = match (output, answer) {
        (Output::Tree, Ok(verdict)) => tree::verdict(verdict, Style::of_stdout()),
        (Output::Tree, Err(none)) => tree::undecided(image, none, Style::of_stdout()),
        (Output::Json, Ok(verdict)) => {
            String::from_utf8_lossy(&verdict.to_json()).into_owned() + "\n"
        }
        (Output::Json, Err(none)) => {
            let error = serde_json::json!({"code": none.code, "message": none.message});
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
