//! Trust material: the anchors by which signers are recognised.
//!
//! Policies name it; whoever calls [`crate::verify`] supplies it. None of it ever
//! comes from the image that is being verified.

mod root;
pub mod store;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::digest::Digest;
use crate::policy::Policies;

pub use root::{Anchor, AnchorKind, RootError, SigstoreRoot};
pub(crate) use root::{Log, TimestampAuthority};
pub use store::{StoreKind, StoreName, StoreNameError, TrustStore, TrustStoreError};

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

    /// A digest over the material that these policies name: it changes whenever a
    /// verdict by them might.
    pub fn revision_for(&self, policies: &Policies) -> Digest {
        let mut text = String::new();
        for name in policies.trust_roots() {
            let revision = self.root(name).map(|root| root.revision().to_string());
            text.push_str(&format!("root {name} {revision:?}\n"));
        }
        for name in policies.trust_stores() {
            let revision = self.store(name).map(|store| store.revision().to_string());
            text.push_str(&format!("store {name} {revision:?}\n"));
        }
        Digest::sha256(text.as_bytes())
    }

    /// Adds the built-in Sigstore trust roots that these policies name and that are not
    /// here yet.
    pub fn add_built_in_for(&mut self, policies: &Policies) {
        for name in policies.trust_roots() {
            if self.root(name).is_none()
                && let Some(root) = SigstoreRoot::built_in(name)
            {
                self.insert_root(name, root);
            }
        }
    }
}
