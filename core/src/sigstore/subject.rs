//! The artifact that a signature must be for.

use crate::crypto::Hash;
use crate::digest::{Algorithm, Digest};

/// An artifact: its digest, and its bytes where they are at hand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    /// The digest by which it is known.
    pub(crate) digest: Digest,
    /// The bytes. Their digest is `digest`.
    pub(crate) bytes: Option<&'a [u8]>,
}

impl Subject<'_> {
    /// Its digest under another hash, if that can be known.
    pub(crate) fn digest(&self, hash: Hash) -> Option<Vec<u8>> {
        let own = match self.digest.algorithm() {
            Algorithm::Sha256 => Hash::Sha256,
            Algorithm::Sha512 => Hash::Sha512,
        };
        match self.bytes {
            _ if own == hash => Some(self.digest.as_bytes().to_vec()),
            Some(bytes) => Some(hash.digest(bytes)),
            None => None,
        }
    }
}
