//! The listeners: TLS, connections, shutdown.

mod accept;
mod certificates;
mod connection;
mod places;
mod self_signed;
mod tls;
mod unread;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, Limits, Listener, Timeouts};
use crate::files::watched::{Look, Watched, off_thread};
use crate::observe::metrics::{Loaded, Metrics, ReloadResult};
use connection::{Patience, Served};
use places::Places;

pub use certificates::Certificates;
pub(crate) use places::Activity;
pub use self_signed::{SelfSigned, SelfSignedError};
pub use tls::TlsError;

/// Connections of the admin listener, and how long each may be silent: probes and Prometheus
/// ask at once, and few they are.
const ADMIN_CONNECTIONS: usize = 64;
const ADMIN_PATIENCE: Duration = Duration::from_secs(5);

/// A listener that is bound and has its certificates, but does not accept yet.
pub struct Bound {
    socket: TcpListener,
    address: SocketAddr,
    certificates: Arc<Certificates>,
}

impl Bound {
    /// Reads the certificates and binds the address.
    ///
    /// # Errors
    /// If either cannot be done.
    pub async fn new(listener: &Listener) -> Result<Self, BindError> {
        let certificates = Certificates::load(listener)?;
        let (socket, address) = bind(listener.address).await?;
        Ok(Self {
            socket,
            address,
            certificates: Arc::new(certificates),
        })
    }

    /// The address, with the port that the system chose if it was to choose.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts connections until `stop`, and keeps the certificates up to date.
    pub fn serve(self, serving: &Serving, router: Router) {
        let Self {
            socket,
            certificates,
            ..
        } = self;
        serving.tasks.spawn(watch(
            Arc::clone(&certificates),
            serving.reload_every,
            serving.stop.clone(),
            Arc::clone(&serving.metrics),
        ));
        let limits = &serving.limits;
        let places = serving.places(limits.connections, limits.connections_per_address);
        let served = Served {
            router,
            patience: Patience {
                stranger: serving.timeouts.handshake,
                known: serving.timeouts.idle,
            },
            serving: serving.clone(),
        };
        let accepting = accept::over_tls(socket, certificates, places, served);
        serving.tasks.spawn(accepting);
    }
}

/// Answers on a socket without TLS until `stop`: for the admin listener.
pub(crate) fn serve_admin(socket: TcpListener, serving: &Serving, router: Router) {
    let places = serving.places(ADMIN_CONNECTIONS, ADMIN_CONNECTIONS / 2);
    let served = Served {
        router,
        patience: Patience {
            stranger: ADMIN_PATIENCE,
            known: ADMIN_PATIENCE,
        },
        serving: serving.clone(),
    };
    let accepting = accept::in_the_clear(socket, places, served);
    serving.tasks.spawn(accepting);
}

/// What all listeners share.
#[derive(Clone)]
pub struct Serving {
    /// Every task that shutdown waits for.
    pub tasks: TaskTracker,
    /// Cancelled to accept no new connections, and keep none alive.
    pub stop: CancellationToken,
    metrics: Arc<Metrics>,
    limits: Limits,
    timeouts: Timeouts,
    reload_every: Duration,
    /// Requests that are being answered.
    requests: Arc<AtomicUsize>,
}

impl Serving {
    /// With the limits and timeouts of a configuration.
    pub fn new(config: &Config, metrics: Arc<Metrics>) -> Self {
        Self {
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            metrics,
            limits: config.limits.clone(),
            timeouts: config.timeouts.clone(),
            reload_every: config.reload_every,
            requests: Arc::default(),
        }
    }

    /// How many requests are being answered.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    fn places(&self, most: usize, share: usize) -> Arc<Places> {
        Places::new(most, share, Arc::clone(&self.requests))
    }
}

/// Binds an address.
pub(crate) async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), BindError> {
    let wrong = |source| BindError::Address { address, source };
    let socket = TcpListener::bind(address).await.map_err(wrong)?;
    let bound = socket.local_addr().map_err(wrong)?;
    Ok((socket, bound))
}

/// Why a listener cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {source}")]
    Address {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Looks at the files of the certificates again and again until `stop`.
async fn watch(
    certificates: Arc<Certificates>,
    every: Duration,
    stop: CancellationToken,
    metrics: Arc<Metrics>,
) {
    let listener = certificates.address();
    let what = Loaded::Tls(listener);
    metrics.certificate_expiry(listener, certificates.expiry());
    let mut watched = Watched::new();
    loop {
        let same = Arc::clone(&certificates);
        let looking = off_thread(
            move || {
                let look = watched.look(|| same.files(), || same.read());
                (watched, look)
            },
            &stop,
            |stuck| metrics.set_stuck(what, stuck),
        );
        let Some(looked) = looking.await else {
            return;
        };
        // A defect in reading must not end the watch.
        let (returned, look) = looked.unwrap_or_else(|_| (Watched::new(), Look::Unsettled));
        watched = returned;
        match look {
            Look::Loaded(read) => {
                metrics.reload(what, ReloadResult::Ok);
                if !certificates.holds(&read) {
                    certificates.replace(read);
                    metrics.certificate_expiry(listener, certificates.expiry());
                    tracing::info!(certificate = %certificates.name(), "certificates were reloaded");
                }
            }
            Look::Broken(error) => {
                metrics.reload(what, ReloadResult::Broken);
                tracing::error!(%error, "certificates cannot be used, the last good ones stay");
            }
            Look::Same | Look::Unsettled => {}
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = stop.cancelled() => return,
        }
    }
}
