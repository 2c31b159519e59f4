//! Why a command has no verdict.

use crate::collect::CollectError;
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
