//! Which image a tag names: the only thing that is keyed by a tag.

use std::time::Duration;

use moka::sync::Cache;
use sealgate_core::{Digest, Reference};

use super::weight;

/// What tags name.
#[derive(Debug)]
pub(crate) struct TagCache {
    entries: Cache<Reference, Looked>,
}

/// One lookup.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Looked {
    /// What the tag named.
    pub(crate) digest: Digest,
    /// When, by the monotonic clock.
    pub(crate) at: Duration,
}

impl TagCache {
    pub(crate) fn new(bytes: u64, keep: Duration) -> Self {
        let entries = Cache::builder()
            .name("tags")
            .max_capacity(bytes)
            .weigher(|key: &Reference, _: &Looked| {
                let tag = key.tag().map_or(0, str::len);
                let name = key.repository().host().len() + key.repository().path().len();
                weight(name + tag + size_of::<Reference>() + size_of::<Looked>())
            })
            .time_to_live(keep)
            .build();
        Self { entries }
    }

    /// The last lookup, of whatever age.
    pub(crate) fn get(&self, reference: &Reference) -> Option<Looked> {
        self.entries.get(reference)
    }

    pub(crate) fn insert(&self, reference: Reference, looked: Looked) {
        self.entries.insert(reference, looked);
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.entries.weighted_size()
    }

    pub(crate) fn len(&self) -> u64 {
        self.entries.entry_count()
    }
}
