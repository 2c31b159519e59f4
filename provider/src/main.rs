//! The program `sealgate`.

use std::process::ExitCode;

use clap::Parser;
use sealgate::cli::{Cli, Exit};

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => cli.run().await.into(),
        Err(error) => {
            // Help and version come this way, too, and are no mistake.
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Verified
            };
            // Nothing is left to do if even this cannot be printed.
            let _ = error.print();
            exit.into()
        }
    }
}
