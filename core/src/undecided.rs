//! Why no verdict could be made. Never a statement about the image.

/// What was missing to decide.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Undecided {
    /// A policy names a Sigstore trust root that was not supplied.
    #[error(
        "the policy {policy:?} needs the trust root {root:?}, which is not loaded: \
         configure it under trustRoots, or supply it with --trust-root {root}=FILE"
    )]
    TrustRootMissing {
        /// The policy (or policy and authority).
        policy: String,
        /// The name of the trust root.
        root: String,
    },
    /// A policy names a trust store that was not supplied.
    #[error(
        "the policy {policy:?} needs the trust store {store:?}, which is not loaded: \
         put its certificates into the directory given by trustStores or --trust-store"
    )]
    TrustStoreMissing {
        /// The policy (or policy and authority).
        policy: String,
        /// The name of the trust store.
        store: String,
    },
    /// The request names a policy that does not exist.
    #[error("there is no policy named {0:?}")]
    PolicyUnknown(String),
}

impl Undecided {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TrustRootMissing { .. } => "trust_root_missing",
            Self::TrustStoreMissing { .. } => "trust_store_missing",
            Self::PolicyUnknown(_) => "policy_unknown",
        }
    }
}
