//! `sealgate config`: what a configuration file amounts to.

use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::usage;
use crate::config::Config;

/// Print the configuration that a file amounts to, or what is wrong with it.
#[derive(Debug, Args)]
pub struct ConfigCommand {
    /// The configuration file; without one, the defaults are printed.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigCommand {
    /// Prints it.
    pub fn run(&self) -> Exit {
        let config = match &self.config {
            Some(file) => Config::load(file),
            None => Ok(Config::default()),
        };
        match config {
            Ok(config) => {
                usage::print(&config.to_yaml());
                Exit::Verified
            }
            Err(error) => {
                eprintln!("{error}");
                Exit::Usage
            }
        }
    }
}
