//! How much memory a configuration can come to take.

use sealgate_core::limits::HELD_BYTES;

use super::{Cache, Config, Limits};

/// Bytes that judging evidence takes for a moment, for each byte of it: its JSON, decoded and read.
const JUDGED: u64 = 4;

/// Bytes that the buffers of one connection take: TLS, and a head in HTTP/1.1.
const BUFFER_BYTES: u64 = 64 << 10;

/// Bytes of bodies that one HTTP/2 connection holds for us to read, for all its requests together:
/// the least that RFC 9113, section 6.9.2, allows. A body of a megabyte takes some twenty rounds.
pub(crate) const WINDOW_BYTES: u32 = (64 << 10) - 1;

/// Bytes of a request's head in HTTP/2, decompressed, and as many again of its body, for each request
/// that is open.
pub(crate) const HEAD_BYTES: u32 = 8 << 10;

/// How many requests are open for each one that may wait: what is answered from the caches is soon
/// done, and needs no other place.
pub(crate) const OPEN: usize = 3;

/// How many requests that are refused are read to their end at once.
pub(crate) fn refused_at_once(requests: usize) -> usize {
    (requests / 2).max(1)
}

/// What has bounds of its own: tokens and challenges, answers about revocation, lines of the audit
/// log, manifests that are being read.
const FIXED: u64 = (18 + 32 + 16 + 64) << 20;
/// The program with its policies and trust roots.
const PROGRAM: u64 = 48 << 20;

impl Config {
    /// The most memory that each part takes, by the names of its limits. A part that is used less
    /// leaves room, but that is not to be counted on: whoever may create Pods decides on it.
    pub fn memory(&self) -> Vec<(&'static str, u64)> {
        let Cache {
            verdict_bytes,
            evidence_bytes,
            tag_bytes,
            ..
        } = self.cache;
        let Limits {
            image_bytes,
            fetch_bytes,
            bodies_bytes,
            evidence_bytes: packs,
            connections,
            requests,
            ..
        } = self.limits;
        let listeners = u64::try_from(self.listeners.len()).unwrap_or(u64::MAX);
        let connections = u64::try_from(connections).unwrap_or(u64::MAX);
        let open = u64::try_from(
            requests
                .saturating_mul(OPEN)
                .saturating_add(refused_at_once(requests)),
        )
        .unwrap_or(u64::MAX);
        let connection = BUFFER_BYTES + u64::from(WINDOW_BYTES);
        let times = u64::saturating_mul;
        vec![
            ("cache.verdictBytes", verdict_bytes),
            ("cache.evidenceBytes", evidence_bytes),
            ("cache.tagBytes", tag_bytes),
            ("limits.fetchBytes", fetch_bytes),
            (
                "limits.imageBytes, as they are judged",
                // Of one image, or of the statement that its conditions look at.
                times(image_bytes, JUDGED).max(HELD_BYTES),
            ),
            ("limits.bodiesBytes", bodies_bytes),
            // Once more while the answer is put together.
            ("limits.evidenceBytes, twice", times(packs, 2)),
            (
                "limits.connections",
                times(times(connections, listeners), connection),
            ),
            (
                "limits.requests, their heads and small bodies",
                times(open, u64::from(HEAD_BYTES) * 2),
            ),
            ("what has no setting", FIXED + PROGRAM),
        ]
    }
}
