//! The application: every part, put together.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;

use crate::api::Api;
use crate::api::admin::{Admin, Readiness};
use crate::callers::{Callers, SetupError};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::observe::audit::Audit;
use crate::observe::metrics::Metrics;
use crate::rules::{CurrentRules, LoadError, RulesSource};
use crate::server::{BindError, Bound, Serving, bind, serve_admin};
use crate::service::Service;
use crate::upstream::{self, UpstreamError};

/// How long the last lines of the audit log may take to be written.
const LAST_LINES: Duration = Duration::from_secs(2);

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
    serving: Serving,
    shutdown_delay: Duration,
    drain: Duration,
    api: Arc<Api>,
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
        let Serving { tasks, stop, .. } = &serving;
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
            listeners: config.listeners.iter().map(|l| l.address).collect(),
        }
        .router();
        serve_admin(admin_socket, &serving, router);
        Ok(Running {
            addresses,
            admin,
            ready,
            serving,
            shutdown_delay: config.timeouts.shutdown_delay,
            drain: config.timeouts.drain,
            api,
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

    /// Opens the file of the audit log anew, since it has been moved away.
    pub fn reopen_audit(&self) {
        self.api.audit().reopen();
    }

    /// Becomes unready, stops accepting, lets running requests finish within
    /// `timeouts.drain`, and writes what is left of the audit log. Whether all of them did, and all of
    /// it was written; if not, the log says what was left.
    pub async fn shutdown(self) -> bool {
        self.ready.set(false);
        tokio::time::sleep(self.shutdown_delay).await;
        let Serving { tasks, stop, .. } = &self.serving;
        stop.cancel();
        tasks.close();
        let drained = tokio::time::timeout(self.drain, tasks.wait()).await;
        // Whatever else there is that has not ended, no caller waits for it.
        let cut_off = drained.map_or_else(|_| self.serving.requests(), |()| 0);
        if cut_off > 0 {
            tracing::warn!(
                requests = cut_off,
                "requests are cut off: they took longer than timeouts.drain"
            );
        }
        let unwritten = self.write_audit().await;
        if unwritten > 0 {
            tracing::error!(
                lines = unwritten,
                "lines of the audit log are lost: nobody took them"
            );
        }
        cut_off == 0 && unwritten == 0
    }

    /// How many lines of the audit log could not be written.
    async fn write_audit(self) -> usize {
        let (written, done) = tokio::sync::oneshot::channel();
        let api = self.api;
        // Of its own: the runtime's threads may all wait for something else.
        let spawned = std::thread::Builder::new().spawn(move || {
            let unwritten = api.audit().close(LAST_LINES);
            drop(api);
            // Whoever asked may be gone.
            let _ = written.send(unwritten);
        });
        match spawned {
            Ok(_) => done.await.unwrap_or(0),
            Err(_) => 0,
        }
    }
}
