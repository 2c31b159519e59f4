//! Verdicts by the bytes of the keys that they answered: what is asked again in the same bytes is
//! neither read again nor looked up by tag and digest.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use moka::Equivalent;
use moka::sync::Cache;
use sealgate_core::Digest;

use super::verdict::CachedVerdict;
use super::weight;

/// The verdicts that keys were answered with.
#[derive(Debug)]
pub(crate) struct KeyCache {
    entries: Cache<OwnedKey, Arc<LastAnswer>>,
}

/// A key as it was written, and the policy that the route named.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key<'a> {
    pub(crate) policy: Option<&'a str>,
    pub(crate) key: &'a str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct OwnedKey {
    policy: Option<Box<str>>,
    key: Box<str>,
}

impl OwnedKey {
    fn borrowed(&self) -> Key<'_> {
        Key {
            policy: self.policy.as_deref(),
            key: &self.key,
        }
    }
}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.policy, self.key).hash(state);
    }
}

impl Hash for OwnedKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.borrowed().hash(state);
    }
}

impl Equivalent<OwnedKey> for Key<'_> {
    fn equivalent(&self, key: &OwnedKey) -> bool {
        let key = key.borrowed();
        (self.policy, self.key) == (key.policy, key.key)
    }
}

/// What a key was answered with, and what that depends on beside the time: it is no answer any more
/// once the rules are others, the tag has to be looked up again, or the verdict is too old.
#[derive(Debug)]
pub(crate) struct LastAnswer {
    /// The image as the key has it.
    pub(crate) image: Arc<str>,
    /// The revision of policies, trust material and core.
    pub(crate) rules: Digest,
    /// When the tag was looked up, by the monotonic clock; none if the key has a digest.
    pub(crate) looked_at: Option<Duration>,
    /// The verdict.
    pub(crate) judged: Arc<CachedVerdict>,
}

impl KeyCache {
    pub(crate) fn new(bytes: u64, keep: Duration) -> Self {
        let entries = Cache::builder()
            .name("keys")
            .max_capacity(bytes)
            .weigher(|key: &OwnedKey, answer: &Arc<LastAnswer>| {
                let policy = key.policy.as_ref().map_or(0, |policy| policy.len());
                weight(
                    size_of::<OwnedKey>()
                        + policy
                        + key.key.len()
                        + size_of::<LastAnswer>()
                        + answer.image.len()
                        // It may be gone from the cache of verdicts, and is counted there as well.
                        + answer.judged.bytes(),
                )
            })
            .time_to_live(keep)
            .build();
        Self { entries }
    }

    /// The last answer, whatever its age.
    pub(crate) fn get(&self, key: Key<'_>) -> Option<Arc<LastAnswer>> {
        self.entries.get(&key)
    }

    pub(crate) fn insert(&self, key: Key<'_>, answer: LastAnswer) {
        let key = OwnedKey {
            policy: key.policy.map(Box::from),
            key: key.key.into(),
        };
        self.entries.insert(key, Arc::new(answer));
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.entries.weighted_size()
    }

    pub(crate) fn len(&self) -> u64 {
        self.entries.entry_count()
    }
}
