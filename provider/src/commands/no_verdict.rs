//! Why a command has no verdict.

use crate::registry::RegistryError;

/// Why there is no verdict.
pub(super) struct NoVerdict {
    /// The stable code.
    pub(super) code: &'static str,
    /// The sentence.
    pub(super) message: String,
}

impl From<RegistryError> for NoVerdict {
    fn from(error: RegistryError) -> Self {
        Self {
            code: error.code(),
            message: error.to_string(),
        }
    }
}
