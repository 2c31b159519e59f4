//! `sealgate replay PACK`

use std::path::PathBuf;

use sealgate_core::Evidence;
use sealgate_core::evidence::{Carried, Request};

use super::answer::{self, Output, Printer};
use super::exit::Exit;
use super::inputs::Inputs;
use super::no_verdict::NoVerdict;
use super::usage::{self, UsageError};

/// Judge evidence packs again, without network
///
/// With the same policies, trust material and --now the verdict has the same bytes.
///
/// A pack says which question it answers, and the verdict shows that question. Where the pack
/// comes from somebody else, ask your own: a pack that says it answers another one is refused.
#[derive(Clone, Debug, clap::Args)]
pub struct ReplayArgs {
    /// Evidence packs, as `evidence` writes them
    #[arg(required = true, value_name = "PACK")]
    packs: Vec<PathBuf>,
    /// The image that is asked about, instead of the one that the pack says
    #[arg(long)]
    image: Option<String>,
    /// The namespace that wants to run it, instead of the one that the pack says
    #[arg(long)]
    namespace: Option<String>,
    /// The one policy to judge by, instead of the one that the pack says; it must cover the image
    #[arg(long, value_name = "NAME")]
    policy_name: Option<String>,
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
        let mut printer = Printer::new(self.output, &rules.policies);
        for path in &self.packs {
            let wrong = |why: String| UsageError::new(format!("{}: {why}", path.display()));
            let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
            let carried = Evidence::from_pack(&bytes).map_err(|error| wrong(error.to_string()))?;
            let asked = self.question(&carried);
            let (image, namespace) = (asked.image.clone(), asked.namespace.clone());
            let answer = match carried.answering(asked) {
                Ok(evidence) => answer::verdict(&evidence, &rules),
                Err(error) => Err(NoVerdict {
                    code: error.code(),
                    message: error.to_string(),
                    admin_hint: None,
                }),
            };
            printer.take(&image, namespace.as_deref(), answer);
        }
        Ok(printer.finish())
    }

    /// The pack's own question, but for what the command line asks.
    fn question(&self, carried: &Carried) -> Request {
        let mut asked = carried.question().clone();
        if let Some(image) = &self.image {
            asked.image.clone_from(image);
        }
        if self.namespace.is_some() {
            asked.namespace.clone_from(&self.namespace);
        }
        if self.policy_name.is_some() {
            asked.policy.clone_from(&self.policy_name);
            asked.beyond_scope = false;
        }
        asked
    }
}
