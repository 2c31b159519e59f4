//! A team that comes from Ratify: its template, its mutator and its Providers' names stay, and
//! sealgate answers. The Providers are those of `docs/migrating-from-ratify.md`.

use std::time::{Duration, Instant};

use http::StatusCode;
use sealgate_testkit::registry::{Fault, Route};
use sealgate_tests::e2e::{Expect, Table, wait_until};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::objects::pod;
use crate::world::World;

const GUIDE: &str = include_str!("../../../docs/migrating-from-ratify.md");

/// Where the guide's Providers point to.
const SERVICE: &str = "https://sealgate.gatekeeper-system.svc:443";

const NAMESPACE: &str = "migrating";

const REFUSED: &str = "failed verification";

pub(crate) fn run(world: &World, table: &mut Table) {
    world.exempt(NAMESPACE);
    providers(world);
    constraint(world, table);
    images(world, table);
    undecided(world, table);
    mutation(world, table);
}

fn create(world: &World, name: &str, image: &str) -> sealgate_tests::e2e::Outcome {
    world.kubectl().create(&pod(NAMESPACE, name, &[image]))
}

/// What the guide shows, with the URL of this machine and the CA that it leaves out.
fn providers(world: &World) {
    let (_, rest) = GUIDE.split_once("```yaml\n").unwrap();
    let (block, _) = rest.split_once("```").unwrap();
    let block: String = block
        .lines()
        .map(|line| format!("{}\n", line.trim_start_matches("   ")))
        .collect();
    for document in serde_norway::Deserializer::from_str(&block) {
        let mut provider = Value::deserialize(document).unwrap();
        let url = provider["spec"]["url"].as_str().unwrap();
        let url = url.replace(SERVICE, &world.provider.url());
        provider["spec"]["url"] = url.into();
        provider["spec"]["caBundle"] = world.ca_bundle().into();
        world.kubectl().apply(&provider).must("apply").unwrap();
    }
}

fn constraint(world: &World, table: &mut Table) {
    let began = Instant::now();
    let kubectl = world.kubectl();
    kubectl.apply(&template()).must("apply").unwrap();
    let constraint = json!({
        "apiVersion": "constraints.gatekeeper.sh/v1beta1",
        "kind": "RatifyVerification",
        "metadata": {"name": "ratify"},
        "spec": {"match": {
            "namespaces": [NAMESPACE],
            "kinds": [{"apiGroups": [""], "kinds": ["Pod"]}],
        }},
    });
    let limit = Duration::from_secs(30);
    wait_until("the constraint", limit, || kubectl.apply(&constraint).ok).unwrap();
    let mut seen = String::new();
    let enforced = wait_until("enforcement", limit, || {
        seen = create(world, "canary", "not an image").stderr;
        seen.contains("denied")
    });
    let scenario = "Ratify's template asks sealgate";
    let expected = "denied: …cannot be answered…";
    let holds = enforced.is_ok() && seen.contains("cannot be answered");
    table.row(scenario, expected, &seen, holds, began.elapsed());
}

/// In the shape of Ratify's default template: what fails the call, an item's error, and negative
/// evidence in a result of its first version.
fn template() -> Value {
    let rego = r#"
package ratifyverification

image_names := [image |
  kinds := ["containers", "initContainers", "ephemeralContainers"]
  image := input.review.object.spec[kinds[_]][_].image
]

answer := external_data({"provider": "ratify-provider", "keys": image_names})

violation[{"msg": msg}] {
  answer.system_error != ""
  msg := sprintf("the provider failed: %s", [answer.system_error])
}

violation[{"msg": msg}] {
  failed := answer.errors[_]
  msg := sprintf("%s cannot be answered: %s", failed)
}

violation[{"msg": msg}] {
  [subject, result] := answer.responses[_]
  result.isSuccess == false
  reports := [text |
    report := result.verifierReports[_]
    report.isSuccess == false
    text := sprintf("%s: %s", [report.verifierName, report.message])
  ]
  msg := sprintf("%s failed verification (%s)", [subject, concat("; ", reports)])
}
"#;
    json!({
        "apiVersion": "templates.gatekeeper.sh/v1beta1",
        "kind": "ConstraintTemplate",
        "metadata": {"name": "ratifyverification"},
        "spec": {
            "crd": {"spec": {"names": {"kind": "RatifyVerification"}}},
            "targets": [{"target": "admission.k8s.gatekeeper.sh", "rego": rego}],
        },
    })
}

