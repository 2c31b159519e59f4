//! The listeners: TLS, connections, shutdown.

mod accept;
mod certificates;
mod self_signed;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, Limits, Listener, Timeouts};
use crate::metrics::{Loaded, Metrics, ReloadResult};
use crate::reload::{Look, Watched};

pub use certificates::{Certificates, TlsError};
pub use self_signed::{SelfSigned, SelfSignedError};

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
        serving
            .tasks
            .spawn(accept::run(socket, certificates, router, serving.clone()));
    }
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
        }
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
    metrics.certificate_expiry(certificates.expiry());
    let mut watched = Watched::new();
    loop {
        let same = Arc::clone(&certificates);
        let looked = tokio::task::spawn_blocking(move || {
            let look = watched.look(|| same.files(), || same.read());
            (watched, look)
        });
        // A defect in reading must not end the watch.
        let (returned, look) = looked
            .await
            .unwrap_or_else(|_| (Watched::new(), Look::Unsettled));
        watched = returned;
        match look {
            Look::Loaded(read) => {
                metrics.reload(Loaded::Tls, ReloadResult::Ok);
                if !certificates.holds(&read) {
                    certificates.replace(read);
                    metrics.certificate_expiry(certificates.expiry());
                    tracing::info!(certificate = %certificates.name(), "certificates were reloaded");
                }
            }
            Look::Broken(error) => {
                metrics.reload(Loaded::Tls, ReloadResult::Broken);
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
