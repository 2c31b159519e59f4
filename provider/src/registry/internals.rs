//! See [`crate::internals`].

use std::path::Path;

use http::HeaderMap;
use sealgate_core::evidence::Source;
use sealgate_core::reference::Repository;

use super::challenge::Challenge;
use super::docker::DockerConfig;
use super::referrers::List;

/// What a registry wants: nothing that is understood, a password, or a token from this realm.
pub fn challenge(headers: &HeaderMap) -> Option<Option<String>> {
    Challenge::read(headers).map(|challenge| match challenge {
        Challenge::Basic => None,
        Challenge::Bearer { realm, .. } => Some(realm),
    })
}

/// Whether Docker's `config.json` has something for a repository.
///
/// # Errors
/// In words, why it cannot be read.
pub fn docker_config(bytes: &[u8], repository: &Repository) -> Result<bool, String> {
    DockerConfig::parse(Path::new("config.json"), bytes)
        .map(|config| config.find(repository).is_some())
        .map_err(|error| error.to_string())
}

/// Reads a page of a list of referrers.
pub fn referrers(page: &[u8]) {
    let mut list = List::new(Source::ReferrersApi);
    let _ = list.add_page(page);
    list.finish();
}
