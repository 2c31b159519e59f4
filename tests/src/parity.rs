//! One request, judged natively and, with the feature `wasm-host`, in wasm: the bytes must be equal.
//!
//! Every request that is judged here can be kept with its response: see [`crate::verdicts`].

use std::collections::BTreeMap;
use std::ops::Deref;

use sealgate_core::policy::NoMatch;
use sealgate_core::policy::file::{self, PolicyFile, Problem};
use sealgate_core::trust::{SigstoreRoot, StoreName, TrustStore};
use sealgate_core::{Evidence, Policies, TrustMaterial, UnixTime, Verdict};
use serde_json::{Value, json};

use crate::verdicts;
#[cfg(feature = "wasm-host")]
use crate::wasm::Host;

/// Judges a request natively and in wasm, and returns the response that both gave.
///
/// # Panics
/// If they differ, or the module traps.
#[cfg_attr(
    feature = "wasm-host",
    expect(clippy::expect_used, reason = "a trap is what this finds")
)]
#[track_caller]
pub fn ask(request: &[u8]) -> Vec<u8> {
    let native = sealgate_policy_wasm::verify(request);
    #[cfg(feature = "wasm-host")]
    {
        let wasm = Host::shared().verify(request).expect("the module answers");
        assert_eq!(
            String::from_utf8_lossy(&native),
            String::from_utf8_lossy(&wasm),
            "native and wasm verdicts differ"
        );
    }
    verdicts::keep(request, &native);
    native
}

/// Everything a verdict is made from.
#[derive(Clone, Debug)]
pub struct Question {
    /// The evidence.
    pub evidence: Evidence,
    /// The policies, as text.
    pub policies: Vec<String>,
    /// TrustDocuments roots by name: documents of `trusted_root.json`.
    pub trust_roots: BTreeMap<String, Value>,
    /// TrustDocuments stores by name (`ca:acme`): PEM certificates.
    pub trust_stores: BTreeMap<String, Vec<String>>,
    /// The time.
    pub now: UnixTime,
}

impl Question {
    /// The request as wasm hosts send it.
    ///
    /// # Panics
    /// If the evidence pack is not JSON, which it always is.
    #[expect(clippy::expect_used, reason = "a pack is JSON")]
    pub fn request(&self) -> Vec<u8> {
        let evidence: Value =
            serde_json::from_slice(&self.evidence.to_pack()).expect("a pack is JSON");
        let asked = &self.evidence.request;
        let request = json!({
            "image": asked.image,
            "namespace": asked.namespace,
            "policy": asked.policy,
            "evidence": evidence,
            "policies": self.policies,
            "trustRoots": self.trust_roots,
            "trustStores": self.trust_stores,
            "now": self.now,
        });
        request.to_string().into_bytes()
    }

    /// Judges natively and in wasm, and returns the response that both gave.
    ///
    /// # Panics
    /// If they differ, or the module traps.
    #[expect(clippy::expect_used, reason = "a response is JSON")]
    #[track_caller]
    pub fn judge(&self) -> Value {
        serde_json::from_slice(&ask(&self.request())).expect("a response is JSON")
    }
}

/// Policies, and the texts they were read from.
#[derive(Clone, Debug)]
pub struct PolicyTexts {
    texts: Vec<String>,
    policies: Policies,
}

impl PolicyTexts {
    /// Reads policies.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn read(files: &[PolicyFile]) -> Result<Self, Vec<Problem>> {
        let policies = file::load(files, NoMatch::Deny, &file::only_inline_keys)?;
        let texts = files.iter().map(|file| file.text.clone()).collect();
        Ok(Self { texts, policies })
    }
}

impl Deref for PolicyTexts {
    type Target = Policies;

    fn deref(&self) -> &Policies {
        &self.policies
    }
}

/// TrustDocuments material, and the documents it was read from.
#[derive(Clone, Debug, Default)]
pub struct TrustDocuments {
    roots: BTreeMap<String, Value>,
    stores: BTreeMap<String, Vec<String>>,
    material: TrustMaterial,
}

impl TrustDocuments {
    /// Adds a root, as `trusted_root.json`.
    ///
    /// # Panics
    /// If it is none.
    #[expect(clippy::expect_used, reason = "what a test trusts can be read")]
    #[must_use]
    pub fn with_root(mut self, name: &str, root: &Value) -> Self {
        let read = SigstoreRoot::from_json(root.to_string().as_bytes()).expect("a trust root");
        self.material.insert_root(name, read);
        self.roots.insert(name.to_owned(), root.clone());
        self
    }

    /// Adds a store (`ca:acme`) of PEM certificates.
    ///
    /// # Panics
    /// If its name or its certificates cannot be read.
    #[expect(clippy::expect_used, reason = "what a test trusts can be read")]
    #[must_use]
    pub fn with_store(mut self, name: &str, certificates: Vec<String>) -> Self {
        let read: StoreName = name.parse().expect("the name of a store");
        let store = TrustStore::read(read.kind, certificates.iter().map(String::as_bytes));
        self.material
            .insert_store(read, store.expect("certificates"));
        self.stores.insert(name.to_owned(), certificates);
        self
    }
}

impl Deref for TrustDocuments {
    type Target = TrustMaterial;

    fn deref(&self) -> &TrustMaterial {
        &self.material
    }
}

/// Judges by core itself, and by a request, natively and in wasm: all must say the same.
///
/// # Panics
/// If they differ, or nothing is decided.
#[expect(clippy::expect_used, reason = "what is asked here is decided")]
#[track_caller]
pub fn judge(
    evidence: &Evidence,
    policies: &PolicyTexts,
    trust: &TrustDocuments,
    now: UnixTime,
) -> Verdict {
    let mut material = trust.material.clone();
    policies.complete(&mut material);
    let verdict = sealgate_core::verify(evidence, policies, &material, now).expect("a verdict");
    let question = Question {
        evidence: evidence.clone(),
        policies: policies.texts.clone(),
        trust_roots: trust.roots.clone(),
        trust_stores: trust.stores.clone(),
        now,
    };
    let said = String::from_utf8_lossy(&verdict.to_json()).into_owned();
    assert_eq!(
        String::from_utf8_lossy(&ask(&question.request())),
        format!("{{\"verdict\":{said}}}"),
        "a verdict and its request differ"
    );
    verdict
}
