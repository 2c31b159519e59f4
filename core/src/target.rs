//! The artifact that a signature must be for.

use crate::crypto::Hash;
use crate::digest::{Algorithm, Digest};
use crate::evidence::{self, Blob};

/// An artifact: its digest, and its bytes where they are at hand, which have that digest.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    digest: Digest,
    content: Content<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Content<'a> {
    Blob(&'a Blob),
    Bytes(&'a [u8]),
    Unknown,
}

impl<'a> Target<'a> {
    /// An image: its manifest.
    pub(crate) fn image(subject: &'a evidence::Subject) -> Self {
        Self {
            digest: subject.digest(),
            content: Content::Blob(&subject.manifest),
        }
    }

    /// A file.
    pub(crate) fn bytes_of(bytes: &'a [u8]) -> Self {
        Self {
            digest: Digest::sha256(bytes),
            content: Content::Bytes(bytes),
        }
    }

    /// Something of which nothing is known but its digest.
    pub(crate) fn known_by(digest: Digest) -> Self {
        Self {
            digest,
            content: Content::Unknown,
        }
    }

    /// The digest by which it is known.
    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> Option<&'a [u8]> {
        match self.content {
            Content::Blob(blob) => Some(blob.bytes()),
            Content::Bytes(bytes) => Some(bytes),
            Content::Unknown => None,
        }
    }

    /// Its digest by SHA-512, if it is a file whose bytes are at hand: an image has one digest.
    pub(crate) fn file_sha512(&self) -> Option<Digest> {
        match self.content {
            Content::Bytes(bytes) => Some(Digest::of(Algorithm::Sha512, bytes)),
            Content::Blob(_) | Content::Unknown => None,
        }
    }

    /// What messages call it.
    pub(crate) fn kind(&self) -> &'static str {
        match self.content {
            Content::Blob(_) => "image",
            Content::Bytes(_) | Content::Unknown => "file",
        }
    }

    /// Its hash, if that can be known.
    pub(crate) fn hash(&self, hash: Hash) -> Option<Vec<u8>> {
        let own = match self.digest.algorithm() {
            Algorithm::Sha256 => Hash::Sha256,
            Algorithm::Sha512 => Hash::Sha512,
        };
        match self.bytes() {
            _ if own == hash => Some(self.digest.as_bytes().to_vec()),
            Some(bytes) => Some(hash.digest(bytes)),
            None => None,
        }
    }

    /// Whether this is its digest, by whatever algorithm.
    pub(crate) fn has(&self, digest: &Digest) -> bool {
        match self.content {
            _ if self.digest.algorithm() == digest.algorithm() => self.digest == *digest,
            Content::Blob(blob) => blob.digest_like(digest) == *digest,
            Content::Bytes(bytes) => digest.matches(bytes),
            Content::Unknown => false,
        }
    }
}
