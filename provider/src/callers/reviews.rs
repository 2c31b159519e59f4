//! Lets callers in whose tokens are good, made for us, and of a user that is listed.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use moka::sync::Cache;
use sealgate_core::Digest;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

use super::api_server::{ApiServer, Review, SetupError};
use super::bearer::Bearer;
use super::refusal::{Refusal, ReviewError};
use crate::clock::Clock;
use crate::config::{TokenCache, TokenReview};
use crate::flight::Flights;
use crate::observe::metrics::{Metrics, Reviewed};

/// Answers that are kept of each kind.
const MOST_KEPT: u64 = 1024;
/// Reviews at once: who sends made-up tokens shall not wear out the API server.
const MOST_AT_ONCE: usize = 32;

/// Reviews of tokens, and what is known of them.
pub(crate) struct TokenReviews {
    shared: Arc<Shared>,
    flights: Flights<Digest, Result<(), Refusal>>,
}

struct Shared {
    server: ApiServer,
    audiences: Vec<String>,
    users: Vec<String>,
    timeout: Duration,
    keep: TokenCache,
    /// Apart, so that made-up tokens push out no good ones.
    allowed: Cache<Digest, Known>,
    refused: Cache<Digest, Known>,
    slots: Semaphore,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

/// What the API server said of a token.
#[derive(Clone)]
struct Known {
    answer: Result<(), Refusal>,
    /// When, by the monotonic clock.
    at: Duration,
}

impl TokenReviews {
    pub(super) fn new(
        config: &TokenReview,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, SetupError> {
        let cache = |keep: Duration| {
            let cache = Cache::builder().max_capacity(MOST_KEPT);
            cache.time_to_live(keep).build()
        };
        let shared = Shared {
            server: ApiServer::new(config, |name| std::env::var(name).ok())?,
            audiences: config.audiences.clone(),
            users: config.users.clone(),
            timeout: config.timeout,
            keep: config.cache.clone(),
            allowed: cache(config.cache.allow),
            refused: cache(config.cache.deny),
            slots: Semaphore::new(MOST_AT_ONCE),
            clock,
            metrics,
        };
        Ok(Self {
            shared: Arc::new(shared),
            flights: Flights::new(),
        })
    }

    /// Whether the sender of a request with these headers may ask, found out before `deadline`.
    /// The review goes on after that, for the next request.
    pub(super) async fn admit(
        &self,
        headers: &HeaderMap,
        deadline: Instant,
    ) -> Result<(), Refusal> {
        let token = Bearer::of(headers)?;
        let key = token.digest();
        if let Some(answer) = self.shared.known(&key) {
            return answer;
        }
        let shared = Arc::clone(&self.shared);
        let review = self.flights.join(&key, || shared.answer(token));
        match timeout_at(deadline, review).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(ReviewError::Crashed.into()),
            Err(_) => Err(ReviewError::Deadline.into()),
        }
    }
}

impl Shared {
    /// What is known of a token, if it was found out lately.
    fn known(&self, key: &Digest) -> Option<Result<(), Refusal>> {
        let now = self.clock.monotonic();
        let young = |known: &Known, keep: Duration| now.saturating_sub(known.at) < keep;
        let allowed = self.allowed.get(key);
        let known = allowed
            .filter(|known| young(known, self.keep.allow))
            .or_else(|| {
                let refused = self.refused.get(key);
                refused.filter(|known| young(known, self.keep.deny))
            });
        known.map(|known| known.answer)
    }

    /// Has a token reviewed, and keeps the answer if there is one.
    async fn answer(self: Arc<Self>, token: Bearer) -> Result<(), Refusal> {
        let key = token.digest();
        // It may have been reviewed since the caller looked.
        if let Some(answer) = self.known(&key) {
            return answer;
        }
        let at = self.clock.monotonic();
        let answer = self.ask(&token).await;
        let known = Known {
            answer: answer.clone(),
            at,
        };
        let (result, cache) = match &answer {
            Ok(()) => (Reviewed::Allowed, Some(&self.allowed)),
            Err(Refusal::Unreviewed(_)) => (Reviewed::Failed, None),
            Err(_) => (Reviewed::Refused, Some(&self.refused)),
        };
        self.metrics.token_review(result);
        if let Some(cache) = cache {
            cache.insert(key, known);
        }
        answer
    }

    async fn ask(&self, token: &Bearer) -> Result<(), Refusal> {
        let _slot = self.slots.try_acquire().map_err(|_| ReviewError::Busy)?;
        let review = timeout(self.timeout, self.server.review(token, &self.audiences)).await;
        self.admitted(review.map_err(|_| ReviewError::Deadline)??)
    }

    fn admitted(&self, review: Review) -> Result<(), Refusal> {
        let Review::Authenticated { user, audiences } = review else {
            return Err(Refusal::NotAuthenticated {
                audiences: self.audiences.clone(),
            });
        };
        // An API server that does not look at audiences names none: then the token may be
        // meant for anybody.
        if !audiences.iter().any(|one| self.audiences.contains(one)) {
            return Err(Refusal::Audience {
                audiences: self.audiences.clone(),
                found: audiences,
            });
        }
        if !self.users.contains(&user) {
            return Err(Refusal::User { user });
        }
        Ok(())
    }
}
