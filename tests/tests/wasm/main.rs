//! The wasm module: no imports, the same verdicts, and an answer to whatever it is sent.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use sealgate_core::UnixTime;
use sealgate_testkit::pack::Pack;
use sealgate_testkit::sign::{self, COSIGN_SIGN, Kind, SigningKey};
use sealgate_tests::parity::{self, Question};
use sealgate_tests::wasm::Host;
use serde_json::{Value, json};

const IMAGE: &str = "registry.example.com/prod/app:1.0";

fn policy(key: &SigningKey) -> String {
    json!({
        "apiVersion": "sealgate.dev/v1alpha1",
        "kind": "TrustPolicy",
        "metadata": {"name": "prod"},
        "spec": {
            "images": [{"glob": "registry.example.com/**"}],
            "authorities": [{"name": "release", "key": {"data": key.public_pem()}}],
        },
    })
    .to_string()
}

fn question(pack: &Pack, key: &SigningKey) -> Question {
    Question {
        evidence: pack.evidence().clone(),
        policies: vec![policy(key)],
        trust_roots: BTreeMap::new(),
        trust_stores: BTreeMap::new(),
        now: UnixTime::from_seconds(1_800_000_000),
    }
}

#[test]
fn the_module_imports_nothing_and_names_its_version() {
    let host = Host::shared();
    assert_eq!(host.imports(), Vec::<String>::new());
    let mut guest = host.instance().unwrap();
    assert_eq!(
        guest.abi_version().unwrap(),
        sealgate_policy_wasm::ABI_VERSION
    );
    let info: Value = serde_json::from_slice(&guest.info().unwrap()).unwrap();
    assert_eq!(info["abiVersion"], 1);
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn signatures_by_every_kind_of_key_are_judged_alike() {
    for kind in Kind::COSIGN {
        let (key, stranger) = (SigningKey::generate(kind), SigningKey::generate(kind));
        let pack = Pack::image(IMAGE, "a");
        let payload = sign::simple_signing(&pack.repository(), &pack.digest(), &Value::Null);
        let statement = sign::statement(&pack.digest(), COSIGN_SIGN, &json!({}));
        let legacy = pack
            .clone()
            .with_cosign(&[sign::cosign_layer(&key, payload)]);
        let bundle = pack.clone().with_bundle(&sign::bundle(&key, &statement));
        for signed in [legacy, bundle] {
            let verdict = &question(&signed, &key).judge()["verdict"];
            assert_eq!(verdict["verified"], true, "{kind:?}: {verdict}");
            let verdict = &question(&signed, &stranger).judge()["verdict"];
            assert_eq!(verdict["outcome"], "untrusted");
            assert_eq!(verdict["reasons"][0]["code"], "signature_invalid");
        }
        assert_eq!(
            question(&pack, &key).judge()["verdict"]["outcome"],
            "unsigned"
        );
    }
}

#[test]
fn bad_requests_are_answered_and_never_trap() {
    let key = SigningKey::generate(Kind::P256);
    let good: Value =
        serde_json::from_slice(&question(&Pack::image(IMAGE, "a"), &key).request()).unwrap();
    let with = |field: &str, value: Value| {
        let mut request = good.clone();
        request[field] = value;
        request.to_string().into_bytes()
    };
    for (request, code) in [
        (Vec::new(), "request_malformed"),
        (b"\xff\xfe".to_vec(), "request_malformed"),
        (b"{\"now\":1,\"now\":2}".to_vec(), "request_malformed"),
        ("[".repeat(100_000).into_bytes(), "request_malformed"),
        (with("extra", json!(1)), "request_malformed"),
        (with("evidence", json!({})), "evidence_malformed"),
        (
            with("evidence", json!({"schemaVersion": 2})),
            "evidence_malformed",
        ),
        (with("policies", json!(["x: ["])), "policy_invalid"),
        (
            with("policies", json!([{"kind": "TrustPolicy"}])),
            "policy_invalid",
        ),
        (
            with("trustRoots", json!({"corp": {}})),
            "trust_root_invalid",
        ),
        (with("trustStores", json!({"x": []})), "trust_store_invalid"),
        (
            with("trustStores", json!({"ca:x": ["y"]})),
            "trust_store_invalid",
        ),
        (with("now", json!("noon")), "now_invalid"),
    ] {
        let response: Value = serde_json::from_slice(&parity::ask(&request)).unwrap();
        assert_eq!(response["error"]["code"], code, "{response}");
    }
}

/// Within half of what a host gives it, whatever it is sent.
#[test]
fn hostile_requests_are_answered_within_bounds_atk_30() {
    const MEMORY: usize = 256 << 20;
    let key = SigningKey::generate(Kind::P256);
    let good = question(&Pack::image(IMAGE, "a"), &key).request();
    let good: Value = serde_json::from_slice(&good).unwrap();
    let with = |pointer: &str, value: Value| {
        let mut request = good.clone();
        *request.pointer_mut(pointer).unwrap() = value;
        request.to_string().into_bytes()
    };
    let mut nested = "1".to_owned();
    for _ in 0..6 {
        nested = json!({"$serde_json::private::RawValue": nested}).to_string();
    }
    let nested: Value = serde_json::from_str(&format!("[{nested}]")).unwrap_or_default();
    let long = "A".repeat(1 << 18);
    for request in [
        with("/policies", json!([nested.to_string()])),
        with("/policies", json!(vec!["x"; 10_000])),
        with("/policies", json!(["[".repeat(1 << 18)])),
        with("/policies", json!(["{a: &a [*a, *a]}"])),
        with("/trustStores", json!({"ca:x": [long.clone()]})),
        with(
            "/trustRoots",
            json!({"corp": {"tlogs": vec![json!({}); 5_000]}}),
        ),
        with(
            "/evidence",
            json!({"schemaVersion": 1, "artifacts": vec![json!({}); 5_000]}),
        ),
        with("/evidence/subject", json!({"manifest": long.clone()})),
        with("/now", json!("9".repeat(1 << 18))),
        format!("{{\"now\":{}}}", "9".repeat(1 << 18)).into_bytes(),
        vec![0xff; 1 << 20],
        vec![b'{'; 1 << 20],
        "\"\\u0000".repeat(1 << 18).into_bytes(),
    ] {
        let mut guest = Host::shared().instance().unwrap();
        let answer: Value = serde_json::from_slice(&guest.verify(&request).unwrap()).unwrap();
        let code = answer["error"]["code"].as_str();
        assert!(code.is_some(), "{answer}");
        assert!(
            guest.memory_bytes() < MEMORY,
            "{code:?}: {} bytes",
            guest.memory_bytes()
        );
        let again = guest.verify(good.to_string().as_bytes()).unwrap();
        let again: Value = serde_json::from_slice(&again).unwrap();
        assert_eq!(again["verdict"]["outcome"], "unsigned", "after {code:?}");
    }
}

/// As far as an allocator can know: a lie about address or length is an error, and the instance
/// goes on.
#[test]
fn a_host_that_names_a_wrong_place_gets_an_error_rt_27() {
    type Misname = fn(u32, u32) -> (u32, u32);
    let mut guest = Host::shared().instance().unwrap();
    let request = br#"{"image": 7}"#;
    let lies: [(&str, Misname); 6] = [
        ("longer", |ptr, len| (ptr, len + 1)),
        ("much longer", |ptr, _| (ptr, u32::MAX)),
        ("beside", |ptr, len| (ptr + 1, len - 1)),
        ("nowhere", |_, len| (0x7fff_0000, len)),
        ("at the end of all", |_, len| (u32::MAX, len)),
        ("at the beginning", |_, len| (8, len)),
    ];
    for (lie, name) in lies {
        let answer = guest.verify_misnamed(request, name).unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["error"]["code"], "request_malformed", "{lie}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains("sealgate_alloc"), "{lie}: {message}");
    }
    // The first bytes of the room are in it.
    let answer = guest
        .verify_misnamed(b"{}garbage", |ptr, _| (ptr, 2))
        .unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.contains("missing field"), "{answer}");
    let honest = guest.verify(request).unwrap();
    assert!(
        String::from_utf8(honest)
            .unwrap()
            .contains("request_malformed")
    );
}

#[test]
fn memory_is_given_back() {
    let key = SigningKey::generate(Kind::P256);
    let request = question(&Pack::image(IMAGE, "a"), &key).request();
    let mut guest = Host::shared().instance().unwrap();
    guest.verify(&request).unwrap();
    let after_first = guest.memory_bytes();
    for _ in 0..50 {
        guest.verify(&request).unwrap();
    }
    assert_eq!(guest.memory_bytes(), after_first);
}
