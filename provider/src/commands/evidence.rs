//! `sealgate evidence IMAGE`

use std::io::Write as _;
use std::path::PathBuf;

use sealgate_core::Evidence;

use super::answer;
use super::exit::Exit;
use super::inputs::Inputs;
use super::usage::{self, UsageError};

/// Fetch everything a verdict is made from, as an evidence pack
///
/// The pack can be judged later, elsewhere, without network: see `replay`. With a trust store it
/// also holds what OCSP responders and revocation lists say of the certificates that lead to it.
#[derive(Clone, Debug, clap::Args)]
pub struct EvidenceArgs {
    /// The image
    image: String,
    /// The namespace that wants to run it
    #[arg(long)]
    namespace: Option<String>,
    /// Also fetch what each platform of an image index needs, for policies with `platforms: each`
    #[arg(long)]
    each_platform: bool,
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
        let questions = answer::questions(&images, self.namespace.as_deref())?;
        let references: Vec<_> = questions.iter().map(|q| q.reference.clone()).collect();
        let config = self.inputs.config()?;
        let (trust, now) = (self.inputs.trust(config.as_ref())?, self.inputs.now()?);
        let fetcher = self
            .inputs
            .registries
            .fetcher(config, &references, trust, now)?
            .with_platforms(self.each_platform);
        for question in &questions {
            let progress = answer::progress(&question.request.image);
            let deadline = self.inputs.registries.deadline();
            let collected = fetcher.fetch(question, deadline).await;
            progress.finish_and_clear();
            // Whoever judges the pack takes it for all there is.
            let evidence = collected.and_then(|collected| match collected.doubt {
                None => Ok(collected.evidence),
                Some(doubt) => Err(doubt.into()),
            });
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
