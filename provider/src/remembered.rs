//! What is remembered for a while of those who are asked on the way to a verdict.
//!
//! One cache of erased types serves everybody who remembers a little and seldom looks: a cache of
//! moka's is compiled anew for each pair of types, and takes as long as the rest of a room.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use moka::Expiry;
use moka::future::{Cache, CacheBuilder};

/// What something is remembered by: its parts, always as many in one place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key(Box<[Box<str>]>);

/// Values by their keys, bounded in time and weight.
#[derive(Clone)]
pub(crate) struct Remembered<V> {
    entries: Cache<Key, Entry>,
    weight: fn(&Key, &V) -> usize,
    lifetime: fn(&V) -> Duration,
}

#[derive(Clone)]
struct Entry {
    value: Arc<dyn Any + Send + Sync>,
    weight: u32,
    lifetime: Duration,
}

impl Key {
    pub(crate) fn new<const PARTS: usize>(parts: [&str; PARTS]) -> Self {
        Self(parts.map(Box::from).into())
    }

    /// The bytes of its parts.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|part| part.len()).sum()
    }
}

impl<V: Clone + Send + Sync + 'static> Remembered<V> {
    /// Values that weigh so much in all, each for its lifetime.
    pub(crate) fn for_lifetimes(
        most: u64,
        weight: fn(&Key, &V) -> usize,
        lifetime: fn(&V) -> Duration,
    ) -> Self {
        Self {
            entries: weighed(most).expire_after(AsEntered).build(),
            weight,
            lifetime,
        }
    }

    /// So many values, each until nobody has asked for it that long.
    pub(crate) fn while_used(most: u64, idle: Duration) -> Self {
        Self {
            entries: weighed(most).time_to_idle(idle).build(),
            weight: |_, _| 1,
            lifetime: |_| Duration::ZERO,
        }
    }

    pub(crate) async fn get(&self, key: &Key) -> Option<V> {
        self.entries.get(key).await.map(|entry| entry.value())
    }

    pub(crate) async fn insert(&self, key: Key, value: V) {
        let entry = self.entry(&key, value);
        self.entries.insert(key, entry).await;
    }

    pub(crate) async fn forget(&self, key: &Key) {
        self.entries.invalidate(key).await;
    }

    /// The value; if there is none, that of the first of those who want it now.
    ///
    /// Who gives up does not take it from those who wait for the same.
    pub(crate) async fn get_with(&self, key: &Key, find: BoxFuture<'_, V>) -> V {
        let entry = async { self.entry(key, find.await) };
        self.entries.get_with_by_ref(key, entry).await.value()
    }

    /// The same where it may not be found; that is not remembered.
    pub(crate) async fn try_get_with<E: Send + Sync + 'static>(
        &self,
        key: &Key,
        find: BoxFuture<'_, Result<V, E>>,
    ) -> Result<V, Arc<E>> {
        let entry = async { find.await.map(|value| self.entry(key, value)) };
        let entry = self.entries.try_get_with_by_ref(key, entry).await?;
        Ok(entry.value())
    }

    fn entry(&self, key: &Key, value: V) -> Entry {
        Entry {
            weight: u32::try_from((self.weight)(key, &value)).unwrap_or(u32::MAX),
            lifetime: (self.lifetime)(&value),
            value: Arc::new(value),
        }
    }

    /// How many values there are, and their weight.
    #[cfg(test)]
    pub(crate) async fn size(&self) -> (u64, u64) {
        self.entries.run_pending_tasks().await;
        (self.entries.entry_count(), self.entries.weighted_size())
    }
}

impl Entry {
    #[expect(clippy::expect_used, reason = "a cache gives what it was given")]
    fn value<V: Clone + 'static>(self) -> V {
        let value: &V = self.value.downcast_ref().expect("a value of the cache");
        value.clone()
    }
}

fn weighed(most: u64) -> CacheBuilder<Key, Entry, Cache<Key, Entry>> {
    Cache::builder()
        .max_capacity(most)
        .weigher(|_, entry: &Entry| entry.weight)
}

/// Each lives as long as it did when it was entered, or entered again.
struct AsEntered;

impl Expiry<Key, Entry> for AsEntered {
    fn expire_after_create(&self, _: &Key, entry: &Entry, _: Instant) -> Option<Duration> {
        Some(entry.lifetime)
    }

    fn expire_after_update(
        &self,
        _: &Key,
        entry: &Entry,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.lifetime)
    }
}

/// Without what is remembered: there may be credentials.
impl<V> fmt::Debug for Remembered<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remembered").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn parts_of_keys_do_not_run_together() {
        let remembered = Remembered::while_used(10, HOUR);
        remembered.insert(Key::new(["ab", "c"]), 1).await;
        assert_eq!(remembered.get(&Key::new(["ab", "c"])).await, Some(1));
        assert_eq!(remembered.get(&Key::new(["a", "bc"])).await, None);
        assert_eq!(remembered.get(&Key::new(["abc", ""])).await, None);
    }

    #[tokio::test]
    async fn what_was_entered_again_lives_by_its_new_lifetime_and_nothing_lives_longer() {
        let remembered = Remembered::for_lifetimes(10, |_, _| 1, |lifetime| *lifetime);
        let (long, short) = (Key::new(["long"]), Key::new(["short"]));
        remembered.insert(long.clone(), Duration::ZERO).await;
        remembered.insert(long.clone(), HOUR).await;
        remembered.insert(short.clone(), HOUR).await;
        remembered.insert(short.clone(), Duration::ZERO).await;
        assert_eq!(remembered.get(&long).await, Some(HOUR));
        assert_eq!(remembered.get(&short).await, None);
        remembered.forget(&long).await;
        assert_eq!(remembered.get(&long).await, None);
    }

    #[tokio::test]
    async fn weights_bound_what_is_remembered() {
        let remembered = Remembered::for_lifetimes(100, |key, _| key.len(), |()| HOUR);
        for number in 0..100 {
            let name = format!("{number:030}");
            remembered.insert(Key::new([&name]), ()).await;
        }
        let (values, weight) = remembered.size().await;
        assert!((1..=3).contains(&values), "{values}");
        assert_eq!(weight, values * 30);
    }

    #[tokio::test]
    async fn a_failure_is_not_remembered_and_a_value_is_found_once() {
        let remembered = Remembered::while_used(10, HOUR);
        let key = Key::new(["key"]);
        let fails = || Box::pin(async { Err::<u32, _>("no") });
        let failed = remembered.try_get_with(&key, fails()).await;
        assert_eq!(failed.map_err(|why| *why), Err("no"));
        assert_eq!(remembered.get_with(&key, Box::pin(async { 1 })).await, 1);
        assert_eq!(remembered.get_with(&key, Box::pin(async { 2 })).await, 1);
        let found = remembered.try_get_with(&key, fails()).await;
        assert_eq!(found.map_err(|why| *why), Ok(1));
    }
}
