//! Sigstore trust roots: certificate authorities, logs and timestamp authorities.

use crate::digest::Digest;

/// A Sigstore trust root.
#[derive(Clone, Debug)]
pub struct SigstoreRoot {
    revision: Digest,
}

impl SigstoreRoot {
    /// A digest over the whole root.
    pub fn revision(&self) -> Digest {
        self.revision
    }
}
