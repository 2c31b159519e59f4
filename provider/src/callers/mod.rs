//! Who may ask, on listeners that take tokens in place of client certificates.
//!
//! Kyverno shows no client certificate, but sends a token of its ServiceAccount. Whose token it
//! is, only the API server knows: it is asked by a TokenReview (`authentication.k8s.io/v1`),
//! as every extension of Kubernetes does. What it says is kept for a short time.
//!
//! A token is a password. It is held only while it is reviewed, is known by its digest after
//! that, and can be printed by nothing here.

mod api_server;
mod bearer;
mod refusal;
mod reviews;

use std::sync::Arc;

use axum::http::HeaderMap;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::config::Listener;
use crate::observe::metrics::Metrics;

pub(crate) use api_server::SetupError;
pub(crate) use refusal::Refusal;
use reviews::TokenReviews;

/// Who may ask on a listener.
#[derive(Clone)]
pub(crate) enum Callers {
    /// Everybody whom the TLS handshake has let in.
    Anyone,
    /// Whoever shows a token of a user that is listed.
    TokenHolders(Arc<TokenReviews>),
}

impl Callers {
    /// As the listener's configuration has it.
    pub(crate) fn new(
        listener: &Listener,
        clock: &Arc<dyn Clock>,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, SetupError> {
        let Some(config) = &listener.token_review else {
            return Ok(Self::Anyone);
        };
        let reviews = TokenReviews::new(config, Arc::clone(clock), Arc::clone(metrics))?;
        Ok(Self::TokenHolders(Arc::new(reviews)))
    }

    /// Whether the sender of a request with these headers may ask, found out before `deadline`.
    pub(crate) async fn admit(
        &self,
        headers: &HeaderMap,
        deadline: Instant,
    ) -> Result<(), Refusal> {
        match self {
            Self::Anyone => Ok(()),
            Self::TokenHolders(reviews) => Box::pin(reviews.admit(headers, deadline)).await,
        }
    }
}
