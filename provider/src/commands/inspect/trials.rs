//! By whose trust signatures are tried: made-up policies that trust everybody whom a trust root, a
//! key or a trust store vouches for. They are asked what verifies, and never whether an image may
//! run.

use std::path::PathBuf;

use sealgate_core::inspect::Inspection;
use sealgate_core::policy::file::{self, PolicyFile};
use sealgate_core::policy::{Lacking, NoMatch};
use sealgate_core::trust::{SigstoreRoot, StoreKind};
use sealgate_core::{Policies, TrustMaterial};
use serde_json::{Value, json};

use super::super::usage::{self, UsageError};

/// Somebody by whose trust signatures are tried.
#[derive(Clone, Debug)]
pub(super) enum Truster {
    /// A Sigstore trust root.
    Root {
        name: String,
        /// How many witnesses are asked for, where the usual number cannot be met.
        thresholds: Vec<(&'static str, usize)>,
    },
    /// The key of this file.
    Key { file: PathBuf, text: String },
    /// A trust store, with all stores of timestamp authorities.
    Store {
        name: String,
        timestamping: Vec<String>,
    },
}

impl Truster {
    /// What people call it.
    pub(super) fn called(&self) -> String {
        match self {
            Self::Root { name, .. } | Self::Store { name, .. } => name.clone(),
            Self::Key { file, .. } => format!("key {}", file.display()),
        }
    }

    /// The fields of an authority that trusts one identity of it, or all.
    fn authority(&self) -> Value {
        match self {
            Self::Root { name, thresholds } => {
                let anybody = r"[\s\S]*";
                let mut identities =
                    vec![json!({"issuerRegExp": anybody, "subjectRegExp": anybody})];
                // These two name an issuer in every certificate.
                if !["public-good", "staging"].contains(&name.as_str()) {
                    identities.push(json!({"withoutIssuer": true, "subjectRegExp": anybody}));
                }
                let mut keyless = json!({"trustRoot": name, "identities": identities});
                for (field, count) in thresholds {
                    set(&mut keyless, field, json!({"threshold": count}));
                }
                json!({"keyless": keyless})
            }
            Self::Key { file, text } => {
                json!({"keys": [{"data": text, "name": file.display().to_string()}]})
            }
            Self::Store { name, timestamping } => {
                let mut stores = vec![name.clone()];
                stores.extend(timestamping.iter().cloned());
                json!({"notation": {
                    "trustStores": stores,
                    "trustedIdentities": ["*"],
                    "verifyTimestamp": "afterCertExpiry",
                }})
            }
        }
    }
}

/// All of them, and the made-up policy.
pub(super) struct Trials {
    trusters: Vec<Truster>,
    pub(super) policies: Policies,
    pub(super) trust: TrustMaterial,
}

impl Trials {
    /// Those of the built-in trust roots, of the given trust material and of the given keys.
    pub(super) fn new(trust: TrustMaterial, keys: &[PathBuf]) -> Result<Self, UsageError> {
        let mut trusters = Vec::new();
        let given = trust.roots().map(|(name, _)| name);
        let others = given.filter(|name| !SigstoreRoot::BUILT_IN.contains(name));
        for name in SigstoreRoot::BUILT_IN.into_iter().chain(others) {
            trusters.push(Truster::Root {
                name: name.to_owned(),
                thresholds: Vec::new(),
            });
        }
        for file in keys {
            trusters.push(Truster::Key {
                file: file.clone(),
                text: usage::read_text(file)?,
            });
        }
        trusters.extend(stores(&trust));
        let mut trials = Self {
            policies: policies(&trusters)?,
            trusters,
            trust,
        };
        trials.policies.complete(&mut trials.trust);
        trials.lower_thresholds();
        trials.policies = policies(&trials.trusters)?;
        Ok(trials)
    }

    /// Asks no trust root for more witnesses than it has.
    fn lower_thresholds(&mut self) {
        for out in self.policies.out_of_reach(&self.trust, |_| false) {
            let index = out.authority.parse::<usize>().ok();
            let truster = index.and_then(|index| self.trusters.get_mut(index));
            let (
                Some(Truster::Root { thresholds, .. }),
                Lacking::Witnesses {
                    field,
                    found,
                    instead,
                    ..
                },
            ) = (truster, out.why)
            else {
                continue;
            };
            thresholds.push((field, found));
            thresholds.extend(instead.map(|field| (field, 1)));
        }
    }

    /// The one that an authority of the made-up policy stands for.
    pub(super) fn truster(&self, authority: &str) -> Option<&Truster> {
        let index = authority.parse::<usize>().ok()?;
        self.trusters.get(index)
    }

    /// The trust roots, in words.
    pub(super) fn roots(&self) -> String {
        let roots = self.trusters.iter().filter_map(|truster| match truster {
            Truster::Root { name, .. } => Some(name.as_str()),
            _ => None,
        });
        roots.collect::<Vec<_>>().join(", ")
    }

    /// The same, with what people call them in place of the authorities' names.
    pub(super) fn named(&self, mut inspection: Inspection) -> Inspection {
        let artifacts = inspection.artifacts.iter_mut();
        for seen in artifacts.flat_map(|artifact| &mut artifact.signatures) {
            for trial in &mut seen.trials {
                let Some(truster) = self.truster(&trial.by) else {
                    continue;
                };
                trial.by = truster.called();
                if let Some(proven) = &mut trial.verified {
                    proven.signer.authority.clone_from(&trial.by);
                }
            }
        }
        inspection
    }
}

fn stores(trust: &TrustMaterial) -> Vec<Truster> {
    let named = |wanted: fn(StoreKind) -> bool| {
        let stores = trust.stores().map(|(name, _)| name);
        let stores = stores.filter(move |name| wanted(name.kind));
        stores.map(ToString::to_string).collect::<Vec<_>>()
    };
    let timestamping = named(|kind| kind == StoreKind::Tsa);
    let signing = named(|kind| kind != StoreKind::Tsa);
    let truster = |name| Truster::Store {
        name,
        timestamping: timestamping.clone(),
    };
    signing.into_iter().map(truster).collect()
}

/// The made-up policy: an authority for each, by its place.
fn policies(trusters: &[Truster]) -> Result<Policies, UsageError> {
    let authorities = trusters.iter().enumerate().map(|(index, truster)| {
        let mut authority = truster.authority();
        set(&mut authority, "name", json!(index.to_string()));
        authority
    });
    let policy = json!({
        "apiVersion": "sealgate.dev/v1alpha1",
        "kind": "TrustPolicy",
        "metadata": {"name": "inspect"},
        "spec": {"images": [{"glob": "**"}], "authorities": authorities.collect::<Vec<_>>()},
    });
    let file = PolicyFile {
        name: "command line".to_owned(),
        text: policy.to_string(),
    };
    file::load(&[file], NoMatch::Deny, &file::only_inline_keys).map_err(UsageError::all)
}

fn set(object: &mut Value, field: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
}
