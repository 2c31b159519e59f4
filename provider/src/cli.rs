//! The command line.

use clap::{Parser, Subcommand};

use crate::commands;

/// Verifies who signed container images, for Kubernetes policy engines.
#[derive(Debug, Parser)]
#[command(name = "sealgate", version, about, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer Gatekeeper, and whoever else asks, over HTTPS.
    Serve(commands::serve::Serve),
    /// Print the configuration that a file amounts to, or what is wrong with it.
    Config(commands::config::ConfigCommand),
}

/// How a command ended; the process exits with this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Done; every image is verified.
    Verified = 0,
    /// An image is not verified.
    NotVerified = 1,
    /// It could not be decided.
    Undecided = 2,
    /// The command or its configuration is wrong.
    Usage = 64,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Cli {
    /// Does it.
    pub async fn run(self) -> Exit {
        match self.command {
            Command::Serve(serve) => serve.run().await,
            Command::Config(config) => config.run(),
        }
    }
}
