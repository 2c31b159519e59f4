//! A provider that answers what the test wants, and objects to ask it about.

use std::sync::{Arc, Mutex};

use sealgate_core::Code;
use sealgate_testkit::rego::{
    ExternalData, ProviderAnswer, RegoGate, Review, VERIFIED_IMAGES, VERIFIED_IMAGES_V1, Violation,
};
use serde_json::{Value, json};

pub(crate) const DIGEST: &str =
    "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";
pub(crate) const GOOD: &str = "registry.example.com/prod/app:v1";
pub(crate) const BAD: &str = "registry.example.com/prod/unsigned:v1";

/// Reviews with both dialects, which must agree, against a fresh Gatekeeper each.
pub(crate) fn review(
    review: &Review,
    source: impl Fn(&[String]) -> ProviderAnswer + Clone + Send + Sync + 'static,
) -> Vec<Violation> {
    let [v0, v1] = [VERIFIED_IMAGES, VERIFIED_IMAGES_V1].map(|template| {
        let client = ExternalData::new().provider("sealgate", source.clone());
        review_with(template, review, &client)
    });
    assert_eq!(v0, v1, "the dialects disagree on {review:?}");
    v0
}

pub(crate) fn review_with(
    template: &str,
    review: &Review,
    client: &ExternalData,
) -> Vec<Violation> {
    RegoGate::new(template)
        .unwrap()
        .review(review, client)
        .unwrap()
}

/// The situations of all violations, sorted.
pub(crate) fn situations(violations: &[Violation]) -> Vec<&str> {
    let mut found: Vec<_> = violations
        .iter()
        .map(|v| v.details["situation"].as_str().unwrap())
        .collect();
    found.sort_unstable();
    found
}

/// A Pod with one container.
pub(crate) fn pod(image: &str) -> Value {
    pod_with(json!({"containers": [{"name": "app", "image": image}]}))
}

pub(crate) fn pod_with(spec: Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "prod"},
        "spec": spec,
    })
}

/// The image that a key asks about.
pub(crate) fn image_of(key: &str) -> String {
    let key: Value = serde_json::from_str(key).unwrap();
    key["image"].as_str().unwrap().to_owned()
}

/// The verdict on a verified image, complete.
pub(crate) fn verified(image: &str) -> Value {
    json!({
        "schemaVersion": 1,
        "image": {
            "requested": image,
            "reference": format!("registry.example.com/prod/app@{DIGEST}"),
            "digest": DIGEST,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
        },
        "verified": true,
        "outcome": "verified",
        "policies": [{
            "name": "production",
            "revision": "sha256:11",
            "mode": "enforce",
            "outcome": "passed",
            "authorities": [{"name": "release-key", "outcome": "passed", "reasons": []}],
        }],
        "signers": [{"kind": "key", "signs": "image", "name": "release-key"}],
        "attestations": [],
        "checks": [],
        "reasons": [],
        "trustRevision": "sha256:22",
        "validUntil": "2026-01-01T00:00:00Z",
        "cache": {"status": "miss", "ageSeconds": 0},
    })
}

/// The verdict on an image that is not, for this reason.
pub(crate) fn denied(image: &str, code: Code, message: &str) -> Value {
    let mut verdict = verified(image);
    verdict["verified"] = json!(false);
    verdict["outcome"] = json!(code.class().as_str());
    verdict["signers"] = json!([]);
    verdict["policies"][0]["outcome"] = json!("failed");
    verdict["reasons"] = json!([{"code": code.as_str(), "message": message}]);
    verdict
}

/// An item with a value.
pub(crate) fn item(key: &str, value: Value) -> Value {
    json!({"key": key, "value": value})
}

/// An HTTP answer with these items.
pub(crate) fn answer(status: u16, items: &[Value], system_error: &str) -> ProviderAnswer {
    ProviderAnswer::json(
        status,
        &json!({
            "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
            "kind": "ProviderResponse",
            "response": {"idempotent": true, "items": items, "systemError": system_error},
        }),
    )
}

/// A well-behaved provider: everything but `BAD` is signed.
pub(crate) fn honest(keys: &[String]) -> ProviderAnswer {
    let items: Vec<_> = keys
        .iter()
        .map(|key| item(key, judge(&image_of(key))))
        .collect();
    answer(200, &items, "")
}

pub(crate) fn judge(image: &str) -> Value {
    if image == BAD {
        denied(image, Code::NoSignatures, "no signature was found")
    } else {
        verified(image)
    }
}

/// The keys of each call.
pub(crate) type Calls = Arc<Mutex<Vec<Vec<String>>>>;

/// An honest provider that notes what it was asked.
pub(crate) fn recording() -> (
    Calls,
    impl Fn(&[String]) -> ProviderAnswer + Clone + Send + Sync + 'static,
) {
    let calls = Calls::default();
    let seen = calls.clone();
    let source = move |keys: &[String]| {
        seen.lock().unwrap().push(keys.to_vec());
        honest(keys)
    };
    (calls, source)
}
