//! Listeners and their connections.
//!
//! HTTP/1.1 only: a wrong `Content-Length` and an aborted body exist in no other version.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// Lets a handler reset the connection that its request came from.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConnectionReset(Arc<Notify>);

impl ConnectionReset {
    /// Resets the connection; never returns, for the request ends with it.
    pub(crate) async fn reset(&self) {
        self.0.notify_one();
        std::future::pending::<()>().await;
    }
}

/// Whether the server takes connections, or resets all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Power {
    Up,
    Down,
}

/// Accepts connections until the future is dropped; its connections end with it.
pub(crate) async fn run(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    power: watch::Receiver<Power>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let (tls, router, power) = (tls.clone(), router.clone(), power.clone());
                    connections.spawn(connection(stream, tls, router, power));
                }
                // Out of file descriptors, most likely: wait for some to be closed.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    router: Router,
    mut power: watch::Receiver<Power>,
) {
    if *power.borrow_and_update() == Power::Down {
        return hang_up(&stream);
    }
    // Answers are small and clients wait for them.
    stream.set_nodelay(true).ok();
    match tls {
        None => serve(stream, router, power).await,
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                serve(stream, router, power).await;
            }
        }
    }
}

async fn serve<T: Transport>(stream: T, router: Router, mut power: watch::Receiver<Power>) {
    let reset = ConnectionReset::default();
    let router = router.layer(axum::Extension(reset.clone()));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::select! {
        // A client that goes away early is no event here.
        _ = &mut connection => return,
        () = reset.0.notified() => {}
        _ = power.wait_for(|power| *power == Power::Down) => {}
    }
    hang_up(connection.into_parts().io.inner().tcp());
}

/// Makes the socket send RST when it is closed.
fn hang_up(stream: &TcpStream) {
    stream.set_zero_linger().ok();
}

trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    fn tcp(&self) -> &TcpStream;
}

impl Transport for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Transport for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}
