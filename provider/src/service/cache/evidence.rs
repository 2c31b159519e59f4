//! The evidence of images, so that another policy can judge it without the network.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use sealgate_core::Digest;
use sealgate_core::evidence::{Artifact, Blob, Evidence};
use sealgate_core::reference::Repository;

use super::weight;
use crate::collect::Wanted;
use crate::registry::{RegistryError, Room};

/// The evidence of images.
#[derive(Debug)]
pub(crate) struct EvidenceCache {
    entries: Cache<EvidenceKey, Fetched>,
}

/// What evidence depends on. The repository is part of it: credentials differ, and so do
/// the signatures that lie beside the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct EvidenceKey {
    pub(crate) repository: Repository,
    pub(crate) digest: Digest,
}

/// Evidence and its age. Its request is that of whoever asked first.
#[derive(Clone, Debug)]
pub(crate) struct Fetched {
    pub(crate) evidence: Arc<Evidence>,
    /// Where was looked.
    pub(crate) places: Wanted,
    /// When it was asked for, by the monotonic clock.
    pub(crate) at: Duration,
    /// What it takes of the bytes that may be held, until its verdict exists. None in the cache,
    /// which has bytes of its own.
    pub(crate) rooms: Arc<Vec<Room>>,
    /// Why there may be more beside the image than is in it.
    pub(crate) doubt: Option<RegistryError>,
}

impl EvidenceCache {
    pub(crate) fn new(bytes: u64, keep: Duration) -> Self {
        let entries = Cache::builder()
            .name("evidence")
            .max_capacity(bytes)
            .weigher(|_: &EvidenceKey, fetched: &Fetched| weight(size(&fetched.evidence)))
            .time_to_live(keep)
            .build();
        Self { entries }
    }

    /// What was fetched last, of whatever age.
    pub(crate) fn get(&self, key: &EvidenceKey) -> Option<Fetched> {
        self.entries.get(key)
    }

    pub(crate) fn insert(&self, key: EvidenceKey, fetched: Fetched) {
        let rooms = Arc::default();
        self.entries.insert(key, Fetched { rooms, ..fetched });
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.entries.weighted_size()
    }

    pub(crate) fn len(&self) -> u64 {
        self.entries.entry_count()
    }
}

/// The bytes that some evidence takes, roughly.
pub(crate) fn size(evidence: &Evidence) -> usize {
    let blob = |blob: &Blob| blob.bytes().len() + size_of::<Blob>() + 16;
    let artifact = |artifact: &Artifact| {
        blob(&artifact.manifest)
            + artifact.blobs.iter().map(blob).sum::<usize>()
            + artifact
                .omitted
                .iter()
                .map(|o| o.why.len() + 100)
                .sum::<usize>()
            + size_of::<Artifact>()
    };
    let platforms = evidence.platforms.iter().map(|platform| {
        let omitted = platform.omitted.iter().map(|o| o.why.len() + 100);
        200 + blob(&platform.manifest)
            + platform.artifacts.iter().map(artifact).sum::<usize>()
            + omitted.sum::<usize>()
    });
    let revocation = evidence.revocation.iter().map(|answer| {
        200 + answer.url.len() + answer.outcome.as_ref().map_or_else(|why| why.0.len(), blob)
    });
    600 + blob(&evidence.subject.manifest)
        + evidence.artifacts.iter().map(artifact).sum::<usize>()
        + platforms.sum::<usize>()
        + revocation.sum::<usize>()
}
