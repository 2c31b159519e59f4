//! `sealgate verify IMAGE…`

use super::answer::{self, Output};
use super::exit::Exit;
use super::inputs::Inputs;
use super::usage::{self, UsageError};

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

impl VerifyArgs {
    /// Runs the command.
    pub async fn run(self) -> Exit {
        usage::exit(self.try_run().await)
    }

    async fn try_run(self) -> Result<Exit, UsageError> {
        let config = self.inputs.config()?;
        let rules = self.inputs.rules(config.as_ref())?;
        let questions = answer::questions(&self.images, self.namespace.as_deref())?;
        let references: Vec<_> = questions.iter().map(|q| q.reference.clone()).collect();
        let trust = rules.trust.clone();
        let fetcher = self.inputs.fetcher(config, &references, trust, rules.now)?;
        let mut worst = Exit::Verified;
        for question in &questions {
            let progress = answer::progress(&question.request.image);
            let deadline = self.inputs.deadline();
            let found = answer::of_image(&fetcher, &rules, question, deadline).await;
            progress.finish_and_clear();
            let image = &question.request.image;
            let exit = answer::print(self.output, image, &found, &rules.policies);
            worst = worst.max(exit);
        }
        Ok(worst)
    }
}
