//! Whole questions: evidence packs, policies, trust roots, wasm calls, and `verify` over all that
//! an image can have beside it.

use sealgate_core::policy::NoMatch;
use sealgate_core::policy::file::{self, PolicyFile};
use sealgate_core::trust::SigstoreRoot;
use sealgate_core::{Evidence, TrustMaterial, json};
use sealgate_tests::wasm::Host;
use serde_json::{Map, Value};

use crate::scene::{evidence, judge, read, refuse};
use crate::world::{NOW, wasm_fields};

/// An evidence pack.
pub(crate) fn pack(data: &[u8]) {
    let Ok(carried) = Evidence::from_pack(data) else {
        return;
    };
    let evidence = carried.clone().as_it_says();
    let own = carried.question().clone();
    assert_eq!(carried.answering(own).as_ref(), Ok(&evidence));
    let printed = evidence.to_pack();
    let read = Evidence::from_pack(&printed).expect("what is printed reads back");
    let read = read.as_it_says();
    assert_eq!(read, evidence);
    assert_eq!(read.to_pack(), printed);
}

/// A file of policies: `TrustPolicy` or `trustpolicy.json`, and others' that are taken.
pub(crate) fn policy(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let file = PolicyFile {
        name: "policy.yaml".to_owned(),
        text: text.to_owned(),
    };
    let load = || {
        file::load(
            std::slice::from_ref(&file),
            NoMatch::Deny,
            &file::only_inline_keys,
        )
    };
    match load() {
        Ok(policies) => {
            assert!(
                !policies.policies.is_empty(),
                "loaded, and nothing is there"
            );
            let again = load().expect("it loaded before");
            assert_eq!(policies.revision(), again.revision());
            // A policy may be anybody's guess: without evidence nothing proves anything.
            let nothing = evidence("keyless", Vec::new(), Vec::new());
            let mut nothing = nothing;
            nothing.request.policy = None;
            let trust = TrustMaterial::new();
            if let Ok(verdict) = sealgate_core::verify(&nothing, &policies, &trust, NOW) {
                assert!(
                    verdict.outcome.as_str() != "verified",
                    "verified without any evidence"
                );
            }
        }
        Err(problems) => assert!(!problems.is_empty(), "refused for no reason"),
    }
    match file::import(&file, &file::only_inline_keys) {
        Ok(imported) => assert!(imported.iter().all(|one| one.policies.len() < data.len())),
        Err(problems) => assert!(!problems.is_empty(), "not imported for no reason"),
    }
}

/// A trusted root.
pub(crate) fn trusted_root(data: &[u8]) {
    if let Ok(root) = SigstoreRoot::from_json(data) {
        json::check(data).expect("what is read is strict JSON");
        let again = SigstoreRoot::from_json(data).expect("it was read before");
        assert_eq!(root.revision(), again.revision());
        root.anchors();
    }
}

/// Everything at once, with true signatures.
pub(crate) fn verify(data: &[u8]) {
    let (_, evidence) = read(data);
    refuse(&evidence);
    if is_sampled(data) {
        let pack: Value = serde_json::from_slice(&evidence.to_pack()).expect("a pack is JSON");
        let mut request: Map<String, Value> = Map::new();
        request.extend(
            wasm_fields()
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value)),
        );
        for field in ["image", "namespace", "policy"] {
            request.insert(field.to_owned(), pack["request"][field].clone());
        }
        request.insert("evidence".to_owned(), pack);
        same(Value::Object(request).to_string().as_bytes());
    }
}

/// Everything at once, and every signature is good.
pub(crate) fn verify_believing(data: &[u8]) {
    let (_, evidence) = read(data);
    judge(&evidence);
}

/// A call of the wasm module, as a host sends it.
pub(crate) fn wasm_call(data: &[u8]) {
    same(data);
}

/// The answer to a call, which is the same natively and in wasm.
fn same(request: &[u8]) {
    let native = sealgate_policy_wasm::verify(request);
    json::check(&native).expect("an answer is strict JSON");
    let wasm = Host::shared().verify(request).expect("it never traps");
    assert_eq!(
        String::from_utf8_lossy(&native),
        String::from_utf8_lossy(&wasm),
        "native and wasm differ"
    );
}

/// One input in 32 goes to wasm, too, which takes a hundred times as long; always the same ones.
fn is_sampled(data: &[u8]) -> bool {
    let sum = data
        .iter()
        .fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(*byte));
    sum % 32 == 0
}
