//! A question: is this signature for this artifact by somebody trusted?

use crate::target::Target;
use crate::time::UnixTime;
use crate::trust::{SigstoreRoot, TrustMaterial};
use crate::undecided::Undecided;

/// What a signature is judged with.
pub(super) struct Case<'a> {
    /// The artifact that it must be for.
    pub(super) target: Target<'a>,
    /// The anchors.
    pub(super) trust: &'a TrustMaterial,
    /// The time of the verdict.
    pub(super) now: UnixTime,
    /// `policy/authority`, as verdicts name it.
    pub(super) authority_name: String,
}

impl Case<'_> {
    /// The trust root of this name.
    pub(super) fn root(&self, name: &str) -> Result<&SigstoreRoot, Undecided> {
        self.trust
            .root(name)
            .ok_or_else(|| Undecided::TrustRootMissing {
                policy: self.authority_name.clone(),
                root: name.to_owned(),
            })
    }
}
