//! What becomes of a question.

use std::sync::Arc;
use std::time::Duration;

use super::cache::CachedVerdict;
use super::undecided::Undecided;
use crate::collect::CollectError;
use crate::flight::Crashed;
use crate::observe::metrics::CacheStatus;
use crate::question::KeyError;
use crate::registry::Cause;

/// A decision about one image.
#[derive(Clone, Debug)]
pub(crate) struct Decision {
    pub(crate) judged: Arc<CachedVerdict>,
    /// Where it comes from.
    pub status: CacheStatus,
    /// How long ago the registry was asked.
    pub age: Duration,
}

/// Why there is no decision.
#[derive(Clone, Debug)]
pub(crate) enum NoDecision {
    /// The question itself is wrong: it stays without an answer.
    Question(KeyError),
    /// It could not be found out; it may be next time.
    Undecided(Undecided),
}

impl From<Undecided> for NoDecision {
    fn from(undecided: Undecided) -> Self {
        Self::Undecided(undecided)
    }
}

impl From<Crashed> for NoDecision {
    fn from(_: Crashed) -> Self {
        Self::Undecided(Undecided::Crashed)
    }
}

impl From<CollectError> for NoDecision {
    fn from(error: CollectError) -> Self {
        match error {
            CollectError::ImageNotFound { image, .. } => {
                Self::Question(KeyError::ImageNotFound(image))
            }
            CollectError::Undecided(error) if error.cause() == Cause::Overloaded => {
                Self::Undecided(Undecided::Overloaded)
            }
            CollectError::Undecided(error) => Self::Undecided(Undecided::Registry(error)),
        }
    }
}
