//! Keys that stand elsewhere than in their policy.

/// Where a policy says that a key is, if not in the policy itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySource {
    /// `file: PATH`, as written. Relative to the policy's own file.
    File {
        /// The policy file that names it.
        policy_file: String,
        /// The path as written.
        path: String,
    },
    /// `secret: {name, key}`: an entry of a Kubernetes Secret.
    Secret {
        /// The Secret's name.
        name: String,
        /// The entry.
        key: String,
    },
}

/// Fetches the bytes of a key that is not in the policy itself; or says why it can't.
pub type ResolveKey<'a> = &'a dyn Fn(&KeySource) -> Result<Vec<u8>, String>;

/// Refuses the keys that are not in the policy itself: for callers without files.
pub fn only_inline_keys(source: &KeySource) -> Result<Vec<u8>, String> {
    Err(match source {
        KeySource::File { path, .. } => {
            format!("the file {path:?} cannot be read here: put the key into `data`")
        }
        KeySource::Secret { name, .. } => {
            format!("the Secret {name:?} cannot be read here: put the key into `data`")
        }
    })
}
