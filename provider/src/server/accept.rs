//! Accepts connections and serves each in a task of its own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use tokio::net::{TcpListener, TcpStream};

use super::certificates::Certificates;
use super::connection::Served;
use super::places::{Place, Places};
use crate::observe::metrics::Closed;

/// How long to wait before the next connection, when the system has run out of something.
const SHORTAGE: Duration = Duration::from_millis(50);

/// Accepts connections over TLS until `serving.stop`; each one lives on until it is drained.
pub(super) async fn over_tls(
    socket: TcpListener,
    certificates: Arc<Certificates>,
    places: Arc<Places>,
    served: Served,
) {
    while let Some((accepted, place)) = next(&socket, &places, &served).await {
        let connection = served
            .clone()
            .over_tls(accepted, certificates.current(), place);
        served.serving.tasks.spawn(connection);
    }
}

/// The same without TLS.
pub(super) async fn in_the_clear(socket: TcpListener, places: Arc<Places>, served: Served) {
    while let Some(((stream, _), place)) = next(&socket, &places, &served).await {
        let connection = served.clone().in_the_clear(stream, place);
        served.serving.tasks.spawn(connection);
    }
}

/// The next connection, and the place it has. None: no further ones are accepted.
///
/// While requests are being answered on as many connections as allowed, further ones wait
/// unaccepted.
async fn next(
    socket: &TcpListener,
    places: &Arc<Places>,
    served: &Served,
) -> Option<((TcpStream, SocketAddr), Place)> {
    let metrics = &served.serving.metrics;
    loop {
        let accepted = tokio::select! {
            accepted = accept(socket, places) => accepted,
            () = served.serving.stop.cancelled() => return None,
        };
        match accepted {
            Ok((stream, peer)) => match places.take(peer.ip()) {
                Some((place, _)) => return Some(((stream, peer), place)),
                None => {
                    metrics.connection_closed(Closed::Refused);
                    tracing::warn!(
                        %peer,
                        "a connection is refused: this address has limits.connectionsPerAddress, \
                         and requests are being answered on all of them"
                    );
                }
            },
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                if is_shortage(&error) {
                    places.displace_one();
                    tokio::time::sleep(SHORTAGE).await;
                }
            }
        }
    }
}

async fn accept(socket: &TcpListener, places: &Places) -> io::Result<(TcpStream, SocketAddr)> {
    places.room().await;
    let (stream, peer) = socket.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, peer))
}

/// Whether the next connection will fare no better. Otherwise it was that connection's own fault:
/// to wait would let whoever hangs up early keep others out.
fn is_shortage(error: &io::Error) -> bool {
    let found = error.raw_os_error();
    let ours = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    ours.iter().any(|one| found == Some(one.raw_os_error()))
}
