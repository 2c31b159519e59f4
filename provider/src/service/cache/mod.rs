//! What is remembered, and for how long.
//!
//! | cache | keyed by | lives |
//! |---|---|---|
//! | tags | repository and tag | `cache.tag` |
//! | evidence | repository and digest | `cache.allow`; `cache.deny` if it led to a refusal |
//! | verdicts | question, digest, revision of policies, trust material and core | the same, and never beyond `validUntil` |
//! | keys | the bytes of a key, and the policy of the route | as long as each of the others that the answer came from |
//!
//! Ages are counted from the moment the registry was asked. Entries stay for `cache.stale`
//! beyond their life, for the time when the registry cannot be asked. Failures are never
//! kept. Every cache is bounded in bytes.

mod evidence;
mod key;
mod tag;
mod verdict;

pub(crate) use evidence::{EvidenceCache, EvidenceKey, Fetched, size};
pub(crate) use key::{Key, KeyCache, LastAnswer};
pub(crate) use tag::{Looked, TagCache};
pub(crate) use verdict::{CachedVerdict, QuestionKey, VerdictCache, VerdictKey};

/// What moka keeps beside an entry of its own, roughly.
const ENTRY_OVERHEAD: usize = 200;

/// An entry's weight, as moka wants it.
fn weight(bytes: usize) -> u32 {
    u32::try_from(bytes.saturating_add(ENTRY_OVERHEAD)).unwrap_or(u32::MAX)
}
