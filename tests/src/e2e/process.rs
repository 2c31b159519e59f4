//! Child processes: started with a log, waited for until they serve, stopped when dropped.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use sealgate_testkit::loopback::wait_until;

use super::E2eError;
use crate::tools::last_words;

/// A running program. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    /// Where its own words begin in the log, which those before it have written to.
    begins: usize,
}

impl Process {
    /// Starts a program; what it prints goes to `NAME.log` in `folder`.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(name: &str, command: &mut Command, folder: &Path) -> Result<Self, E2eError> {
        let log = folder.join(format!("{name}.log"));
        let begins = std::fs::read(&log).map_or(0, |earlier| earlier.len());
        let mut started = || {
            let output = File::options().create(true).append(true).open(&log)?;
            let errors = output.try_clone()?;
            let command = command.stdin(Stdio::null()).stdout(output).stderr(errors);
            command.spawn()
        };
        let child = started().map_err(E2eError::io(format!("start {name}")))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log,
            begins,
        })
    }

    /// Waits until it is ready.
    ///
    /// # Errors
    /// If it ends before, at once, or is not ready in time: with its last words.
    pub fn ready(
        &mut self,
        limit: Duration,
        mut probe: impl FnMut() -> bool,
    ) -> Result<(), E2eError> {
        let mut ended: Option<ExitStatus> = None;
        let child = &mut self.child;
        let seen = wait_until("", limit, || {
            ended = child.try_wait().unwrap_or_default();
            ended.is_some() || probe()
        });
        let detail = || {
            let log = self.log();
            let said = last_words(log.get(self.begins..).unwrap_or(&log));
            format!("; {} ends with\n{said}", self.log.display())
        };
        match (seen, ended) {
            (Ok(()), None) => Ok(()),
            (_, Some(status)) => Err(E2eError::Ended {
                program: self.name.clone(),
                status,
                detail: detail(),
            }),
            (Err(_), None) => Err(E2eError::NotReady {
                what: format!("{} to be ready", self.name),
                limit,
                detail: detail(),
            }),
        }
    }

    /// Sends a signal by its name: `STOP`, `CONT`, `TERM`, `HUP`.
    ///
    /// # Errors
    /// If there is no such process any more.
    pub fn signal(&self, name: &str) -> Result<(), E2eError> {
        let pid = self.child.id().to_string();
        crate::tools::run(Command::new("kill").args(["-s", name, &pid]))?;
        Ok(())
    }

    /// Everything it has printed, and those of its name before it.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
