//! Verdicts, whole, as the bytes that core made.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use sealgate_core::evidence::Request;
use sealgate_core::verdict::Outcome;
use sealgate_core::{Code, Digest, UnixTime};

use super::weight;
use crate::observe::audit::VerdictPart;

/// The verdicts.
#[derive(Debug)]
pub(crate) struct VerdictCache {
    entries: Cache<VerdictKey, Arc<CachedVerdict>>,
}

/// Everything that a verdict depends on, but for its evidence and the time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct VerdictKey {
    /// The question.
    pub(crate) question: QuestionKey,
    /// The image.
    pub(crate) digest: Digest,
}

/// A question, and what it is judged by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct QuestionKey {
    /// The question. Its image is part of the verdict and decides which policies apply; its
    /// namespace is left out where no policy looks at namespaces.
    pub(crate) request: Request,
    /// The revision of policies, trust material and core.
    pub(crate) rules: Digest,
}

/// A verdict as it is kept.
#[derive(Debug)]
pub(crate) struct CachedVerdict {
    /// The verdict's JSON, as core wrote it.
    pub(crate) json: Box<[u8]>,
    /// Whether the image may run.
    pub(crate) verified: bool,
    /// The decision in a word.
    pub(crate) outcome: Outcome,
    /// The normalised reference with the digest.
    pub(crate) reference: String,
    /// The stable codes of its reasons.
    pub(crate) reasons: Vec<Code>,
    /// If it refuses the image: why, and what to do, in a sentence.
    pub(crate) message: Option<String>,
    /// What the audit log says of it.
    pub(crate) audit: VerdictPart,
    /// When the registry was asked, by the monotonic clock.
    pub(crate) at: Duration,
    /// When it must not be used any more.
    pub(crate) valid_until: Option<UnixTime>,
}

impl CachedVerdict {
    /// The bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.json.len()
            + self.audit.len()
            + self.reference.len()
            + size_of_val(self.reasons.as_slice())
            + self.message.as_ref().map_or(0, String::len)
    }
}

impl VerdictCache {
    pub(crate) fn new(bytes: u64, keep: Duration) -> Self {
        let entries = Cache::builder()
            .name("verdicts")
            .max_capacity(bytes)
            .weigher(|key: &VerdictKey, judged: &Arc<CachedVerdict>| {
                let request = &key.question.request;
                let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
                weight(
                    size_of::<VerdictKey>()
                        + request.image.len()
                        + text(&request.namespace)
                        + text(&request.policy)
                        + judged.bytes(),
                )
            })
            .time_to_live(keep)
            .build();
        Self { entries }
    }

    /// The last verdict, of whatever age.
    pub(crate) fn get(&self, key: &VerdictKey) -> Option<Arc<CachedVerdict>> {
        self.entries.get(key)
    }

    pub(crate) fn insert(&self, key: VerdictKey, judged: Arc<CachedVerdict>) {
        self.entries.insert(key, judged);
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.entries.weighted_size()
    }

    pub(crate) fn len(&self) -> u64 {
        self.entries.entry_count()
    }
}
