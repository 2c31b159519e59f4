//! Keys that stand elsewhere than in their policy.

/// Where a policy says that a key is, if not in the policy itself: `file: PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySource {
    /// The policy file that names it.
    pub policy_file: String,
    /// The path as written, relative to the policy's own file.
    pub path: String,
}

/// Fetches the bytes of a key that is not in the policy itself; or says why it can't.
pub type ResolveKey<'a> = &'a dyn Fn(&KeySource) -> Result<Vec<u8>, KeySourceError>;

/// Why a key that is not in its policy cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeySourceError {
    /// Whoever reads the policy has no files.
    #[error("the file {0:?} cannot be read here: put the key into `data`")]
    NoFiles(String),
    /// The file cannot be read.
    #[error("{file}: {why}")]
    Unreadable {
        /// Where it was looked for.
        file: String,
        /// What the system says.
        why: String,
    },
}

/// Refuses the keys that are not in the policy itself: for callers without files.
///
/// # Errors
/// Always: [`KeySourceError::NoFiles`].
pub fn only_inline_keys(source: &KeySource) -> Result<Vec<u8>, KeySourceError> {
    Err(KeySourceError::NoFiles(source.path.clone()))
}
