//! The HTTP interface of the main listeners.
//!
//! | route | in → out |
//! |---|---|
//! | `POST /v1/validate`, `/v1/validate/{policy}` | `ProviderRequest` → a verdict per key |
//! | `POST /v1/mutate` | `ProviderRequest` → `repository:tag@digest` per key |
//! | `POST /v1/verify` | `{"images", "namespace"?, "policy"?}` → `{"verdicts"}` |
//! | `POST /v1/evidence` | the same → `{"evidence"}` |
//! | `POST /ratify/gatekeeper/v1/{verify,mutate}` | as Ratify answered, while a team migrates |
//!
//! An answer is complete or it is none: if one image is undecided, no image is answered.
//! What was found is cached, so that the retry is quick.

pub(crate) mod admin;
mod answers;
mod body;
mod gatekeeper;
mod images;
#[cfg(feature = "internals")]
pub(crate) mod internals;
mod ratify;
mod reply;
mod wire;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::post;
use bytes::Bytes;
use futures::FutureExt;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::callers::Callers;
use crate::clock::Clock;
use crate::config::memory::{OPEN, refused_at_once};
use crate::config::{Config, Limits};
use crate::observe::audit::Audit;
use crate::observe::log::RequestIds;
use crate::observe::metrics::{Answer, Metrics, Route};
use crate::server::Activity;
use crate::service::Service;
use crate::shares::Shares;
use body::Bodies;
use reply::{Rejection, Reply};

/// What the handlers share.
pub(crate) struct Api {
    service: Service,
    audit: Audit,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    ids: RequestIds,
    limits: Limits,
    timeout: Duration,
    /// For requests that are refused, while their bodies are thrown away.
    strangers: Semaphore,
    /// For requests that are read or answered.
    open: Semaphore,
    /// For requests that wait for something else than memory.
    places: Semaphore,
    bodies: Bodies,
    /// Bytes of large answers.
    packs: Arc<Shares>,
}

/// One request: who asks what, and until when an answer is of use.
struct Asking {
    route: Route,
    /// The policy that the URL names.
    policy: Option<String>,
    id: String,
    deadline: Instant,
}

impl Api {
    pub(crate) fn new(
        config: &Config,
        service: Service,
        audit: Audit,
        metrics: Arc<Metrics>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            service,
            audit,
            metrics,
            clock,
            ids: RequestIds::new(),
            limits: config.limits.clone(),
            timeout: config.timeouts.request,
            strangers: Semaphore::new(refused_at_once(config.limits.requests)),
            open: Semaphore::new(config.limits.requests.saturating_mul(OPEN)),
            places: Semaphore::new(config.limits.requests),
            bodies: Bodies::new(&config.limits),
            packs: answers::room(&config.limits),
        }
    }

    pub(crate) fn service(&self) -> &Service {
        &self.service
    }

    pub(crate) fn audit(&self) -> &Audit {
        &self.audit
    }

    /// The routes, for these callers.
    pub(crate) fn router(self: Arc<Self>, callers: Callers) -> Router {
        Router::new()
            .route("/v1/validate", post(validate))
            .route("/v1/validate/{policy}", post(validate_by))
            .route("/v1/mutate", post(mutate))
            .route("/v1/verify", post(verify))
            .route("/v1/evidence", post(evidence))
            .route("/ratify/gatekeeper/v1/verify", post(ratify))
            .route("/ratify/gatekeeper/v1/mutate", post(mutate))
            .fallback(async || reply::no_route(StatusCode::NOT_FOUND))
            .method_not_allowed_fallback(async || reply::no_route(StatusCode::METHOD_NOT_ALLOWED))
            .with_state(Door { api: self, callers })
    }
}

/// The way in to the handlers, of one listener.
#[derive(Clone)]
struct Door {
    api: Arc<Api>,
    callers: Callers,
}

