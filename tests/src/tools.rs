//! The real programs of `tests/tools`, found in the cache that `just tools` fills.

use std::path::PathBuf;
use std::process::{Command, Output};

/// Why a program could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The program has not been built.
    #[error("{program} is not at {}: run `just tools {program}`", path.display())]
    Missing {
        /// Its name in `tests/tools`.
        program: String,
        /// Where it would be.
        path: PathBuf,
    },
    /// The program cannot be run.
    #[error("cannot run {command}: {source}")]
    Start {
        /// The program and its arguments.
        command: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The program ended with an error.
    #[error("{command} ended with {}\n{}", output.status, String::from_utf8_lossy(&output.stderr))]
    Failed {
        /// The program and its arguments.
        command: String,
        /// Its status and all it printed.
        output: Output,
    },
}

/// The path of a program of `tests/tools`.
///
/// # Errors
/// [`ToolError::Missing`] names the command that builds it.
pub fn find(program: &str) -> Result<PathBuf, ToolError> {
    let path = cache().join("bin").join(program);
    match path.is_file() {
        true => Ok(path),
        false => Err(ToolError::Missing {
            program: program.to_owned(),
            path,
        }),
    }
}

/// The path of a file beside the programs, as Gatekeeper's deployment manifest.
///
/// # Errors
/// [`ToolError::Missing`] if it has not been made.
pub fn data(name: &str) -> Result<PathBuf, ToolError> {
    let path = cache().join(name);
    match path.is_file() {
        true => Ok(path),
        false => Err(ToolError::Missing {
            program: "cluster".to_owned(),
            path,
        }),
    }
}

/// Runs a program to its end and returns what it printed to standard output.
///
/// # Errors
/// If it cannot be started or fails; the error has what it printed to standard error.
pub fn run(command: &mut Command) -> Result<String, ToolError> {
    let named = format!("{command:?}");
    match command.output() {
        Err(source) => Err(ToolError::Start {
            command: named,
            source,
        }),
        Ok(output) if !output.status.success() => Err(ToolError::Failed {
            command: named,
            output,
        }),
        Ok(output) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
    }
}

/// `$SEALGATE_TOOLS`, or `sealgate/tools` in the user's cache, as `tests/tools/build.sh` has it.
fn cache() -> PathBuf {
    let from = |variable| std::env::var_os(variable).map(PathBuf::from);
    from("SEALGATE_TOOLS").unwrap_or_else(|| {
        let home = || from("HOME").unwrap_or_default().join(".cache");
        from("XDG_CACHE_HOME")
            .unwrap_or_else(home)
            .join("sealgate/tools")
    })
}
