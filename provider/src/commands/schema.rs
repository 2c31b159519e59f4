//! `sealgate schema NAME`: what editors and programs need to know of the files and verdicts.
//!
//! The schemas are files of the tree; a test holds them equal to what the readers take.

use clap::ValueEnum;

use super::exit::Exit;
use super::usage;

/// Print the JSON Schema (draft 7) of a kind of file, or of verdicts
///
/// Editors complete and check by it: put `# yaml-language-server: $schema=FILE` on the first line.
/// What is read is decided by `policy check` and `config`, which see more than a schema can say.
#[derive(Clone, Debug, clap::Args)]
pub struct SchemaCommand {
    /// Of what
    #[arg(value_enum)]
    name: Name,
}

/// What there are schemas of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Name {
    /// Policies, kind TrustPolicy
    TrustPolicy,
    /// The configuration of `serve`
    Config,
    /// Verdicts, as `verify -o json` prints them
    Verdict,
}

impl SchemaCommand {
    /// Prints it.
    pub fn run(&self) -> Exit {
        usage::print(match self.name {
            Name::TrustPolicy => include_str!("../../schemas/trust-policy.schema.json"),
            Name::Config => include_str!("../../schemas/config.schema.json"),
            Name::Verdict => include_str!("../../schemas/verdict.schema.json"),
        });
        Exit::Verified
    }
}
