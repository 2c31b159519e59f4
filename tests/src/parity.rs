//! One request, judged natively and, with the feature `wasm-host`, in wasm: the bytes must be equal.

use std::collections::BTreeMap;

use sealgate_core::{Evidence, UnixTime};
use serde_json::{Value, json};

#[cfg(feature = "wasm-host")]
use crate::wasm::Host;

/// Everything a verdict is made from.
#[derive(Clone, Debug)]
pub struct Question {
    /// The evidence.
    pub evidence: Evidence,
    /// The policies, as text.
    pub policies: Vec<String>,
    /// Trust roots by name: documents of `trusted_root.json`.
    pub trust_roots: BTreeMap<String, Value>,
    /// Trust stores by name (`ca:acme`): PEM certificates.
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
    #[expect(clippy::expect_used, reason = "a trap is what this finds")]
    pub fn judge(&self) -> Value {
        let request = self.request();
        let native = sealgate_policy_wasm::verify(&request);
        #[cfg(feature = "wasm-host")]
        {
            let wasm = Host::shared().verify(&request).expect("the module answers");
            assert_eq!(
                String::from_utf8_lossy(&native),
                String::from_utf8_lossy(&wasm),
                "native and wasm verdicts differ"
            );
        }
        serde_json::from_slice(&native).expect("a response is JSON")
    }
}
