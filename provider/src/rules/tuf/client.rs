//! One trust root and its repository.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use sealgate_core::UnixTime;
use sealgate_core::trust::SigstoreRoot;
use serde::Serialize;
use sigstore_tuf::{Error, Repository, Role as _, TrustedMetadataSet, Updater, UpdaterConfig};

use super::cache::{CacheFile, Cached, Files, Good, Offline, Shelf};
use super::document;
use super::error::{SetupProblem, TufError, TufSetupError};
use super::mirror::Mirror;
use crate::config::{self, Tuf};
use crate::files;

/// Every role once, and a few delegations: more expiries than these a chain does not have.
const MOST_EXPIRIES: usize = 16;

/// A trust root that a TUF repository renews.
#[derive(Debug)]
pub struct TufClient {
    name: String,
    repository: String,
    initial_root: Vec<u8>,
    target: String,
    timeout: Duration,
    mirror: Mirror,
    file: CacheFile,
    cached: Mutex<Cached>,
}

/// A trust root from TUF, verified.
#[derive(Clone, Debug)]
pub struct LastGood {
    /// The trust root.
    pub root: SigstoreRoot,
    /// Its bytes, as they are signed for.
    pub json: Vec<u8>,
    /// The versions of the metadata that vouch for it.
    pub versions: Versions,
    /// When the first of them expires. It may have: what was good is kept.
    pub expires: UnixTime,
    /// When it was last confirmed by the repository.
    pub refreshed_at: UnixTime,
}

/// The versions of the four roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Versions {
    /// Who may sign what.
    pub root: u64,
    /// Which snapshot is the latest.
    pub timestamp: u64,
    /// Which targets belong together.
    pub snapshot: u64,
    /// Lengths and hashes of targets.
    pub targets: u64,
}

impl TufClient {
    /// Reads the initial root, and what is kept in the cache directory, if there is one.
    ///
    /// A cache file that cannot be read is reported in the log and replaced in time.
    ///
    /// # Errors
    /// If the initial root or the certificate authorities cannot be used.
    pub fn open(name: &str, tuf: &Tuf, cache: Option<&Path>) -> Result<Self, TufSetupError> {
        let wrong = |problem| TufSetupError {
            name: name.to_owned(),
            problem,
        };
        let initial_root = initial_root(name, tuf).map_err(wrong)?;
        let mirror = Mirror::new(tuf);
        let mirror = mirror.map_err(|error| wrong(SetupProblem::Mirror(Box::new(error))))?;
        let file = CacheFile(cache.map(|directory| directory.join(format!("{name}.tuf.json"))));
        let cached = file.load().unwrap_or_else(|error| {
            tracing::warn!(root = name, %error, "the kept trust root cannot be read");
            Cached::default()
        });
        Ok(Self {
            name: name.to_owned(),
            repository: tuf.url.to_string(),
            initial_root,
            target: tuf.target.clone(),
            timeout: tuf.timeout,
            mirror,
            file,
            cached: Mutex::new(cached),
        })
    }

    /// The name of the trust root.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its repository is.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// What the last refresh that went through has left, verified again without network.
    ///
    /// Signatures, thresholds, versions, lengths and hashes must hold. Expiry is not held
    /// against it: [`LastGood::expires`] says when that was or will be.
    ///
    /// # Errors
    /// If what is kept does not verify.
    pub fn restore(&self) -> Result<Option<LastGood>, TufError> {
        let Some(good) = self.cached().good.clone() else {
            return Ok(None);
        };
        let mut at = jiff::Timestamp::MAX;
        for _ in 0..MOST_EXPIRIES {
            let shelf = Shelf::new(good.files.clone());
            let walk = self.walk(Offline(shelf.clone()), shelf, at, good.refreshed_at);
            match walk.now_or_never() {
                // As of when it was last valid.
                Some(Err(Walk::Tuf(Error::Expired { expires, .. }))) if expires < at => {
                    at = expires;
                }
                Some(walked) => return walked.map(Some).map_err(|walk| walk.into_error(self)),
                None => break,
            }
        }
        Ok(None)
    }