impl Door {
    /// Takes a request in, has it answered, and accounts for it.
    async fn handle<A, F>(
        &self,
        route: Route,
        policy: Option<String>,
        request: Request,
        answer: A,
    ) -> Response
    where
        A: FnOnce(Asking, Bytes) -> F,
        F: Future<Output = Result<Reply, Rejection>>,
    {
        let started = Instant::now();
        let asking = Asking {
            route,
            policy,
            id: self.api.ids.next(),
            deadline: started + self.api.timeout,
        };
        let id = HeaderValue::try_from(&asking.id).ok();
        // A defect must not take the connection, and the answers of others, with it.
        let reply = AssertUnwindSafe(async {
            // First: who may not ask takes none of the room of those who may.
            let body = self.admit(request, asking.deadline).await?;
            let open = &self.api.open;
            let _open = open.try_acquire().map_err(|_| Rejection::shed())?;
            let (body, _room) = self.api.bodies.read(body, asking.deadline).await?;
            answer(asking, body).await
        })
        .catch_unwind()
        .await;
        let reply = match reply {
            Ok(Ok(reply)) => reply,
            Ok(Err(rejection)) => rejection.reply(route),
            Err(_) => Rejection::failed().reply(route),
        };
        let metrics = &self.api.metrics;
        metrics.request(route, reply.answer, started.into_std());
        if reply.answer != Answer::Answered {
            tracing::warn!(request = ?id, route = route.as_str(), answer = ?reply.answer, why = reply.message, admin_hint = reply.admin_hint, "not answered");
        }
        let mut response = reply.response();
        if let Some(id) = id {
            response.headers_mut().insert("x-request-id", id);
        }
        response
    }

    /// The body of a request whose caller may ask, unread.
    async fn admit(&self, request: Request, deadline: Instant) -> Result<Body, Rejection> {
        if let Err(refusal) = self.callers.admit(request.headers(), deadline).await {
            // Whatever it is: it is thrown away, so that the client reads the answer. Of too many at
            // once the rest are cut off.
            if let Ok(_stranger) = self.api.strangers.try_acquire() {
                let _ = Box::pin(body::read(request.into_body(), 0, deadline)).await;
            }
            return Err(Rejection::caller(&refusal));
        }
        if let Some(activity) = request.extensions().get::<Arc<Activity>>() {
            activity.admit();
        }
        Ok(request.into_body())
    }
}

type Shared = State<Door>;

async fn validate(State(door): Shared, request: Request) -> Response {
    door.handle(Route::Validate, None, request, |asking, body| {
        door.api.validate(asking, body)
    })
    .await
}

async fn validate_by(
    State(door): Shared,
    policy: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let Ok(Path(policy)) = policy else {
        let rejection = Rejection::new(
            StatusCode::BAD_REQUEST,
            "wrong_policy",
            "the policy in the URL is no text: expected /v1/validate/{policy} with a name in UTF-8",
        );
        let refuse = async |_, _| Err(rejection);
        return door.handle(Route::Validate, None, request, refuse).await;
    };
    door.handle(Route::Validate, Some(policy), request, |asking, body| {
        door.api.validate(asking, body)
    })
    .await
}

async fn ratify(State(door): Shared, request: Request) -> Response {
    door.handle(Route::Validate, None, request, |asking, body| {
        door.api.ratify(asking, body)
    })
    .await
}

async fn mutate(State(door): Shared, request: Request) -> Response {
    door.handle(Route::Mutate, None, request, |asking, body| {
        door.api.mutate(asking, body)
    })
    .await
}

async fn verify(State(door): Shared, request: Request) -> Response {
    door.handle(Route::Verify, None, request, |asking, body| {
        door.api.verify(asking, body)
    })
    .await
}

async fn evidence(State(door): Shared, request: Request) -> Response {
    door.handle(Route::Evidence, None, request, |asking, body| {
        door.api.evidence(asking, body)
    })
    .await
}

/// JSON, whatever happens.
fn json(status: StatusCode, body: Bytes) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}
