//! How commands speak: results on standard output, what is wrong with them on standard error.

use std::fmt;
use std::io::Write as _;
use std::path::Path;

use super::exit::Exit;

/// What is wrong with the command line or with a file it names.
#[derive(Debug)]
pub(super) struct UsageError(Vec<String>);

impl UsageError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(vec![message.into()])
    }

    pub(super) fn all<T: ToString>(problems: impl IntoIterator<Item = T>) -> Self {
        Self(problems.into_iter().map(|p| p.to_string()).collect())
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "error: {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for UsageError {}

/// How a command ends that may find its command line wrong: the problems go to standard error.
pub(super) fn exit(result: Result<Exit, UsageError>) -> Exit {
    result.unwrap_or_else(|error| {
        eprintln!("{error}");
        Exit::Usage
    })
}

/// Says on standard error what is suspicious, and no mistake.
pub(super) fn warn(warnings: &[String]) {
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
}

/// Prints to standard output. A reader who has seen enough closes the pipe: that is no mistake.
pub(super) fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Reads a file that the command line names.
pub(super) fn read_text(path: &Path) -> Result<String, UsageError> {
    std::fs::read_to_string(path)
        .map_err(|error| UsageError::new(format!("{}: {error}", path.display())))
}
