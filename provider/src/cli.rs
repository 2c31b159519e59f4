//! The command line.

use clap::{Parser, Subcommand};
use futures::future::LocalBoxFuture;

use crate::commands;
use crate::commands::exit::Exit;

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
    /// Verify images, and print why they passed or failed.
    Verify(commands::verify::VerifyArgs),
    /// Fetch everything a verdict is made from, as an evidence pack.
    Evidence(commands::evidence::EvidenceArgs),
    /// Show what is attached to an image, judged by no policy.
    Inspect(commands::inspect::InspectArgs),
    /// Judge evidence packs again, without network.
    Replay(commands::replay::ReplayArgs),
    /// Work with policies.
    #[command(subcommand)]
    Policy(commands::policy::PolicyCommand),
    /// Work with trust material.
    #[command(subcommand)]
    Trust(commands::trust::TrustCommand),
    /// Show who is let in and who is not, with everything in one process.
    #[cfg(feature = "demo")]
    Demo(crate::demo::Demo),
    /// Say what a code means, and what to do about it.
    Explain(commands::explain::Explain),
    /// Print the JSON Schema of policies, of the configuration, or of verdicts.
    Schema(commands::schema::SchemaCommand),
    /// Print the configuration that a file amounts to, or what is wrong with it.
    Config(commands::config::ConfigCommand),
    /// Speak the client protocol of sigstore-conformance.
    #[command(subcommand)]
    Conformance(commands::conformance::ConformanceCommand),
}

impl Cli {
    /// Does it.
    ///
    /// In a box, so that all that it waits for is compiled with the library alone, and not once
    /// more with the program.
    pub fn run(self) -> LocalBoxFuture<'static, Exit> {
        Box::pin(self.done())
    }

    async fn done(self) -> Exit {
        match self.command {
            Command::Serve(serve) => serve.run().await,
            Command::Verify(verify) => verify.run().await,
            Command::Evidence(evidence) => evidence.run().await,
            Command::Inspect(inspect) => inspect.run().await,
            Command::Replay(replay) => replay.run(),
            Command::Policy(policy) => policy.run().await,
            Command::Trust(trust) => trust.run().await,
            #[cfg(feature = "demo")]
            Command::Demo(demo) => demo.run().await,
            Command::Explain(explain) => explain.run(),
            Command::Schema(schema) => schema.run(),
            Command::Config(config) => config.run(),
            Command::Conformance(conformance) => conformance.run(),
        }
    }
}
