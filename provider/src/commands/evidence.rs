//! `sealgate evidence IMAGE`

use std::io::Write as _;
use std::path::PathBuf;

use sealgate_core::Evidence;
use tokio::time::Instant;

use super::inputs::Inputs;
use super::usage::{self, UsageError};
use super::verify::{self, NoVerdict};
use crate::cli::Exit;
use crate::collect::{Collector, Wanted};
use crate::key::Question;

/// Fetch everything a verdict is made from, as an evidence pack
///
/// The pack can be judged later, elsewhere, without network: see `replay`.
#[derive(Clone, Debug, clap::Args)]
pub struct EvidenceArgs {
    /// The image
    image: String,
    /// The namespace that wants to run it
    #[arg(long)]
    namespace: Option<String>,
    /// Where to write the pack; standard output if absent
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    inputs: Inputs,
}

impl EvidenceArgs {
    /// Runs the command.
    pub async fn run(self) -> Exit {
        usage::exit(self.try_run().await)
    }

    async fn try_run(self) -> Result<Exit, UsageError> {
        let images = [self.image];
        let questions = verify::questions(&images, self.namespace.as_deref())?;
        let references: Vec<_> = questions.iter().map(|q| q.reference.clone()).collect();
        let collector = self.inputs.collector(self.inputs.config()?, &references)?;
        for question in &questions {
            let progress = verify::progress(&question.request.image);
            let deadline = Instant::now() + self.inputs.timeout();
            let evidence = collect(&collector, question, Wanted::ALL, deadline).await;
            progress.finish_and_clear();
            match evidence {
                Ok(evidence) => write(self.output.as_ref(), &evidence)?,
                Err(none) => {
                    eprintln!("undecided: {} ({})", none.message, none.code);
                    return Ok(Exit::Undecided);
                }
            }
        }
        Ok(Exit::Verified)
    }
}

/// Fetches the evidence of one image.
pub(super) async fn collect(
    collector: &Collector,
    question: &Question,
    wanted: Wanted,
    deadline: Instant,
) -> Result<Evidence, NoVerdict> {
    let failed = |error: crate::collect::CollectError| NoVerdict {
        code: error.code(),
        message: error.to_string(),
    };
    let image = collector
        .resolve(&question.reference, deadline)
        .await
        .map_err(failed)?;
    let request = question.request.clone();
    collector
        .collect(&image, request, wanted, deadline)
        .await
        .map_err(failed)
}

fn write(output: Option<&PathBuf>, evidence: &Evidence) -> Result<(), UsageError> {
    let pack = evidence.to_pack();
    match output {
        Some(path) => {
            std::fs::write(path, &pack)
                .map_err(|error| UsageError::new(format!("{}: {error}", path.display())))?;
            eprintln!(
                "{}: {} artifact(s), {} bytes",
                path.display(),
                evidence.artifacts.len(),
                pack.len()
            );
            Ok(())
        }
        None => std::io::stdout()
            .write_all(&pack)
            .map_err(|error| UsageError::new(format!("standard output: {error}"))),
    }
}
