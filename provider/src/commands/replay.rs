//! `sealgate replay PACK`

use std::path::PathBuf;

use super::answer::{Output, Printer};
use super::exit::Exit;
use super::inputs::Inputs;
use super::pack::{self, Asked};
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
        let asked = Asked {
            image: self.image.as_deref(),
            namespace: self.namespace.as_deref(),
            policy: self.policy_name.as_deref(),
        };
        for path in &self.packs {
            let carried = pack::read(path)?;
            let asked = asked.of(&carried);
            let (image, namespace) = (asked.image.clone(), asked.namespace.clone());
            let answer = pack::judge(carried, asked, &rules);
            printer.take(&image, namespace.as_deref(), answer);
        }
        Ok(printer.finish())
    }
}
