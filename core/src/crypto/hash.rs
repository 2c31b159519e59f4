//! The hash functions that signatures and digests are made with.

use std::{fmt, io};

use sha2::Digest as _;

use super::backend;
use crate::budget::{self, Work};

/// A hash function of the SHA-2 family.
///
/// SHA-1 and SHA-224 are left out on purpose: no signature made with them is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hash {
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-384, 48 bytes.
    Sha384,
    /// SHA-512, 64 bytes.
    Sha512,
}

impl Hash {
    /// Every hash function known.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// The name used in digests and policies: `sha256`, `sha384`, `sha512`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// The hash function of that [`name`](Self::name), exactly as written there.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hash| hash.name() == name)
    }

    /// Length of the output in bytes.
    pub const fn output_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// Hashes `data`; the result has [`output_len`](Self::output_len) bytes.
    pub fn digest(self, data: &[u8]) -> Vec<u8> {
        // Beyond the limit the digest is made all the same, and what comes of it does not count.
        let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
        let _ = budget::charge(Work::HashedBytes, length);
        backend::active().digest(self, data)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Hashes with SHA-256 whatever is written to it.
#[derive(Clone, Debug, Default)]
pub struct Sha256Writer(sha2::Sha256);

impl Sha256Writer {
    /// The hash of all that was written.
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

impl io::Write for Sha256Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// SHA-256 of `data`.
pub fn sha256(data: &[u8]) -> [u8; 32] {
    fixed(Hash::Sha256, data)
}

/// SHA-384 of `data`.
pub fn sha384(data: &[u8]) -> [u8; 48] {
    fixed(Hash::Sha384, data)
}

/// SHA-512 of `data`.
pub fn sha512(data: &[u8]) -> [u8; 64] {
    fixed(Hash::Sha512, data)
}

fn fixed<const N: usize>(hash: Hash, data: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&hash.digest(data));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    // FIPS 180-2, appendices B.1, C.1 and D.1: the message "abc".
    #[test]
    fn the_standards_example_hashes_as_printed_there() {
        assert_eq!(
            hex::encode(sha256(b"abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            hex::encode(sha384(b"abc")),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
             8086072ba1e7cc2358baeca134c825a7"
        );
        assert_eq!(
            hex::encode(sha512(b"abc")),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        );
    }

    #[test]
    fn names_and_lengths_agree_with_the_output() {
        for hash in Hash::ALL {
            assert_eq!(Hash::from_name(hash.name()), Some(hash));
            assert_eq!(hash.digest(b"x").len(), hash.output_len());
        }
        assert_eq!(Hash::from_name("sha1"), None);
        assert_eq!(Hash::from_name("SHA256"), None);
    }
}
