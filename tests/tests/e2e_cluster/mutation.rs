//! Mutators pin tags to the digest that was verified.

use std::time::{Duration, Instant};

use sealgate_tests::e2e::{Expect, Table, wait_until};

use crate::objects::{deployment, pod, pod_with_init};
use crate::world::World;

pub(crate) fn run(world: &World, table: &mut Table) {
    let kubectl = world.kubectl();
    let sample = world.manifests.path("gatekeeper/samples/pin-digests.yaml");
    kubectl
        .must(&["apply", "-f", &sample.display().to_string()])
        .unwrap();
    let (tagged, pinned) = world.image("pinned");
    world.signer.sign(&world.release, &pinned).unwrap();
    let digest = pinned.split_once('@').unwrap().1;
    let expected = format!("{tagged}@{digest}");
    let dry = ["create", "--dry-run=server", "-o", "json", "-f", "-"];
    let mutated = |object: serde_json::Value| {
        let outcome = kubectl.pipe(&dry, &object.to_string());
        let said = serde_json::from_str(&outcome.stdout).unwrap_or_default();
        (outcome, said)
    };

    let began = Instant::now();
    let active = wait_until("the mutators", Duration::from_secs(30), || {
        let (_, said): (_, serde_json::Value) = mutated(pod("prod", "pin", &[&tagged]));
        said["spec"]["containers"][0]["image"] == expected.as_str()
    });
    let scenario = "Pod by tag is pinned to its digest";
    table.row(
        scenario,
        &expected,
        &expected,
        active.is_ok(),
        began.elapsed(),
    );

    let init = "/spec/initContainers/0/image";
    let pod_init = pod_with_init("prod", "pin-init", &tagged, &tagged);
    let template = "/spec/template/spec/containers/0/image";
    let template_init = "/spec/template/spec/initContainers/0/image";
    let workload = deployment("prod", "pin", &tagged, Some(&tagged));
    let again = pod("prod", "pin-again", &[&expected]);
    for (scenario, object, place) in [
        ("init container is pinned", pod_init, init),
        ("Deployment is pinned", workload.clone(), template),
        (
            "Deployment's init container is pinned",
            workload,
            template_init,
        ),
        (
            "what is pinned stays as it is",
            again,
            "/spec/containers/0/image",
        ),
    ] {
        let (outcome, said) = mutated(object);
        let seen = said.pointer(place).and_then(|image| image.as_str());
        let holds = seen == Some(expected.as_str());
        let seen = seen.unwrap_or(&outcome.stderr);
        table.row(scenario, &expected, seen, holds, outcome.took);
    }
    let (unsigned, _) = world.image("not-pinned");
    let (outcome, _) = mutated(pod("prod", "not-pinned", &[&unsigned]));
    let scenario = "Pod, unsigned, is not pinned but refused";
    table.admission(
        scenario,
        Expect::Denied("is not signed as the policy demands"),
        &outcome,
    );
    kubectl
        .must(&["delete", "-f", &sample.display().to_string()])
        .unwrap();
}
