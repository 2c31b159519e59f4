//! Programs that serve on loopback: their ports, and waiting until they do.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What loopback did not give.
#[derive(Debug, thiserror::Error)]
pub enum LoopbackError {
    /// There is no port.
    #[error("find a free port: {0}")]
    Port(#[from] io::Error),
    /// It did not come true in time.
    #[error("waited {limit:?} for {what}")]
    Late {
        /// What was waited for.
        what: String,
        /// How long.
        limit: Duration,
    },
}

/// A port that was free a moment ago, for programs that cannot choose their own and tell. No two
/// callers in a process get the same one.
///
/// # Errors
/// If loopback has none.
pub fn free_port() -> Result<u16, LoopbackError> {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|one| one.local_addr());
        let port = bound?.port();
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
) -> Result<(), LoopbackError> {
    let end = Instant::now() + limit;
    while !probe() {
        if Instant::now() > end {
            return Err(LoopbackError::Late {
                what: what.to_owned(),
                limit,
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
        Ok::<_, io::Error>(status)
    };
    ask().is_ok_and(|status| status.ends_with(b" 200"))
}
