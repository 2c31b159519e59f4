//! The admin listener, plain HTTP: `/healthz`, `/readyz`, `/metrics`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::observe::metrics::{Loaded, Metrics};
use crate::service::Service;

/// What the admin listener shows.
#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) service: Service,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) ready: Readiness,
    /// Where the configuration has the main listeners.
    pub(crate) listeners: Arc<[SocketAddr]>,
}

/// Whether requests may come: policies and trust material are loaded, and shutdown has
/// not begun.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readiness(Arc<AtomicBool>);

impl Readiness {
    pub(crate) fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Relaxed);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Admin {
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/healthz", get(async || "ok\n"))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .with_state(self)
    }
}

async fn ready(State(admin): State<Admin>) -> impl IntoResponse {
    if !admin.ready.get() {
        let text = "starting or shutting down\n".to_owned();
        return (StatusCode::SERVICE_UNAVAILABLE, text);
    }
    let mut text = "ready\n".to_owned();
    let certificates = admin.listeners.iter().copied().map(Loaded::Tls);
    let files = [Loaded::Policies, Loaded::Trust].into_iter();
    for what in files.chain(certificates) {
        let why = match what {
            _ if admin.metrics.is_stuck(what) => "their files do not answer",
            _ if admin.metrics.is_broken(what) => "cannot be used",
            _ => continue,
        };
        text.push_str(&format!("{what}: {why}, the last good ones are in force\n"));
    }
    (StatusCode::OK, text)
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    admin.service.report();
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, format)], admin.metrics.render())
}
