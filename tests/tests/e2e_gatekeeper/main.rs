//! No failure of a provider admits anything: both generations of Gatekeeper's client, the shipped
//! template, and every answer that a provider can give.
//!
//! `tests/e2e.sh gatekeeper`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sealgate_tests::e2e::{
    Authority, ControlPlane, Expect, Gatekeeper, GatekeeperOptions, Generation, Kubectl, StandIn,
    Table, free_port, fresh_folder, shapes, wait_until,
};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real programs: tests/e2e.sh gatekeeper"]
async fn no_answer_but_a_proof_admits_through_kept_alive_connections_ops_14() {
    every_shape("gatekeeper-3.23", Generation::V3_23).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real programs: tests/e2e.sh gatekeeper"]
async fn no_answer_but_a_proof_admits_through_a_connection_per_request_ops_14() {
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
    let stand_in = StandIn::start(&authority, &folder, shapes::answer)
        .await
        .unwrap();
    let cluster = Cluster {
        kubectl: &control_plane.kubectl,
        ca: authority.pem(),
        url: stand_in.url.clone(),
    };
    cluster.install();
    cluster.provider(&cluster.ca, &format!("{}/good", cluster.url));
    table.admission("a proof", Expect::Admitted, &cluster.create("good"));
    for shape in shapes::REFUSED {
        cluster.provider(&cluster.ca, &format!("{}{}", cluster.url, shape.path));
        let outcome = cluster.create(&shape.path[1..]);
        table.admission(shape.what, Expect::Denied(shape.told), &outcome);
    }
    unreachable(&cluster, &mut table);
    cache(&cluster, &mut table);
    connections(&cluster, &stand_in, generation, &mut table);
    table.finish();
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
        let constraint = format!("{root}/manifests/gatekeeper/samples/constraint.yaml");
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
