//! Accepts connections and serves each in a task of its own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;

use super::Serving;
use super::certificates::{Certificates, Current};

/// Requests that one HTTP/2 connection may have open.
const STREAMS: u32 = 128;

/// Bytes of a request's head.
const HEADER_BYTES: u32 = 16 << 10;

/// Accepts connections until `serving.stop`; each one lives on until it is drained.
///
/// While there are as many connections as allowed, further ones wait unaccepted.
pub(super) async fn run(
    socket: TcpListener,
    certificates: Arc<Certificates>,
    router: Router,
    serving: Serving,
) {
    let places = Arc::new(Semaphore::new(serving.limits.connections));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&socket, &places) => accepted,
            () = serving.stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, place)) => {
                let current = certificates.current();
                let connection = serve(stream, current, router.clone(), serving.clone(), place);
                serving.tasks.spawn(connection);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                // Out of file descriptors, most likely: let some be closed.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn accept(
    socket: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<((TcpStream, SocketAddr), OwnedSemaphorePermit)> {
    let place = Arc::clone(places)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, peer) = socket.accept().await?;
    stream.set_nodelay(true)?;
    Ok(((stream, peer), place))
}

/// One connection, from the handshake to its end.
async fn serve(
    (stream, peer): (TcpStream, SocketAddr),
    current: Arc<Current>,
    router: Router,
    serving: Serving,
    _place: OwnedSemaphorePermit,
) {
    let _open = serving.metrics.connection();
    let handshake = TlsAcceptor::from(Arc::clone(&current.tls)).accept(stream);
    let stream = match tokio::time::timeout(serving.timeouts.handshake, handshake).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            serving.metrics.handshake_failure();
            return match error.kind() {
                // Probes connect and leave.
                io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
                    tracing::debug!(%peer, %error, "a TLS handshake ended early");
                }
                _ => tracing::warn!(%peer, %error, "a TLS handshake failed"),
            };
        }
        Err(_) => {
            serving.metrics.handshake_failure();
            return tracing::debug!(%peer, "a TLS handshake took too long");
        }
    };
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let builder = builder(&serving, http2);
    let connection =
        builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(connection);
    tokio::select! {
        biased;
        ended = connection.as_mut() => return report(ended),
        () = serving.stop.cancelled() => {}
        () = current.replaced.cancelled() => {}
    }
    // Finishes the request at hand and takes no further one.
    connection.as_mut().graceful_shutdown();
    report(connection.await);
}

/// Which HTTP it is was agreed on in the handshake: waiting for the first bytes to tell would
/// be waiting without a timeout.
fn builder(serving: &Serving, http2: bool) -> auto::Builder<TokioExecutor> {
    let builder = auto::Builder::new(TokioExecutor::new());
    let mut builder = match http2 {
        true => builder.http2_only(),
        false => builder.http1_only(),
    };
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(serving.timeouts.idle)
        .max_buf_size(usize::try_from(HEADER_BYTES).unwrap_or(usize::MAX));
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(serving.timeouts.idle)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADER_BYTES);
    builder
}

fn report(ended: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = ended {
        tracing::debug!(error, "a connection broke");
    }
}
