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
pub type ResolveKey<'a> = &'a dyn Fn(&KeySource) -> Result<Vec<u8>, String>;

/// Refuses the keys that are not in the policy itself: for callers without files.
pub fn only_inline_keys(source: &KeySource) -> Result<Vec<u8>, String> {
    Err(format!(
        "the file {:?} cannot be read here: put the key into `data`",
        source.path
    ))
}
