//! See [`crate::internals`].

use std::path::Path;

use http::HeaderMap;
use sealgate_core::reference::Repository;

use super::challenge::Challenge;
use super::docker::DockerConfig;
use super::listing::IndexReader;

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

/// Reads a page of a list of referrers, at once and byte by byte.
///
/// # Panics
/// If that is not the same.
pub fn referrers(page: &[u8]) {
    let read = |size: usize| {
        let mut reader = IndexReader::new();
        for piece in page.chunks(size) {
            reader.push(piece)?;
        }
        reader.finish()
    };
    assert_eq!(
        read(page.len().max(1)),
        read(1),
        "it depends on how it arrives"
    );
}
