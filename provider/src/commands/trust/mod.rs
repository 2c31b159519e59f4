//! `sealgate trust show|update`: the trust roots, and their renewal.

mod report;
mod show;
mod update;

use std::path::Path;

use clap::ValueEnum;
use sealgate_core::trust::SigstoreRoot;

use self::report::State;
use super::usage::{self, UsageError};
use crate::commands::exit::Exit;
use crate::config::TrustRoot;
use crate::rules::tuf::TufClient;

/// Work with trust material
#[derive(Clone, Debug, clap::Subcommand)]
pub enum TrustCommand {
    /// Say what trust roots hold, where they come from and how old they are
    Show(show::Show),
    /// Renew trust roots from their TUF repositories, now
    Update(update::Update),
}

impl TrustCommand {
    /// Runs the command.
    pub async fn run(self) -> Exit {
        usage::exit(match self {
            Self::Show(show) => show.run(),
            Self::Update(update) => update.run().await,
        })
    }
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Text,
    /// One JSON document
    Json,
}

/// What is in force before anything is asked: what TUF has kept, or the file, or what is
/// built in.
fn in_force(root: &TrustRoot, client: Option<&TufClient>) -> Result<Option<State>, UsageError> {
    if let Some(client) = client {
        match client.restore() {
            Ok(Some(good)) => return Ok(Some(State::kept(client.repository(), &good))),
            Ok(None) => {}
            Err(error) => eprintln!(
                "warning: {}: what was kept does not verify: {error}",
                root.name
            ),
        }
    }
    match root.local_file() {
        Some(file) => read(file).map(Some),
        None => Ok(SigstoreRoot::built_in(&root.name).map(|root| State::built_in(&root))),
    }
}

fn read(file: &Path) -> Result<State, UsageError> {
    let wrong = |why: String| UsageError::new(format!("{}: {why}", file.display()));
    let bytes = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let root = SigstoreRoot::from_json(&bytes).map_err(|error| wrong(error.to_string()))?;
    Ok(State::file(file, &root))
}
