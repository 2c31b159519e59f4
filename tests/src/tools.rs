//! The real programs of `tests/tools`, found in the cache that `just tools` fills.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long a program may take that is run to its end.
const LIMIT: Duration = Duration::from_secs(180);

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
    /// `tests/e2e.sh` does not build the program for the suite that looks for it.
    #[error(
        "this suite looks for {program}, but tests/e2e.sh builds {built} for it: add {program} to its tools_of"
    )]
    Undeclared {
        /// Its name in `tests/tools`.
        program: String,
        /// What is built.
        built: String,
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
    /// The program did not end, and was killed.
    #[error("{command} had not ended after {limit:?}; it ends with\n{said}")]
    Endless {
        /// The program and its arguments.
        command: String,
        /// How long it was waited for.
        limit: Duration,
        /// The last of what it printed.
        said: String,
    },
}

/// The path of a program of `tests/tools`.
///
/// `tests/e2e.sh` names the programs of a suite in `SEALGATE_TOOLS_ONLY`; then no other is found,
/// so that a suite cannot live on what was built for another one.
///
/// # Errors
/// [`ToolError::Missing`] names the command that builds it, [`ToolError::Undeclared`] the list
/// that does not have it.
pub fn find(program: &str) -> Result<PathBuf, ToolError> {
    if let Ok(built) = std::env::var("SEALGATE_TOOLS_ONLY")
        && built.split_whitespace().all(|one| one != program)
    {
        let program = program.to_owned();
        return Err(ToolError::Undeclared { program, built });
    }
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
/// If it cannot be started, fails or does not end; the error has what it printed to standard
/// error.
pub fn run(command: &mut Command) -> Result<String, ToolError> {
    let output = output(command, "", LIMIT)?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(ToolError::Failed {
            command: format!("{command:?}"),
            output,
        }),
    }
}

/// Runs a program to its end, whatever that is, with something on its standard input.
///
/// # Errors
/// If it cannot be started, or does not end within `limit`: then it is killed, and the error has
/// what it printed.
pub fn output(command: &mut Command, input: &str, limit: Duration) -> Result<Output, ToolError> {
    let named = format!("{command:?}");
    let failed = |source| ToolError::Start {
        command: named.clone(),
        source,
    };
    let began = Instant::now();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        let input = input.to_owned();
        // One that reads nothing must not hold us up; one that has ended is no event here.
        std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    }
    let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let left = || limit.saturating_sub(began.elapsed());
    let printed = stdout.recv_timeout(left());
    let printed = printed.and_then(|out| Ok((out, stderr.recv_timeout(left())?)));
    let status = match &printed {
        Ok(_) => wait(&mut child, left()).map_err(failed)?,
        Err(_) => None,
    };
    if let (Ok((stdout, stderr)), Some(status)) = (printed, status) {
        return Ok(Output {
            status,
            stdout,
            stderr,
        });
    }
    child.kill().and_then(|()| child.wait()).map_err(failed)?;
    // Children of its own may hold the pipes open.
    let grace = Duration::from_secs(1);
    let said = stderr.recv_timeout(grace).unwrap_or_default();
    Err(ToolError::Endless {
        command: named,
        limit,
        said: last_words(&String::from_utf8_lossy(&said)),
    })
}

/// The last lines of what a program printed.
pub fn last_words(text: &str) -> String {
    let before = text.lines().count().saturating_sub(12);
    text.lines().skip(before).collect::<Vec<_>>().join("\n")
}

/// Everything that comes through a pipe, once it is closed.
fn collect(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (done, bytes) = channel();
    std::thread::spawn(move || {
        let mut all = Vec::new();
        if let Some(mut pipe) = pipe {
            // What came before an error counts.
            let _ = pipe.read_to_end(&mut all);
        }
        // Nobody waits any more after the limit.
        let _ = done.send(all);
    });
    bytes
}

/// The status of a program that has closed its output, and so is about to end.
fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let end = Instant::now() + limit;
    loop {
        let status = child.try_wait()?;
        if status.is_some() || Instant::now() > end {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(5));
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
