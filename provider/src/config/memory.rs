//! How much memory a configuration can come to take.

use super::{Cache, Config, Limits};

/// Bytes that judging evidence takes for a moment, for each byte of it: its JSON, decoded and read.
const JUDGED: u64 = 4;
/// Bytes that a connection takes: its buffers, and the keys of its TLS.
const CONNECTION: u64 = 64 << 10;
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
            ..
        } = self.limits;
        let listeners = u64::try_from(self.listeners.len()).unwrap_or(u64::MAX);
        let connections = u64::try_from(connections).unwrap_or(u64::MAX);
        let times = u64::saturating_mul;
        vec![
            ("cache.verdictBytes", verdict_bytes),
            ("cache.evidenceBytes", evidence_bytes),
            ("cache.tagBytes", tag_bytes),
            ("limits.fetchBytes", fetch_bytes),
            (
                "limits.imageBytes, as they are judged",
                times(image_bytes, JUDGED),
            ),
            ("limits.bodiesBytes", bodies_bytes),
            // Once more while the answer is put together.
            ("limits.evidenceBytes, twice", times(packs, 2)),
            (
                "limits.connections",
                times(times(connections, listeners), CONNECTION),
            ),
            ("what has no setting", FIXED + PROGRAM),
        ]
    }
}
