//! The program `sealgate`.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use sealgate::{Cli, Exit};

/// How long the end waits for threads that wait themselves: for a name to be resolved, for a
/// disk that does not answer.
const LAST_THREADS: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way, too, and are no mistake.
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Verified
            };
            // Nothing is left to do if even this cannot be printed.
            let _ = error.print();
            return exit.into();
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the threads cannot be started: {error}");
            return Exit::Undecided.into();
        }
    };
    let exit = runtime.block_on(cli.run());
    runtime.shutdown_timeout(LAST_THREADS);
    exit.into()
}
