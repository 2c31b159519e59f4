//! Why a command has no verdict.

use sealgate_core::Undecided;
use sealgate_core::evidence::QuestionError;

use crate::collect::CollectError;
use crate::question::KeyError;
use crate::registry::RegistryError;

/// Why there is no verdict.
#[derive(Clone)]
pub(super) struct NoVerdict {
    /// The stable code.
    pub(super) code: &'static str,
    /// The sentence.
    pub(super) message: String,
    /// What only whoever runs sealgate, or this command, can do about it.
    pub(super) admin_hint: Option<&'static str>,
}

impl From<RegistryError> for NoVerdict {
    fn from(error: RegistryError) -> Self {
        Self {
            code: error.code(),
            message: error.to_string(),
            admin_hint: error.admin_hint(),
        }
    }
}

impl From<Undecided> for NoVerdict {
    fn from(undecided: Undecided) -> Self {
        Self::without_hint(undecided.code(), &undecided)
    }
}

impl From<QuestionError> for NoVerdict {
    fn from(error: QuestionError) -> Self {
        Self::without_hint(error.code(), &error)
    }
}

impl From<KeyError> for NoVerdict {
    fn from(error: KeyError) -> Self {
        Self::without_hint(error.code(), &error)
    }
}

impl NoVerdict {
    fn without_hint(code: &'static str, message: &impl ToString) -> Self {
        Self {
            code,
            message: message.to_string(),
            admin_hint: None,
        }
    }
}

impl From<CollectError> for NoVerdict {
    fn from(error: CollectError) -> Self {
        Self {
            code: error.code(),
            message: error.to_string(),
            admin_hint: match &error {
                CollectError::Undecided(error) => error.admin_hint(),
                CollectError::ImageNotFound { .. } => None,
            },
        }
    }
}
