//! What images are judged by: policies and trust material, as one consistent set.

pub(crate) mod policies;
mod source;
pub(crate) mod trust;
pub mod tuf;

use std::sync::Arc;

use arc_swap::ArcSwap;
use sealgate_core::{Digest, Policies, TrustMaterial};

pub(crate) use source::{LoadError, RulesSource};

/// Policies and trust material of one moment. Never changed, only replaced as a whole.
#[derive(Debug)]
pub(crate) struct Rules {
    /// The policies.
    pub policies: Policies,
    /// The trust material.
    pub trust: TrustMaterial,
    /// The digest of the policies.
    pub policies_revision: Digest,
    /// The digest of the trust material.
    pub trust_revision: Digest,
    /// The digest of everything here, and of the version of core.
    pub revision: Digest,
    /// Whether any policy looks at namespaces.
    pub(crate) by_namespace: bool,
}

impl Rules {
    /// Takes policies and trust material.
    ///
    /// Built-in trust roots that the policies name are added.
    pub(crate) fn new(policies: Policies, mut trust: TrustMaterial) -> Self {
        policies.complete(&mut trust);
        let policies_revision = policies.revision();
        let trust_revision = trust.revision_for(&policies.trust_names());
        let revision = Digest::sha256(
            format!(
                "core {}\npolicies {policies_revision}\ntrust {trust_revision}",
                env!("CARGO_PKG_VERSION")
            )
            .as_bytes(),
        );
        Self {
            by_namespace: policies.by_namespace(),
            policies_revision,
            trust_revision,
            revision,
            policies,
            trust,
        }
    }
}

/// The rules in force. Cheap to clone; every clone sees a change at once.
#[derive(Clone, Debug)]
pub(crate) struct CurrentRules(Arc<ArcSwap<Rules>>);

impl CurrentRules {
    /// Starts with these.
    pub(crate) fn new(rules: Rules) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(rules)))
    }

    /// The rules of this moment. Hold on to them for as long as one answer takes.
    pub(crate) fn get(&self) -> Arc<Rules> {
        self.0.load_full()
    }

    /// The revision of the rules of this moment.
    pub(crate) fn revision(&self) -> Digest {
        self.0.load().revision
    }

    /// Puts others in force, for every answer that begins from now on.
    pub(crate) fn replace(&self, rules: Rules) {
        self.0.store(Arc::new(rules));
    }
}
