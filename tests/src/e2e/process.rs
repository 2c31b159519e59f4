//! Child processes: started with a log, waited for until they serve, stopped when dropped.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

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

/// A port that was free a moment ago, for programs that cannot choose their own and tell. No two
/// callers in a process get the same one.
///
/// # Errors
/// If loopback has none.
pub fn free_port() -> Result<u16, E2eError> {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|one| one.local_addr());
        let port = bound.map_err(E2eError::io("find a free port"))?.port();
        if given.insert(port) {
            return Ok(port);
        }
    }
}

/// Asks again and again until the answer is yes.
///
/// # Errors
/// If it is not yes in time.
pub fn wait_until(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut() -> bool,
) -> Result<(), E2eError> {
    let end = Instant::now() + limit;
    while !probe() {
        if Instant::now() > end {
            return Err(E2eError::NotReady {
                what: what.to_owned(),
                limit,
                detail: String::new(),
            });
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Whether a GET over plain HTTP on loopback is answered with 200.
pub fn http_ok(port: u16, path: &str) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let limit = Duration::from_secs(2);
    let ask = || {
        let mut stream = TcpStream::connect_timeout(&address, limit)?;
        stream.set_read_timeout(Some(limit))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        )?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok::<_, std::io::Error>(status)
    };
    ask().is_ok_and(|status| status.ends_with(b" 200"))
}
