//! Hashing, which is counted.

use std::io;

use sha2::Digest as _;

use super::{Hash, backend};
use crate::budget::{self, Work};

impl Hash {
    /// Hashes `data`; the result has [`output_len`](Self::output_len) bytes.
    pub fn digest(self, data: &[u8]) -> Vec<u8> {
        // Beyond the limit the digest is made all the same, and what comes of it does not count.
        let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
        let _ = budget::charge(Work::HashedBytes, length);
        backend::active().digest(self, data)
    }
}

/// Hashes with SHA-256 whatever is written to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sha256Writer(sha2::Sha256);

impl Sha256Writer {
    /// The hash of all that was written.
    pub(crate) fn finish(self) -> [u8; 32] {
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
#[cfg(any(test, feature = "internals"))]
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
            assert_eq!(Hash::from_name(hash.as_str()), Some(hash));
            assert_eq!(hash.digest(b"x").len(), hash.output_len());
        }
        assert_eq!(Hash::from_name("sha1"), None);
        assert_eq!(Hash::from_name("SHA256"), None);
    }
}
