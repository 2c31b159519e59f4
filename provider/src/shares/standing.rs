//! Which registries are known.

use std::collections::HashSet;
use std::time::Duration;

use moka::sync::Cache;

use super::party::Party;

/// Registries that are remembered as known.
const MOST_KNOWN: u64 = 1024;
/// How long a registry is known after its last image that was verified.
const KNOWN_FOR: Duration = Duration::from_secs(24 * 3600);

/// Which registries are known: those that are listed, and those an image of which was verified.
#[derive(Debug)]
pub(crate) struct Standing {
    listed: HashSet<String>,
    proven: Cache<String, ()>,
}

impl Standing {
    pub(crate) fn new(listed: impl IntoIterator<Item = String>) -> Self {
        Self {
            listed: listed.into_iter().collect(),
            proven: Cache::builder()
                .max_capacity(MOST_KNOWN)
                .time_to_idle(KNOWN_FOR)
                .build(),
        }
    }

    pub(crate) fn party(&self, host: &str) -> Party {
        match self.listed.contains(host) || self.proven.get(host).is_some() {
            true => Party::known(host),
            false => Party::stranger(host),
        }
    }

    /// An image of this registry was verified.
    pub(crate) fn prove(&self, host: &str) {
        if !self.listed.contains(host) {
            self.proven.insert(host.to_owned(), ());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_known_if_it_is_listed_or_an_image_of_it_was_verified() {
        let standing = Standing::new(["listed.test".to_owned()]);
        assert_eq!(standing.party("listed.test"), Party::known("listed.test"));
        assert_eq!(
            standing.party("r.other.test"),
            Party::stranger("other.test")
        );
        standing.prove("r.other.test");
        assert_eq!(standing.party("r.other.test"), Party::known("r.other.test"));
        assert_eq!(
            standing.party("s.other.test"),
            Party::stranger("other.test")
        );
    }
}
