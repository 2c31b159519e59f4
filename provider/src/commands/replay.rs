//! `sealgate replay PACK`

use std::path::PathBuf;

use sealgate_core::Evidence;

use super::inputs::Inputs;
use super::usage::{self, UsageError};
use super::verify::{self, Output};
use crate::cli::Exit;

/// Judge evidence packs again, without network
///
/// With the same policies, trust material and --now the verdict has the same bytes.
#[derive(Clone, Debug, clap::Args)]
pub struct ReplayArgs {
    /// Evidence packs, as `evidence` writes them
    #[arg(required = true, value_name = "PACK")]
    packs: Vec<PathBuf>,
    /// How to print verdicts
    #[arg(short, long, value_enum, default_value_t = Output::Tree)]
    output: Output,
    #[command(flatten)]
    inputs: Inputs,
}

impl ReplayArgs {
    /// Runs the command.
    pub fn run(&self) -> Exit {
        usage::exit(self.try_run())
    }

    fn try_run(&self) -> Result<Exit, UsageError> {
        let rules = self.inputs.rules(self.inputs.config()?.as_ref())?;
        let mut worst = Exit::Verified;
        for path in &self.packs {
            let wrong = |why: String| UsageError::new(format!("{}: {why}", path.display()));
            let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
            let evidence = Evidence::from_pack(&bytes).map_err(|error| wrong(error.to_string()))?;
            let answer = verify::verdict(&evidence, &rules);
            worst = worst.max(verify::print(self.output, &evidence.request.image, &answer));
        }
        Ok(worst)
    }
}
