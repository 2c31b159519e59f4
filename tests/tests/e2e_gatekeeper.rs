//! No failure of a provider admits anything: both generations of Gatekeeper's client, the shipped
//! template, and every answer that a provider can give.
//!
//! `tests/e2e.sh gatekeeper`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use sealgate_tests::e2e::{
    Authority, ControlPlane, Expect, Gatekeeper, GatekeeperOptions, Generation, Kubectl, Reply,
    StandIn, Table, free_port, fresh_folder, wait_until,
};
use serde_json::{Value, json};

const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real programs: tests/e2e.sh gatekeeper"]
async fn no_answer_but_a_proof_admits_through_kept_alive_connections() {
    every_shape("gatekeeper-3.23", Generation::V3_23).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real programs: tests/e2e.sh gatekeeper"]
async fn no_answer_but_a_proof_admits_through_a_connection_per_request() {
    every_shape("gatekeeper-3.17", Generation::V3_17).await;
}

async fn every_shape(suite: &str, generation: Generation) {
    let mut table = Table::new(suite);
    let folder = fresh_folder(env!("CARGO_TARGET_TMPDIR"), suite).unwrap();
    let control_plane = ControlPlane::start(&folder).unwrap();
    let options = GatekeeperOptions {
        generation,
        response_cache_seconds: 60,
        audit_seconds: 600,
    };
    let _gatekeeper = Gatekeeper::start(&control_plane, &folder, options).unwrap();
    let authority = Authority::new("provider CA").unwrap();
    let stand_in = StandIn::start(&authority, &folder, answer).await.unwrap();
    let cluster = Cluster {
        kubectl: &control_plane.kubectl,
        ca: authority.pem(),
        url: stand_in.url.clone(),
    };
    cluster.install();
    let mut shapes = vec![("/good", "a proof", Expect::Admitted)];
    let denied = |(path, what, message)| (path, what, Expect::Denied(message));
    shapes.extend(REFUSED.iter().copied().map(denied));
    for (path, what, expect) in shapes {
        cluster.provider(&cluster.ca, &format!("{}{path}", cluster.url));
        table.admission(what, expect, &cluster.create(&path[1..]));
    }
    unreachable(&cluster, &mut table);
    cache(&cluster, &mut table);
    connections(&cluster, &stand_in, generation, &mut table);
    table.finish();
}

/// Answers that are no proof, and what the person at the prompt is told.
const REFUSED: &[(&str, &str, &str)] = &[
    (
        "/refusal",
        "a refusal",
        "is not signed as the policy demands",
    ),
    ("/system-error", "a system error", "the registry is down"),
    (
        "/both",
        "a proof beside a system error",
        "the registry is down",
    ),
    (
        "/status-500",
        "a proof with HTTP status 500",
        "HTTP status 500",
    ),
    ("/not-found", "404, as text", "could not be decided on"),
    ("/empty", "204, without a body", "could not be decided on"),
    (
        "/malformed",
        "half of a JSON document",
        "could not be decided on",
    ),
    ("/no-items", "no item", "leaves it out"),
    ("/other-key", "a proof for another key", "leaves it out"),
    ("/null", "null for a verdict", "does not prove anything"),
    (
        "/no-fields",
        "a verdict without fields",
        "does not prove anything",
    ),
    ("/a-word", "verified: \"true\"", "does not prove anything"),
    (
        "/other-image",
        "a verdict on another image",
        "does not prove anything",
    ),
    ("/error", "an error for the key", "no such policy"),
    (
        "/hangs",
        "no answer within the Provider's timeout",
        "could not be decided on",
    ),
];

fn answer(path: &str, keys: &[String]) -> Reply {
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
            Reply::Body(StatusCode::OK, whole[..whole.len() / 2].to_owned())
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

fn unreachable(cluster: &Cluster<'_>, table: &mut Table) {
    let undecided = Expect::Denied("could not be decided on");
    let nobody = format!("https://127.0.0.1:{}/good", free_port().unwrap());
    cluster.provider(&cluster.ca, &nobody);
    table.admission("nobody listens", undecided, &cluster.create("nobody"));

    let stranger = Authority::new("another CA").unwrap().pem();
    cluster.provider(&stranger, &format!("{}/good", cluster.url));
    let scenario = "a certificate of another CA";
    table.admission(scenario, undecided, &cluster.create("another-ca"));

    cluster
        .kubectl
        .must(&["delete", "provider", "sealgate"])
        .unwrap();
    let missing = Expect::Denied("does not have, or does not accept, the Provider");
    let outcome = wait_until("the Provider to be gone", Duration::from_secs(20), || {
        cluster.create("gone").stderr.contains("does not have")
    });
    outcome.unwrap();
    table.admission("no Provider", missing, &cluster.create("no-provider"));
}

/// What Gatekeeper remembers, it remembers whatever happens.
fn cache(cluster: &Cluster<'_>, table: &mut Table) {
    cluster.provider(&cluster.ca, &format!("{}/good", cluster.url));
    let first = cluster.create("remembered");
    table.admission("a proof, for the first time", Expect::Admitted, &first);
    cluster.provider(&cluster.ca, &format!("{}/system-error", cluster.url));
    let scenario = "a system error, once there was a proof: from the cache, with status 0";
    table.admission(scenario, Expect::Admitted, &cluster.create("remembered"));
    let scenario = "… and for an image that is not remembered";
    let outcome = cluster.create("forgotten");
    table.admission(scenario, Expect::Denied("the registry is down"), &outcome);
    cluster.provider(&cluster.ca, &format!("{}/good", cluster.url));
    let scenario = "a system error is not remembered";
    table.admission(scenario, Expect::Admitted, &cluster.create("forgotten"));
    let scenario = "an item's error is";
    let outcome = cluster.create("error");
    table.admission(scenario, Expect::Denied("no such policy"), &outcome);
}

fn connections(
    cluster: &Cluster<'_>,
    stand_in: &StandIn,
    generation: Generation,
    table: &mut Table,
) {
    cluster.create("warm-up");
    let (began, before) = (Instant::now(), stand_in.connections());
    for index in 0..5 {
        cluster.create(&format!("connection-{index}"));
    }
    let opened = stand_in.connections() - before;
    let (expected, holds) = match generation {
        Generation::V3_23 => ("0 connections", opened == 0),
        Generation::V3_17 => ("5 connections", opened == 5),
    };
    let seen = format!("{opened} connections");
    table.row(
        "five requests, one by one",
        expected,
        &seen,
        holds,
        began.elapsed(),
    );
}

struct Cluster<'a> {
    kubectl: &'a Kubectl,
    ca: String,
    url: String,
}

impl Cluster<'_> {
    fn install(&self) {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let template = format!("{root}/rego/verified-images/template.yaml");
        self.kubectl.must(&["apply", "-f", &template]).unwrap();
        let constraint = format!("{root}/manifests/samples/constraint.yaml");
        wait_until("the constraint", Duration::from_secs(20), || {
            self.kubectl.run(&["apply", "-f", &constraint]).ok
        })
        .unwrap();
        wait_until("enforcement", Duration::from_secs(20), || {
            self.create("enforced").stderr.contains("denied")
        })
        .unwrap();
    }

    /// Applies the Provider, and waits until Gatekeeper has taken it in.
    fn provider(&self, ca: &str, url: &str) {
        let provider = json!({
            "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
            "kind": "Provider",
            "metadata": {"name": "sealgate"},
            "spec": {"url": url, "timeout": 1, "caBundle": STANDARD.encode(ca)},
        });
        self.kubectl.apply(&provider).must("apply").unwrap();
        // 3.17 does not tell when it has: its controller needs a moment.
        std::thread::sleep(Duration::from_millis(500));
    }

    fn create(&self, name: &str) -> sealgate_tests::e2e::Outcome {
        let image = format!("registry.example.com/{name}:v1");
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"containers": [{"name": "app", "image": image}]},
        });
        let dry = ["create", "--dry-run=server", "-f", "-"];
        self.kubectl.pipe(&dry, &pod.to_string())
    }
}
