//! `sealgate trust show`

use sealgate_core::sigstore::SigstoreRoot;

use super::usage::{self, UsageError};
use crate::cli::Exit;

/// Work with trust material
#[derive(Clone, Debug, clap::Subcommand)]
pub enum TrustCommand {
    /// Say what the built-in and the given trust roots hold
    Show {
        /// A trusted_root.json; the built-in roots if absent
        #[arg(value_name = "FILE")]
        files: Vec<std::path::PathBuf>,
    },
}

/// The trust roots that come with sealgate.
const BUILT_IN: [&str; 3] = ["public-good", "github", "staging"];

impl TrustCommand {
    /// Runs the command.
    pub fn run(&self) -> Exit {
        usage::exit(self.try_run())
    }

    fn try_run(&self) -> Result<Exit, UsageError> {
        let Self::Show { files } = self;
        if files.is_empty() {
            for name in BUILT_IN {
                if let Some(root) = SigstoreRoot::built_in(name) {
                    print(name, &root);
                }
            }
        }
        for file in files {
            let wrong = |why: String| UsageError::new(format!("{}: {why}", file.display()));
            let bytes = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
            let root = SigstoreRoot::from_json(&bytes).map_err(|error| wrong(error.to_string()))?;
            print(&file.display().to_string(), &root);
        }
        Ok(Exit::Verified)
    }
}

fn print(name: &str, root: &SigstoreRoot) {
    let mut text = format!("{name} ({})\n", root.revision());
    for line in root.describe() {
        text.push_str(&format!("  {line}\n"));
    }
    usage::print(&text);
}
