//! From a request to its answer: faults, authentication, then the endpoint.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use http::{Method, StatusCode};

use super::error::Refusal;
use super::fault::{Firing, Phase};
use super::request::{Call, Endpoint};
use super::server::ConnectionReset;
use super::shared::Shared;
use super::{blobs, manifests, misbehave, referrers, tags, upload};

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(answer).with_state(shared)
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<ConnectionReset>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let call = Call::new(parts);
    shared.record(call.record());
    for firing in shared.firing(&call, Phase::Before) {
        let gatekeeper = &shared.gatekeeper;
        let instead = misbehave::before(&firing.fault, &call, gatekeeper, &connection).await;
        if let Some(answer) = instead {
            return answer;
        }
    }
    if let Some(challenge) = shared.gatekeeper.refusal(&call) {
        return challenge;
    }
    let faults = shared.firing(&call, Phase::Answer);
    let answer = serve(&shared, &call, body, &faults)
        .await
        .unwrap_or_else(Refusal::into_response);
    misbehave::after(&faults, &call, answer).await
}

async fn serve(
    shared: &Shared,
    call: &Call,
    body: Body,
    faults: &[Firing],
) -> Result<Response, Refusal> {
    match (&call.method, &call.endpoint) {
        (_, Endpoint::Token) => shared.gatekeeper.issue(call, body).await,
        (&Method::GET | &Method::HEAD, Endpoint::Base) => Ok(StatusCode::OK.into_response()),
        (
            _,
            Endpoint::Manifest {
                repository,
                reference,
            },
        ) => manifests::serve(shared, call, repository, reference, body, faults).await,
        (_, Endpoint::Blob { repository, digest }) => {
            blobs::serve(shared, call, repository, digest)
        }
        (&Method::POST, Endpoint::Uploads { repository }) => {
            upload::begin(shared, call, repository, body).await
        }
        (_, Endpoint::Upload { repository, id }) => {
            upload::serve(shared, call, repository, id, body).await
        }
        (&Method::GET, Endpoint::Tags { repository }) => tags::list(shared, call, repository),
        (&Method::GET, Endpoint::Referrers { repository, digest }) => {
            referrers::list(shared, call, repository, digest, faults)
        }
        (_, Endpoint::Other) => Err(Refusal::not_found("NOT_FOUND", "no such endpoint")),
        _ => Err(unsupported(call)),
    }
}

/// 405, for methods that an endpoint does not have.
pub(crate) fn unsupported(call: &Call) -> Refusal {
    let message = format!("{} is not supported here", call.method);
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", message)
}
