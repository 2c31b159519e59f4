//! Every answer that a provider can give, and what must come of it: for Gatekeeper and the shipped
//! template.

use http::StatusCode;
use serde_json::{Value, json};

use super::Reply;

/// An answer that proves nothing.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Where a stand-in gives it.
    pub path: &'static str,
    /// What it is.
    pub what: &'static str,
    /// What the person at the prompt is told.
    pub told: &'static str,
}

/// The answers that are no proof. `/good` gives one.
pub const REFUSED: &[Shape] = &[
    shape(
        "/refusal",
        "a refusal",
        "is not signed as the policy demands",
    ),
    shape("/system-error", "a system error", "the registry is down"),
    shape(
        "/both",
        "a proof beside a system error",
        "the registry is down",
    ),
    shape(
        "/status-500",
        "a proof with HTTP status 500",
        "HTTP status 500",
    ),
    shape("/not-found", "404, as text", "could not be decided on"),
    shape("/empty", "204, without a body", "could not be decided on"),
    shape(
        "/malformed",
        "half of a JSON document",
        "could not be decided on",
    ),
    shape("/no-items", "no item", "leaves it out"),
    shape("/other-key", "a proof for another key", "leaves it out"),
    shape("/null", "null for a verdict", "does not prove anything"),
    shape(
        "/no-fields",
        "a verdict without fields",
        "does not prove anything",
    ),
    shape("/a-word", "verified: \"true\"", "does not prove anything"),
    shape(
        "/other-image",
        "a verdict on another image",
        "does not prove anything",
    ),
    shape("/error", "an error for the key", "no such policy"),
    shape(
        "/error-and-proof",
        "a proof with an error for the key",
        "no such policy",
    ),
    shape(
        "/hangs",
        "no answer within the Provider's timeout",
        "could not be decided on",
    ),
];

const fn shape(path: &'static str, what: &'static str, told: &'static str) -> Shape {
    Shape { path, what, told }
}

const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// What a stand-in answers at this path: with nothing at all where there is no such answer.
pub fn answer(path: &str, keys: &[String]) -> Reply {
    let ok = |response: Value| Reply::Body(StatusCode::OK, respond(&response));
    let proofs = || items(keys, proof);
    match path {
        "/good" => ok(json!({"items": proofs()})),
        "/refusal" => ok(json!({"items": items(keys, |image| json!({
            "schemaVersion": 1, "verified": false, "outcome": "unsigned",
            "image": {"requested": image, "digest": DIGEST}, "reasons": [],
        }))})),
        "/system-error" => ok(json!({"systemError": "the registry is down"})),
        "/both" => ok(json!({"items": proofs(), "systemError": "the registry is down"})),
        "/status-500" => Reply::Body(
            StatusCode::INTERNAL_SERVER_ERROR,
            respond(&json!({"items": proofs()})),
        ),
        "/not-found" => Reply::Body(StatusCode::NOT_FOUND, "not found".to_owned()),
        "/empty" => Reply::Body(StatusCode::NO_CONTENT, String::new()),
        "/malformed" => {
            let whole = respond(&json!({"items": proofs()}));
            Reply::Body(StatusCode::OK, whole.split_at(whole.len() / 2).0.to_owned())
        }
        "/no-items" => ok(json!({"items": []})),
        "/other-key" => ok(json!({"items": [{"key": "another", "value": proof("another")}]})),
        "/null" => ok(json!({"items": items(keys, |_| Value::Null)})),
        "/no-fields" => ok(json!({"items": items(keys, |_| json!({}))})),
        "/a-word" => ok(json!({"items": items(keys, |image| {
            let mut verdict = proof(image);
            verdict["verified"] = "true".into();
            verdict
        })})),
        "/other-image" => ok(json!({"items": items(keys, |_| proof("another"))})),
        "/error" => {
            let error = |key| json!({"key": key, "error": "no such policy"});
            ok(json!({"items": keys.iter().map(error).collect::<Vec<_>>()}))
        }
        "/error-and-proof" => {
            let mut items = proofs();
            for item in &mut items {
                item["error"] = "no such policy".into();
            }
            ok(json!({"items": items}))
        }
        _ => Reply::Silence,
    }
}

fn respond(response: &Value) -> String {
    json!({
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "ProviderResponse",
        "response": response,
    })
    .to_string()
}

/// An item for each key, which is JSON with the image.
fn items(keys: &[String], value: impl Fn(&str) -> Value) -> Vec<Value> {
    let item = |key: &String| {
        let parsed: Value = serde_json::from_str(key).unwrap_or_default();
        let image = parsed["image"].as_str().unwrap_or_default();
        json!({"key": key, "value": value(image)})
    };
    keys.iter().map(item).collect()
}

fn proof(image: &str) -> Value {
    json!({
        "schemaVersion": 1,
        "verified": true,
        "image": {"requested": image, "digest": DIGEST},
    })
}