    /// Asks the repository once, and keeps what is verified.
    ///
    /// # Errors
    /// If it cannot be asked, or shows anything that does not verify at `now`.
    pub async fn refresh(&self, now: UnixTime) -> Result<LastGood, TufError> {
        let before = self.cached().clone();
        let shelf = Shelf::new(before.files());
        let at = jiff::Timestamp::from_second(now.seconds()).unwrap_or(jiff::Timestamp::MAX);
        let walk = self.walk(self.mirror.clone(), shelf.clone(), at, now);
        let outcome = match tokio::time::timeout(self.timeout, walk).await {
            Ok(walked) => walked.map_err(|walk| walk.into_error(self)),
            Err(_) => Err(TufError::deadline(self.timeout)),
        };
        let files = shelf.files();
        let after = match &outcome {
            Ok(_) => Cached {
                good: Some(Good {
                    refreshed_at: now,
                    files,
                }),
                seen: Files::new(),
            },
            Err(_) if files == before.files() => return outcome,
            Err(_) => Cached {
                good: before.good,
                seen: files,
            },
        };
        self.keep(after).await;
        outcome
    }

    async fn walk(
        &self,
        repository: impl Repository + 'static,
        shelf: Shelf,
        at: jiff::Timestamp,
        refreshed_at: UnixTime,
    ) -> Result<LastGood, Walk> {
        let mut updater = Updater::new(repository, &self.initial_root)?
            .with_config(limits())
            .with_store(shelf);
        updater.refresh(at).await?;
        let json = updater.get_target(&self.target, at).await?;
        let root = SigstoreRoot::from_json(&json).map_err(Walk::Root)?;
        let (versions, expires) = vouching(updater.trusted()).ok_or(Error::NotRefreshed)?;
        Ok(LastGood {
            root,
            json,
            versions,
            expires,
            refreshed_at,
        })
    }

    async fn keep(&self, cached: Cached) {
        *self.cached() = cached.clone();
        let file = self.file.clone();
        let saved = tokio::task::spawn_blocking(move || file.save(&cached)).await;
        if let Ok(Err(error)) = saved {
            tracing::warn!(root = self.name, %error, "the trust root cannot be kept: a restart begins with an older one");
        }
    }

    fn cached(&self) -> std::sync::MutexGuard<'_, Cached> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cached {
    /// The newest verified files.
    fn files(&self) -> Files {
        match (&self.good, self.seen.is_empty()) {
            (Some(good), true) => good.files.clone(),
            _ => self.seen.clone(),
        }
    }
}

/// Why a walk through a repository ended.
enum Walk {
    Tuf(Error),
    Root(sealgate_core::trust::RootError),
}

impl From<Error> for Walk {
    fn from(error: Error) -> Self {
        Self::Tuf(error)
    }
}

impl Walk {
    fn into_error(self, client: &TufClient) -> TufError {
        match self {
            Self::Tuf(error) => error.into(),
            Self::Root(error) => TufError::unusable(&client.target, &error),
        }
    }
}

/// Bytes and rounds of one refresh. Sigstore's largest file has some 30 KiB.
fn limits() -> UpdaterConfig {
    let mut limits = UpdaterConfig::default();
    limits.root_max_length = 512 << 10;
    limits.timestamp_max_length = 16 << 10;
    limits.snapshot_max_length = 1 << 20;
    limits.targets_max_length = 2 << 20;
    limits.target_max_length = 4 << 20;
    limits.max_root_rotations = 32;
    limits.max_delegations = 8;
    limits
}

fn initial_root(name: &str, tuf: &Tuf) -> Result<Vec<u8>, SetupProblem> {
    let (file, bytes) = match &tuf.root {
        Some(file) => {
            let bytes = files::read(file).map_err(|error| SetupProblem::Unreadable {
                file: file.clone(),
                error,
            })?;
            (file.display().to_string(), bytes)
        }
        None => {
            let instance = config::built_in(name).ok_or(SetupProblem::NoInitialRoot)?;
            (format!("built-in {name}"), instance.tuf_root().to_vec())
        }
    };
    if let Err(error) = document::check(&bytes) {
        return Err(SetupProblem::InitialRootDocument { file, error });
    }
    match TrustedMetadataSet::from_root(&bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(SetupProblem::InitialRoot {
            file,
            error: error.into(),
        }),
    }
}

/// The versions of the roles, and when the first of them expires.
fn vouching(trusted: &TrustedMetadataSet) -> Option<(Versions, UnixTime)> {
    let root = trusted.root();
    let timestamp = trusted.timestamp()?;
    let snapshot = trusted.snapshot()?;
    let targets = trusted.targets_role("targets")?;
    let expires = [
        root.expires(),
        timestamp.expires(),
        snapshot.expires(),
        targets.expires(),
    ];
    let versions = Versions {
        root: root.version,
        timestamp: timestamp.version,
        snapshot: snapshot.version,
        targets: targets.version,
    };
    let first = expires.into_iter().min()?;
    Some((versions, UnixTime::from_seconds(first.as_second())))
}
