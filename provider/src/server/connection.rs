//! One connection, from the handshake to its end.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::Serving;
use super::certificates::Current;
use super::places::{Activity, Place};
use super::unread::Unread;
use crate::config::memory::{HEAD_BYTES, WINDOW_BYTES};
use crate::observe::metrics::Closed;

/// Requests that one HTTP/2 connection may have open. Gatekeeper and Kyverno open another
/// connection for more.
const STREAMS: u32 = 64;

/// Bytes of a request's head in HTTP/1.1, part of its connection's buffers.
const HEADER_BYTES: u32 = 16 << 10;

/// Bytes of an answer in HTTP/2 that wait for the peer to take them, beside the answer itself.
const SEND_BYTES: usize = 16 << 10;

/// Bytes of one frame: the least that RFC 9113, section 6.5.2, allows.
const FRAME_BYTES: u32 = 16 << 10;

/// Frames that a peer may have us cancel or answer with an error before the connection ends
/// (CVE-2023-44487 and its kin).
const RESETS: usize = 32;

/// How long a connection that has to end may still take to say so, or to ask for the first
/// time.
const GRACE: Duration = Duration::from_secs(1);

/// A handshake's time while more than half of the places are taken.
const SCARCE: Duration = Duration::from_secs(1);

/// How long a peer may keep us waiting.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    /// For its handshake, for a first request whose sender may ask, and to take an answer.
    pub(super) stranger: Duration,
    /// For the next request, once one has been admitted.
    pub(super) known: Duration,
}

/// What a connection is served with.
#[derive(Clone)]
pub(super) struct Served {
    pub(super) router: Router,
    pub(super) patience: Patience,
    pub(super) serving: Serving,
}

impl Served {
    /// A connection over TLS, with these certificates.
    pub(super) async fn over_tls(
        self,
        (stream, peer): (TcpStream, SocketAddr),
        current: Arc<Current>,
        place: Place,
    ) {
        let serving = &self.serving;
        let _open = serving.metrics.connection();
        let activity = place.activity();
        let within = match place.is_scarce() {
            true => self.patience.stranger.min(SCARCE),
            false => self.patience.stranger,
        };
        let stream = self.watched(stream, activity);
        let handshake = TlsAcceptor::from(Arc::clone(&current.tls)).accept(stream);
        let handshake = tokio::select! {
            biased;
            () = activity.displaced() => return serving.metrics.connection_closed(Closed::Displaced),
            handshake = timeout(within, handshake) => handshake,
            () = after(&serving.stop, GRACE) => return,
        };
        let stream = match handshake {
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
        self.serve(stream, http2, &current.replaced, activity).await;
    }

    /// A connection without TLS.
    pub(super) async fn in_the_clear(self, stream: TcpStream, place: Place) {
        let activity = place.activity();
        let stream = self.watched(stream, activity);
        let never = CancellationToken::new();
        self.serve(stream, false, &never, activity).await;
    }

    fn watched(&self, stream: TcpStream, activity: &Arc<Activity>) -> Unread<TcpStream> {
        Unread::new(stream, self.patience.stranger, Arc::clone(activity))
    }

    /// Answers requests until one of both ends it. `replaced` says that what the client was
    /// authenticated with is no longer in force.
    async fn serve(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        http2: bool,
        replaced: &CancellationToken,
        activity: &Arc<Activity>,
    ) {
        let Serving { metrics, stop, .. } = &self.serving;
        let service = Counted {
            inner: TowerToHyperService::new(self.router.clone()),
            activity: Arc::clone(activity),
        };
        let builder = self.builder(http2);
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let opened = Instant::now();
        // When it is closed, unless a request is being answered then.
        let mut end: Option<Instant> = None;
        let (mut stopped, mut old, mut said) = (false, false, false);
        loop {
            let look = end.unwrap_or_else(|| self.idle_until(opened, activity));
            tokio::select! {
                biased;
                ended = connection.as_mut() => return report(ended),
                () = activity.displaced() => return metrics.connection_closed(Closed::Displaced),
                () = stop.cancelled(), if !stopped => {
                    stopped = true;
                    end = Some(sooner(end, GRACE));
                }
                () = replaced.cancelled(), if !old => {
                    old = true;
                    end = Some(sooner(end, self.patience.stranger));
                }
                () = activity.first_asked(), if end.is_some() && !said => {}
                () = sleep_until(look) => match end {
                    Some(_) if activity.is_unfinished() => end = Some(Instant::now() + GRACE),
                    Some(_) => return,
                    None if self.idle_until(opened, activity) <= Instant::now() => {
                        metrics.connection_closed(Closed::Silent);
                        end = Some(Instant::now() + GRACE);
                        said = true;
                        connection.as_mut().graceful_shutdown();
                    }
                    // Something was asked since.
                    None => {}
                },
            }
            // Finishes the request at hand and takes no further one. A connection on which nothing
            // was asked yet may ask once: its request may be on its way. HTTP/2 sees to that itself.
            if end.is_some() && !said && (http2 || activity.was_asked()) {
                said = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }

    /// Until when it may be open, as things are.
    ///
    /// Who has not been admitted yet gets no time by asking: being refused again and again is no
    /// reason to stay.
    fn idle_until(&self, opened: Instant, activity: &Activity) -> Instant {
        if !activity.was_admitted() {
            return opened + self.patience.stranger;
        }
        // While a request is being answered, it is not idle: then it is looked at again.
        activity.idle_since().unwrap_or_else(Instant::now) + self.patience.known
    }

    /// Which HTTP it is was agreed on in the handshake: waiting for the first bytes to tell would
    /// be waiting without a timeout.
    fn builder(&self, http2: bool) -> auto::Builder<TokioExecutor> {
        let builder = auto::Builder::new(TokioExecutor::new());
        let mut builder = match http2 {
            true => builder.http2_only(),
            false => builder.http1_only(),
        };
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.patience.known)
            .max_buf_size(usize::try_from(HEADER_BYTES).unwrap_or(usize::MAX));
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(self.patience.known)
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEAD_BYTES)
            .adaptive_window(false)
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .max_frame_size(FRAME_BYTES)
            .max_send_buf_size(SEND_BYTES)
            .max_pending_accept_reset_streams(RESETS)
            .max_local_error_reset_streams(RESETS);
        builder
    }
}

/// Tells of each request when it begins and ends.
struct Counted {
    inner: TowerToHyperService<Router>,
    activity: Arc<Activity>,
}

type Inner = TowerToHyperService<Router>;

impl Service<Request<Incoming>> for Counted {
    type Response = <Inner as Service<Request<Incoming>>>::Response;
    type Error = <Inner as Service<Request<Incoming>>>::Error;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let answering = self.activity.begin();
        request.extensions_mut().insert(Arc::clone(&self.activity));
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            drop(answering);
            answer
        })
    }
}

/// The time in `wait`, or the one before, if that is sooner.
fn sooner(end: Option<Instant>, wait: Duration) -> Instant {
    let at = Instant::now() + wait;
    end.map_or(at, |end| end.min(at))
}

async fn after(token: &CancellationToken, wait: Duration) {
    token.cancelled().await;
    tokio::time::sleep(wait).await;
}

fn report(ended: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = ended {
        tracing::debug!(error, "a connection broke");
    }
}
