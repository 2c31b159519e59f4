//! Content digests as OCI writes them: `sha256:` or `sha512:` and lower-case hex.
//!
//! Grammar: OCI image-spec v1.1, `descriptor.md`, "Digests". Only the two
//! registered algorithms are accepted, and only in their canonical spelling, so
//! that a digest can go into a URL or a cache key as it is.

use std::fmt;
use std::str::FromStr;

use crate::crypto;
use serde::{Deserialize, Serialize};

/// The digest of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Digest {
    /// SHA-256, 32 bytes.
    Sha256([u8; 32]),
    /// SHA-512, 64 bytes.
    Sha512([u8; 64]),
}

/// The digest algorithms that OCI registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Digest {
    /// Hashes `bytes` with SHA-256.
    pub fn sha256(bytes: &[u8]) -> Self {
        Self::Sha256(crypto::sha256(bytes))
    }

    /// Hashes `bytes` with the given algorithm.
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::sha256(bytes),
            Algorithm::Sha512 => Self::Sha512(crypto::sha512(bytes)),
        }
    }

    /// The algorithm of this digest.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::Sha256(_) => Algorithm::Sha256,
            Self::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// The algorithm's name as in-toto and OCI spell it: `sha256` or `sha512`.
    pub fn algorithm_name(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "sha256",
            Self::Sha512(_) => "sha512",
        }
    }

    /// The raw hash.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Sha256(bytes) => bytes,
            Self::Sha512(bytes) => bytes,
        }
    }

    /// The hash in lower-case hex, without the algorithm.
    pub fn hex(&self) -> String {
        hex::encode(self.as_bytes())
    }

    /// Whether `bytes` have this digest.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        Self::of(self.algorithm(), bytes) == *self
    }

    /// The tag under which cosign and the OCI referrers fallback keep what
    /// belongs to this digest: `sha256-<hex>`, to which cosign adds `.sig` or `.att`.
    pub fn tag_prefix(&self) -> String {
        format!("{}-{}", self.algorithm_name(), self.hex())
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (algorithm, hash) = text
            .split_once(':')
            .ok_or_else(|| DigestError::NoAlgorithm(shorten(text)))?;
        match algorithm {
            "sha256" => decode_hash(hash).map(Self::Sha256),
            "sha512" => decode_hash(hash).map(Self::Sha512),
            _ => Err(DigestError::Algorithm(shorten(algorithm))),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm_name(), self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

/// Why a text is not a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// No colon between algorithm and hash.
    #[error("expected a digest such as sha256:<64 hex digits>, found {0:?}")]
    NoAlgorithm(String),
    /// An algorithm that OCI does not register.
    #[error("expected a digest of algorithm sha256 or sha512, found algorithm {0:?}")]
    Algorithm(String),
    /// A hash of the wrong length or alphabet.
    #[error("expected {expected} lower-case hex digits in a digest, found {found:?}")]
    Hash {
        /// How many digits the algorithm has.
        expected: usize,
        /// What was there, shortened.
        found: String,
    },
}

fn decode_hash<const N: usize>(hash: &str) -> Result<[u8; N], DigestError> {
    let wrong = || DigestError::Hash {
        expected: 2 * N,
        found: shorten(hash),
    };
    let lower_hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    if hash.len() != 2 * N || !hash.bytes().all(lower_hex) {
        return Err(wrong());
    }
    let mut bytes = [0; N];
    hex::decode_to_slice(hash, &mut bytes).map_err(|_| wrong())?;
    Ok(bytes)
}

/// Keeps hostile text out of messages beyond what helps a reader.
fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn canonical_digests_survive_a_round_trip() {
        for digest in [Digest::sha256(b"x"), Digest::of(Algorithm::Sha512, b"x")] {
            assert_eq!(digest.to_string().parse(), Ok(digest));
            assert!(digest.matches(b"x"));
            assert!(!digest.matches(b"y"));
            assert_eq!(format!("{digest:?}"), digest.to_string());
        }
    }

    #[test]
    fn a_message_shows_the_beginning_of_what_is_no_digest() {
        let hostile = "f".repeat(5000);
        for text in [
            hostile.clone(),
            format!("{hostile}:00"),
            format!("sha256:{hostile}"),
        ] {
            let said = text.parse::<Digest>().unwrap_err().to_string();
            let shown = said.bytes().filter(|byte| *byte == b'f').count();
            assert!((80..100).contains(&shown), "{said}");
        }
    }

    #[test]
    fn odd_spellings_are_refused_cve_2024_3727_atk_20() {
        let good = Digest::sha256(b"x").to_string();
        let upper = good.to_uppercase().replace("SHA256", "sha256");
        for bad in [
            "sha256:../../etc/passwd",
            "sha256-aa",
            "md5:d41d8cd98f00b204e9800998ecf8427e",
            "sha256:",
            &upper,
            &good[..good.len() - 1],
            &format!("{good}0"),
            &format!(" {good}"),
        ] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }
}
