//! Trust material: the anchors by which signers are recognised.
//!
//! Policies name it; whoever calls [`crate::verify`] supplies it. None of it ever
//! comes from the image that is being verified.

mod root;
pub mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::digest::Digest;

pub use crate::x509::CertificateError;
pub use root::{Anchor, AnchorKind, PartError, RootError, SigstoreRoot};
pub(crate) use root::{Log, TimestampAuthority};
pub use store::{StoreKind, StoreName, StoreNameError, TrustStore, TrustStoreError};

/// The names of trust roots and trust stores, as policies give them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustNames<'a> {
    /// Sigstore trust roots.
    pub roots: BTreeSet<&'a str>,
    /// Notary Project trust stores.
    pub stores: BTreeSet<&'a StoreName>,
}

/// All trust roots and trust stores, by name. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct TrustMaterial {
    roots: BTreeMap<String, Arc<SigstoreRoot>>,
    stores: BTreeMap<StoreName, Arc<TrustStore>>,
}

impl TrustMaterial {
    /// Without any material.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a Sigstore trust root, or replaces the one of this name.
    pub fn insert_root(&mut self, name: impl Into<String>, root: SigstoreRoot) {
        self.roots.insert(name.into(), Arc::new(root));
    }

    /// Adds a Notary Project trust store, or replaces the one of this name.
    pub fn insert_store(&mut self, name: StoreName, store: TrustStore) {
        self.stores.insert(name, Arc::new(store));
    }

    /// The Sigstore trust root of this name.
    pub fn root(&self, name: &str) -> Option<&SigstoreRoot> {
        self.roots.get(name).map(Arc::as_ref)
    }

    /// The Notary Project trust store of this name.
    pub fn store(&self, name: &StoreName) -> Option<&TrustStore> {
        self.stores.get(name).map(Arc::as_ref)
    }

    /// The roots, in the order of their names.
    pub fn roots(&self) -> impl Iterator<Item = (&str, &SigstoreRoot)> {
        self.roots
            .iter()
            .map(|(name, root)| (name.as_str(), root.as_ref()))
    }

    /// The stores, in the order of their names.
    pub fn stores(&self) -> impl Iterator<Item = (&StoreName, &TrustStore)> {
        self.stores
            .iter()
            .map(|(name, store)| (name, store.as_ref()))
    }

    /// A digest over the material of these names: it changes whenever a verdict by policies
    /// that name it might.
    pub fn revision_for(&self, names: &TrustNames<'_>) -> Digest {
        let mut text = String::new();
        for name in &names.roots {
            let revision = written(self.root(name).map(SigstoreRoot::revision));
            text.push_str(&format!("root {name} {revision}\n"));
        }
        for name in &names.stores {
            let revision = written(self.store(name).map(TrustStore::revision));
            text.push_str(&format!("store {name} {revision}\n"));
        }
        Digest::sha256(text.as_bytes())
    }

    /// Adds the built-in Sigstore trust roots that are named and not here yet.
    pub fn add_built_in_for(&mut self, names: &TrustNames<'_>) {
        for name in &names.roots {
            if self.root(name).is_none()
                && let Some(root) = SigstoreRoot::built_in(name)
            {
                self.insert_root(*name, root);
            }
        }
    }
}

/// A part's revision, or that there is no such part.
fn written(revision: Option<Digest>) -> String {
    match revision {
        Some(revision) => format!("Some(\"{revision}\")"),
        None => "None".to_owned(),
    }
}