fn images(world: &World, table: &mut Table) {
    let good = world.signed("ratify-signed");
    let (unsigned, _) = world.image("ratify-unsigned");
    let (stranger, pinned) = world.image("ratify-stranger");
    world.signer.sign(&world.stranger, &pinned).unwrap();
    let (notation, pinned) = world.image("ratify-notation");
    world
        .signer
        .notation(&world.notary, "jws", &pinned)
        .unwrap();
    let missing = good.replace("ratify-signed", "ratify-missing");
    for (scenario, name, image, expect) in [
        (
            "Ratify's template: signed by cosign",
            "signed",
            &good,
            Expect::Admitted,
        ),
        (
            "… signed by notation",
            "notation",
            &notation,
            Expect::Admitted,
        ),
        (
            "… unsigned",
            "unsigned",
            &unsigned,
            Expect::Denied("production/release: the image has no signature"),
        ),
        (
            "… signed by a stranger",
            "stranger",
            &stranger,
            Expect::Denied("verifies with none of the keys"),
        ),
        (
            "… not in its registry",
            "missing",
            &missing,
            Expect::Denied("image_not_found"),
        ),
    ] {
        table.admission(scenario, expect, &create(world, name, image));
    }
    let outcome = world
        .kubectl()
        .create(&pod(NAMESPACE, "two", &[&good, &unsigned]));
    let scenario = "… one signed, one unsigned";
    table.admission(scenario, Expect::Denied(REFUSED), &outcome);
}

fn undecided(world: &World, table: &mut Table) {
    let (image, pinned) = world.image_at(&world.fragile.host(), "ratify-failing");
    world.signer.sign(&world.release, &pinned).unwrap();
    let broken = Fault::Status(StatusCode::SERVICE_UNAVAILABLE);
    world.fragile.fault(Route::ManifestByTag, broken);
    let outcome = create(world, "failing", &image);
    world.fragile.clear_faults();
    let failed = Expect::Denied("the provider failed");
    table.admission("… while the registry fails", failed, &outcome);
    let scenario = "… and when it is well again";
    table.admission(
        scenario,
        Expect::Admitted,
        &create(world, "failing", &image),
    );
}

fn mutation(world: &World, table: &mut Table) {
    let kubectl = world.kubectl();
    let mutator = json!({
        "apiVersion": "mutations.gatekeeper.sh/v1",
        "kind": "Assign",
        "metadata": {"name": "ratify-mutate-pod-containers"},
        "spec": {
            "applyTo": [{"groups": [""], "versions": ["v1"], "kinds": ["Pod"]}],
            "match": {"namespaces": [NAMESPACE]},
            "location": "spec.containers[name:*].image",
            "parameters": {"assign": {"externalData": {
                "provider": "ratify-mutation-provider",
                "dataSource": "ValueAtLocation",
                "failurePolicy": "Fail",
            }}},
        },
    });
    kubectl.apply(&mutator).must("apply").unwrap();
    let (tagged, pinned) = world.image("ratify-pinned");
    world.signer.sign(&world.release, &pinned).unwrap();
    let expected = format!("{tagged}@{}", pinned.split_once('@').unwrap().1);
    let dry = ["create", "--dry-run=server", "-o", "json", "-f", "-"];
    let began = Instant::now();
    let mut seen = String::new();
    let active = wait_until("the mutator", Duration::from_secs(30), || {
        let outcome = kubectl.pipe(&dry, &pod(NAMESPACE, "pin", &[&tagged]).to_string());
        let object: Value = serde_json::from_str(&outcome.stdout).unwrap_or_default();
        let image = &object["spec"]["containers"][0]["image"];
        seen = image.as_str().unwrap_or(&outcome.stderr).to_owned();
        seen == expected
    });
    let scenario = "Ratify's mutator pins to the digest";
    table.row(scenario, &expected, &seen, active.is_ok(), began.elapsed());

    let (unsigned, _) = world.image("ratify-not-pinned");
    let scenario = "… and refuses what is unsigned";
    let outcome = create(world, "not-pinned", &unsigned);
    table.admission(
        scenario,
        Expect::Denied("is not signed as the policy demands"),
        &outcome,
    );
    let name = ["delete", "assign", "ratify-mutate-pod-containers"];
    kubectl.must(&name).unwrap();
}
