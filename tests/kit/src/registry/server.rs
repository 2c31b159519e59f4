//! Listeners and their connections.
//!
//! HTTP/1.1 only: a wrong `Content-Length` and an aborted body exist in no other version.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// Lets a handler end the connection that its request came from.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConnectionReset(Arc<Ending>);

#[derive(Debug, Default)]
struct Ending {
    wanted: Notify,
    last_words: Mutex<Option<Bytes>>,
}

impl ConnectionReset {
    /// Resets the connection; never returns, for the request ends with it.
    pub(crate) async fn reset(&self) {
        self.0.wanted.notify_one();
        std::future::pending::<()>().await;
    }

    /// Sends these bytes, then closes the connection; never returns, either.
    pub(crate) async fn end_with(&self, bytes: Bytes) {
        self.set_last_words(bytes);
        self.reset().await;
    }

    fn set_last_words(&self, bytes: Bytes) {
        let words = self.0.last_words.lock();
        *words.unwrap_or_else(PoisonError::into_inner) = Some(bytes);
    }

    fn last_words(&self) -> Option<Bytes> {
        let words = self.0.last_words.lock();
        words.unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Counts the bytes that leave through a connection, before TLS.
struct Counted<T> {
    inner: T,
    sent: Arc<AtomicU64>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Counted<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Counted<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = &written {
            self.sent.fetch_add(*count as u64, Ordering::Relaxed);
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, pieces);
        if let Poll::Ready(Ok(count)) = &written {
            self.sent.fetch_add(*count as u64, Ordering::Relaxed);
        }
        written
    }

    /// Otherwise large bodies would be copied before they are sent.
    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
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
    sent: Arc<AtomicU64>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let (tls, router, power) = (tls.clone(), router.clone(), power.clone());
                    connections.spawn(connection(stream, tls, router, power, sent.clone()));
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
    sent: Arc<AtomicU64>,
) {
    if *power.borrow_and_update() == Power::Down {
        return hang_up(&stream);
    }
    // Answers are small and clients wait for them.
    stream.set_nodelay(true).ok();
    match tls {
        None => serve(stream, router, power, sent).await,
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                serve(stream, router, power, sent).await;
            }
        }
    }
}

async fn serve<T: Transport>(
    stream: T,
    router: Router,
    mut power: watch::Receiver<Power>,
    sent: Arc<AtomicU64>,
) {
    let stream = Counted {
        inner: stream,
        sent,
    };
    let reset = ConnectionReset::default();
    let router = router.layer(axum::Extension(reset.clone()));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::select! {
        // A client that goes away early is no event here.
        _ = &mut connection => return,
        () = reset.0.wanted.notified() => {}
        _ = power.wait_for(|power| *power == Power::Down) => {}
    }
    let mut stream = connection.into_parts().io.into_inner().inner;
    match reset.last_words() {
        // A client that goes away before the end is no event either.
        Some(bytes) => {
            if stream.write_all(&bytes).await.is_ok() {
                stream.shutdown().await.ok();
            }
        }
        None => hang_up(stream.tcp()),
    }
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
