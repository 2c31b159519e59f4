//! `sealgate trust show`

use std::path::PathBuf;

use clap::Args;
use sealgate_core::trust::SigstoreRoot;
use serde::Serialize;

use super::report::{Entry, State};
use super::{Output, in_force, read};
use crate::commands::exit::Exit;
use crate::commands::inputs::{configuration, wall_clock};
use crate::commands::usage::{self, UsageError};
use crate::config::Config;
use crate::rules::tuf::TufClient;

/// Say what trust roots hold, where they come from and how old they are
#[derive(Clone, Debug, Args)]
pub struct Show {
    /// A trusted_root.json; without any, the built-in roots
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A configuration file of `serve`: its roots, and the built-in ones it does not replace
    #[arg(long, value_name = "FILE", conflicts_with = "files")]
    config: Option<PathBuf>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Serialize)]
struct Shown {
    name: String,
    #[serde(flatten)]
    state: Option<State>,
    anchors: Vec<Entry>,
}

impl Show {
    pub(super) fn run(&self) -> Result<Exit, UsageError> {
        let config = configuration(self.config.as_deref())?.unwrap_or_default();
        let shown = match self.files.is_empty() {
            true => configured(&config)?,
            false => self.given()?,
        };
        match self.output {
            Output::Json => {
                let json = serde_json::to_string_pretty(&shown);
                usage::print(&format!("{}\n", json.unwrap_or_default()));
            }
            Output::Text => {
                let now = wall_clock()?;
                for one in &shown {
                    usage::print(&one.name);
                    usage::print("\n");
                    match &one.state {
                        Some(state) => usage::print(&state.lines(now)),
                        None => usage::print("  nothing yet: run `sealgate trust update`\n"),
                    }
                    for entry in &one.anchors {
                        usage::print(&format!("  {}\n", entry.line()));
                    }
                }
            }
        }
        Ok(Exit::Verified)
    }

    fn given(&self) -> Result<Vec<Shown>, UsageError> {
        let show = |file: &PathBuf| Ok(Shown::new(&file.display().to_string(), Some(read(file)?)));
        self.files.iter().map(show).collect()
    }
}

impl Shown {
    fn new(name: &str, state: Option<State>) -> Self {
        Self {
            name: name.to_owned(),
            anchors: state.as_ref().map(State::entries).unwrap_or_default(),
            state,
        }
    }
}

fn configured(config: &Config) -> Result<Vec<Shown>, UsageError> {
    let mut shown = Vec::new();
    for root in &config.trust_roots {
        let cache = config.trust_cache.as_deref();
        let open = |tuf| TufClient::open(&root.name, tuf, cache);
        let client = root.tuf().map(open).transpose();
        let client = client.map_err(|error| UsageError::new(error.to_string()))?;
        shown.push(Shown::new(&root.name, in_force(root, client.as_ref())?));
    }
    for name in SigstoreRoot::BUILT_IN {
        if config.trust_roots.iter().all(|root| root.name != name) {
            let built_in = SigstoreRoot::built_in(name).map(|root| State::built_in(&root));
            shown.push(Shown::new(name, built_in));
        }
    }
    Ok(shown)
}
