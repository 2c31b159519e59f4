//! Content digests, computed from the bytes.

use aws_lc_rs::digest::{SHA256, SHA512, digest};

/// `sha256:` and the lower-case hexadecimal hash of `bytes`.
pub fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(digest(&SHA256, bytes)))
}

/// The digest of `bytes` with the algorithm that `like` names; `None` if it is neither SHA-256
/// nor SHA-512.
pub(crate) fn same_algorithm(like: &str, bytes: &[u8]) -> Option<String> {
    match like.split_once(':')?.0 {
        "sha256" => Some(sha256(bytes)),
        "sha512" => Some(format!("sha512:{}", hex::encode(digest(&SHA512, bytes)))),
        _ => None,
    }
}
