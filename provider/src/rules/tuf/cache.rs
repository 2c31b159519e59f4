//! What is kept of a repository, in memory and in one file.
//!
//! One file, replaced as a whole: timestamp, snapshot, targets and the trust root of one
//! refresh belong together, and a half of one and a half of another would verify as neither.
//! What is read is verified again, from the initial root on; the file only saves the network.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_core::{UnixTime, json};
use serde::{Deserialize, Serialize};
use sigstore_tuf::MetadataStore;
use sigstore_tuf::transport::{FetchFuture, Repository};

use super::document;
use super::error::{CacheError, CacheProblem};
use crate::files;

/// Bytes of a cache file. The limits of one refresh stay well below.
const MOST_BYTES: u64 = 32 << 20;

/// Verified files of a repository, by the names that `sigstore-tuf` gives them.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// What is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cached {
    /// The last refresh that went through.
    pub(super) good: Option<Good>,
    /// Everything that was verified since, also by refreshes that then failed: no version in
    /// it is ever gone below.
    pub(super) seen: Files,
}

/// A complete and consistent set of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Good {
    pub(super) refreshed_at: UnixTime,
    pub(super) files: Files,
}

/// The file that outlives the process; without a path nothing does.
#[derive(Clone, Debug)]
pub(super) struct CacheFile(pub(super) Option<PathBuf>);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CachedWire {
    schema_version: u32,
    good: Option<GoodWire>,
    seen: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GoodWire {
    refreshed_at: UnixTime,
    files: BTreeMap<String, String>,
}

impl CacheFile {
    /// What it holds; nothing if it is not there.
    pub(super) fn load(&self) -> Result<Cached, CacheError> {
        let Some(path) = &self.0 else {
            return Ok(Cached::default());
        };
        read(path).map_err(|problem| {
            let file = path.clone();
            CacheError { file, problem }
        })
    }

    /// Replaces it: who reads sees the old content or the new one.
    pub(super) fn save(&self, cached: &Cached) -> Result<(), CacheError> {
        let Some(path) = &self.0 else {
            return Ok(());
        };
        let wrong = |error: io::Error| CacheError {
            file: path.clone(),
            problem: error.into(),
        };
        let directory = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(directory).map_err(wrong)?;
        let mut file = tempfile::NamedTempFile::new_in(directory).map_err(wrong)?;
        file.write_all(print(cached).as_bytes()).map_err(wrong)?;
        file.as_file().sync_all().map_err(wrong)?;
        file.persist(path).map_err(|error| wrong(error.error))?;
        Ok(())
    }
}

fn read(path: &Path) -> Result<Cached, CacheProblem> {
    match files::read_up_to(path, MOST_BYTES) {
        Ok(bytes) => parse(&String::from_utf8(bytes)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Cached::default()),
        Err(error) => Err(error.into()),
    }
}

fn parse(text: &str) -> Result<Cached, CacheProblem> {
    let wire: CachedWire = json::parse(text.as_bytes())?;
    if wire.schema_version != 1 {
        return Err(CacheProblem::Version(wire.schema_version));
    }
    let files = |encoded: BTreeMap<String, String>| -> Result<Files, CacheProblem> {
        let decode = |(name, text): (String, String)| match STANDARD.decode(text) {
            Ok(bytes) => match document::check(&bytes) {
                Ok(()) => Ok((name, bytes)),
                Err(error) => Err(CacheProblem::Document { name, error }),
            },
            Err(error) => Err(CacheProblem::Base64 { name, error }),
        };
        encoded.into_iter().map(decode).collect()
    };
    let good = |good: GoodWire| -> Result<Good, CacheProblem> {
        Ok(Good {
            refreshed_at: good.refreshed_at,
            files: files(good.files)?,
        })
    };
    Ok(Cached {
        good: wire.good.map(good).transpose()?,
        seen: files(wire.seen)?,
    })
}

fn print(cached: &Cached) -> String {
    let files = |files: &Files| {
        let encode = |(name, bytes): (&String, &Vec<u8>)| (name.clone(), STANDARD.encode(bytes));
        files.iter().map(encode).collect()
    };
    let wire = CachedWire {
        schema_version: 1,
        good: cached.good.as_ref().map(|good| GoodWire {
            refreshed_at: good.refreshed_at,
            files: files(&good.files),
        }),
        seen: files(&cached.seen),
    };
    // Plain data with string keys: this cannot fail.
    serde_json::to_string(&wire).unwrap_or_default()
}

/// The store that one refresh reads and writes.
#[derive(Clone, Debug)]
pub(super) struct Shelf(Arc<Mutex<Files>>);

impl Shelf {
    pub(super) fn new(files: Files) -> Self {
        Self(Arc::new(Mutex::new(files)))
    }

    pub(super) fn files(&self) -> Files {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Files> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MetadataStore for Shelf {
    fn load(&self, name: &str) -> sigstore_tuf::Result<Option<Vec<u8>>> {
        Ok(self.lock().get(name).cloned())
    }

    fn store(&self, name: &str, bytes: &[u8]) -> sigstore_tuf::Result<()> {
        // A second copy under each version's name would pile up and is never read.
        if !name.ends_with(".snapshot.json") {
            self.lock().insert(name.to_owned(), bytes.to_vec());
        }
        Ok(())
    }
}

/// The shelf as a repository, for a refresh without network.
#[derive(Debug)]
pub(super) struct Offline(pub(super) Shelf);

impl Repository for Offline {
    fn fetch_metadata<'a>(&'a self, name: &'a str, _most: u64) -> FetchFuture<'a> {
        // Files are kept without the version in front. New roots have been walked already.
        let (_, unversioned) = name.split_once('.').unwrap_or_default();
        let name = match unversioned {
            "root.json" => return Box::pin(async { Ok(None) }),
            "json" => name,
            other => other,
        };
        let found = self.0.load(name);
        Box::pin(async { found })
    }

    fn fetch_target<'a>(&'a self, _path: &'a str, _most: u64) -> FetchFuture<'a> {
        // The shelf has been looked at before.
        Box::pin(async { Ok(None) })
    }
}
