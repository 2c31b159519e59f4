//! The application: every part, put together.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin::{Admin, Readiness};
use crate::api::Api;
use crate::audit::Audit;
use crate::callers::{Callers, SetupError};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::rules::{CurrentRules, LoadError, RulesSource};
use crate::server::{BindError, Bound, Serving, bind};
use crate::service::Service;
use crate::upstream::{self, UpstreamError};

/// The service with all it needs, ready to start.
pub struct App {
    config: Config,
    api: Arc<Api>,
    metrics: Arc<Metrics>,
    rules: CurrentRules,
    source: RulesSource,
    clock: Arc<dyn Clock>,
    /// Who may ask, by listener.
    callers: Vec<Callers>,
}

/// The service, running.
pub struct Running {
    addresses: Vec<SocketAddr>,
    admin: SocketAddr,
    ready: Readiness,
    tasks: TaskTracker,
    stop: CancellationToken,
    shutdown_delay: Duration,
    drain: Duration,
    /// Dropped last, when all is written.
    _api: Arc<Api>,
}

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Policies or trust material cannot be loaded.
    #[error(transparent)]
    Rules(#[from] LoadError),
    /// A listener cannot be set up.
    #[error(transparent)]
    Listener(#[from] BindError),
    /// The registry client cannot be set up.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// Tokens of callers cannot be reviewed.
    #[error("listeners[].tokenReview cannot be used: {0}")]
    Callers(#[from] SetupError),
    /// The threads for verification cannot be started.
    #[error("the threads for verification cannot be started: {0}")]
    Threads(std::io::Error),
    /// The audit log cannot be opened.
    #[error("the audit log cannot be opened: {0}")]
    Audit(std::io::Error),
}

impl App {
    /// Loads everything that the configuration names, but for certificates.
    ///
    /// # Errors
    /// If policies, trust material, CAs or the audit log cannot be used.
    pub fn new(config: Config) -> Result<Self, StartError> {
        Self::with_clock(config, Arc::new(SystemClock::new()))
    }

    /// The same with other clocks.
    ///
    /// # Errors
    /// As [`App::new`].
    pub fn with_clock(config: Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let metrics = Arc::new(Metrics::new());
        let source = RulesSource::load(&config)?;
        let rules = CurrentRules::new(source.rules());
        let audit =
            Audit::open(&config.audit.output, Arc::clone(&metrics)).map_err(StartError::Audit)?;
        let callers = config.listeners.iter();
        let callers = callers
            .map(|listener| Callers::new(listener, &clock, &metrics))
            .collect::<Result<_, _>>()?;
        let service = Service::new(
            &config,
            upstream::collector(&config)?,
            upstream::revocation(&config)?,
            rules.clone(),
            Arc::clone(&clock),
            Arc::clone(&metrics),
        )
        .map_err(StartError::Threads)?;
        let api = Api::new(
            &config,
            service,
            audit,
            Arc::clone(&metrics),
            Arc::clone(&clock),
        );
        Ok(Self {
            config,
            api: Arc::new(api),
            metrics,
            rules,
            source,
            clock,
            callers,
        })
    }

    /// The routes of the main listeners, for use without them.
    pub fn router(&self) -> Router {
        Arc::clone(&self.api).router(Callers::Anyone)
    }

    /// Binds all listeners and starts to answer.
    ///
    /// # Errors
    /// If an address or a certificate cannot be used; then nothing has been started.
    pub async fn start(self) -> Result<Running, StartError> {
        let Self {
            config,
            api,
            metrics,
            rules,
            source,
            clock,
            callers,
        } = self;
        let mut listeners = Vec::with_capacity(config.listeners.len());
        for listener in &config.listeners {
            listeners.push(Bound::new(listener).await?);
        }
        let (admin_socket, admin) = bind(config.admin.address).await?;
        let serving = Serving::new(&config, Arc::clone(&metrics));
        let addresses = listeners.iter().map(Bound::address).collect();
        for (listener, callers) in listeners.into_iter().zip(callers) {
            listener.serve(&serving, Arc::clone(&api).router(callers));
        }
        let Serving { tasks, stop, .. } = serving;
        tasks.spawn(
            source
                .tuf()
                .keep_fresh(clock, Arc::clone(&metrics), stop.clone()),
        );
        tasks.spawn(source.watch(
            rules,
            config.reload_every,
            stop.clone(),
            Arc::clone(&metrics),
        ));
        let ready = Readiness::default();
        ready.set(true);
        let router = Admin {
            service: api.service().clone(),
            metrics,
            ready: ready.clone(),
        }
        .router();
        let stopped = stop.clone().cancelled_owned();
        tasks.spawn(async move {
            let served = axum::serve(admin_socket, router).with_graceful_shutdown(stopped);
            if let Err(error) = served.await {
                tracing::error!(%error, "the admin listener ended");
            }
        });
        Ok(Running {
            addresses,
            admin,
            ready,
            tasks,
            stop,
            shutdown_delay: config.timeouts.shutdown_delay,
            drain: config.timeouts.drain,
            _api: api,
        })
    }
}

impl Running {
    /// Where the listeners are, in the order of the configuration.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where the admin listener is.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Becomes unready, stops accepting, lets running requests finish within
    /// `timeouts.drain`. Whether all of them did.
    pub async fn shutdown(self) -> bool {
        self.ready.set(false);
        tokio::time::sleep(self.shutdown_delay).await;
        self.stop.cancel();
        self.tasks.close();
        let drained = tokio::time::timeout(self.drain, self.tasks.wait()).await;
        drained.is_ok()
    }
}
