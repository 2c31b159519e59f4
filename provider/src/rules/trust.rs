//! Trust material from files: Sigstore trust roots and Notation's trust stores.
//!
//! What TUF renews is laid over it by [`crate::rules::tuf`].

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use sealgate_core::TrustMaterial;
use sealgate_core::trust::SigstoreRoot;
use sealgate_core::trust::{StoreKind, StoreName, TrustStore};

use crate::config::TrustRoot;
use crate::files::Pipes;

/// Trust material, and every file that it was read from.
#[derive(Debug)]
pub(crate) struct LoadedTrust {
    /// The material.
    pub trust: TrustMaterial,
    /// The files.
    pub files: BTreeSet<PathBuf>,
}

/// A file or directory of trust material that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", file.display())]
pub(crate) struct TrustProblem {
    /// The file or directory.
    pub file: PathBuf,
    /// What is wrong.
    pub message: String,
}

/// Reads the Sigstore trust roots that have a file, by name, and a directory in Notation's layout.
///
/// # Errors
/// With every problem of every file.
pub(crate) fn load(
    roots: &[TrustRoot],
    stores: Option<&Path>,
    pipes: Pipes,
) -> Result<LoadedTrust, Vec<TrustProblem>> {
    let mut loading = Loading {
        loaded: LoadedTrust {
            trust: TrustMaterial::new(),
            files: BTreeSet::new(),
        },
        problems: Vec::new(),
        pipes,
    };
    for root in roots {
        loading.root(root);
    }
    if let Some(directory) = stores {
        loading.stores(directory);
    }
    if loading.problems.is_empty() {
        Ok(loading.loaded)
    } else {
        Err(loading.problems)
    }
}

struct Loading {
    loaded: LoadedTrust,
    problems: Vec<TrustProblem>,
    pipes: Pipes,
}

impl Loading {
    fn root(&mut self, root: &TrustRoot) {
        let Some(file) = root.local_file() else {
            return;
        };
        let Some(bytes) = self.read(file) else {
            return;
        };
        match SigstoreRoot::from_json(&bytes) {
            Ok(parsed) => self.loaded.trust.insert_root(&root.name, parsed),
            Err(error) => self.problem(file, format!("not a trusted_root.json: {error}")),
        }
    }

    /// `x509/{ca,signingAuthority,tsa}/NAME/*.{crt,cer,pem}`.
    fn stores(&mut self, directory: &Path) {
        let x509 = directory.join("x509");
        if !x509.is_dir() {
            self.problem(
                &x509,
                "expected a directory with ca, signingAuthority or tsa".into(),
            );
            return;
        }
        for kind in [StoreKind::Ca, StoreKind::SigningAuthority, StoreKind::Tsa] {
            let kind_directory = x509.join(kind.as_str());
            if !kind_directory.is_dir() {
                continue;
            }
            for store in self.list(&kind_directory) {
                if store.is_dir() {
                    self.store(kind, &store);
                }
            }
        }
    }

    fn store(&mut self, kind: StoreKind, directory: &Path) {
        let own = directory.file_name().and_then(|name| name.to_str());
        let name = format!("{}:{}", kind.as_str(), own.unwrap_or_default());
        let name: StoreName = match name.parse() {
            Ok(name) => name,
            Err(error) => return self.problem(directory, format!("{error}")),
        };
        let mut files = Vec::new();
        for file in self.list(directory) {
            let extension = file.extension().and_then(|e| e.to_str());
            if matches!(extension, Some("crt" | "cer" | "pem")) {
                files.extend(self.read(&file));
            }
        }
        match TrustStore::read(kind, files.iter().map(Vec::as_slice)) {
            Ok(store) => self.loaded.trust.insert_store(name, store),
            Err(error) => self.problem(directory, error.to_string()),
        }
    }

    /// The entries of a directory in the order of their names, without hidden ones.
    fn list(&mut self, directory: &Path) -> Vec<PathBuf> {
        let listed: std::io::Result<Vec<_>> = fs::read_dir(directory)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
        match listed {
            Ok(mut paths) => {
                paths.retain(|path| {
                    path.file_name()
                        .is_some_and(|name| !name.as_encoded_bytes().starts_with(b"."))
                });
                paths.sort();
                paths
            }
            Err(error) => {
                self.problem(directory, format!("cannot be read: {error}"));
                Vec::new()
            }
        }
    }

    fn read(&mut self, file: &Path) -> Option<Vec<u8>> {
        self.loaded.files.insert(file.to_owned());
        let read = self.pipes.read(file);
        read.inspect_err(|error| self.problem(file, format!("cannot be read: {error}")))
            .ok()
    }

    fn problem(&mut self, file: &Path, message: String) {
        self.problems.push(TrustProblem {
            file: file.to_owned(),
            message,
        });
    }
}
