//! Signed, unsigned, signed by others; in every place of an object that names an image.

use sealgate_tests::e2e::Table;
use serde_json::{Value, json};

use crate::kyverno::{Expect, KINDS, Kind, Kyverno, object, pod, pod_of};
use crate::world::{NOWHERE, World};

/// What the verdict says of an image without a signature.
pub(crate) const UNSIGNED: &str = "no signature";

pub(crate) fn run(world: &World, table: &mut Table) {
    let kyverno = world.kyverno();
    let (signed, pinned) = world.image("signed");
    world.signer.sign(&world.release, &pinned).unwrap();
    let (signed_v2, pinned_v2) = world.image("signed-v2");
    world.signer.sign_v2(&world.release, &pinned_v2).unwrap();
    let (unsigned, _) = world.image("unsigned");
    let (strangers, by_stranger) = world.image("strangers");
    world.signer.sign(&world.stranger, &by_stranger).unwrap();
    let nowhere = format!("{NOWHERE}/prod/app:v1");

    let unsigned_says = format!("image \"{unsigned}\" is not signed as the policy demands");
    let cases = [
        ("signed by cosign v3", pod(&signed), Expect::Passes),
        ("signed, by digest", pod(&pinned), Expect::Passes),
        ("signed by cosign v2", pod(&signed_v2), Expect::Passes),
        ("unsigned", pod(&unsigned), Expect::Refused(UNSIGNED)),
        (
            "unsigned, named",
            pod(&unsigned),
            Expect::Refused(&unsigned_says),
        ),
        (
            "signed by a stranger",
            pod(&strangers),
            Expect::Refused("is not signed by anyone whom the policy trusts"),
        ),
        (
            "registry down",
            pod(&nowhere),
            Expect::Refused("could not be decided"),
        ),
        (
            "no image name",
            pod("UPPER CASE"),
            Expect::Refused("is not an image"),
        ),
    ];
    for (scenario, object, expect) in &cases {
        for kind in KINDS {
            kyverno.expect(table, kind, scenario, object, *expect);
        }
    }
    places(&kyverno, table, &signed, &unsigned);
}

/// One unsigned image among signed ones, wherever it is.
fn places(kyverno: &Kyverno, table: &mut Table, signed: &str, unsigned: &str) {
    let one = |image: &str| json!([{"name": "one", "image": image}]);
    let with = |field: &str, value: Value| {
        let mut spec = json!({"containers": one(signed)});
        spec[field] = value;
        spec
    };
    let all_signed = json!({
        "containers": [{"name": "a", "image": signed}, {"name": "b", "image": signed}],
        "initContainers": one(signed),
    });
    let template = |spec: Value| json!({"template": {"spec": spec}});
    let deployment = |spec| object("apps/v1", "Deployment", template(spec));
    let job = |spec| json!({"jobTemplate": {"spec": template(spec)}});
    let refused = Expect::Refused(unsigned);
    let bad = || with("containers", one(unsigned));
    let cases = [
        (
            "several containers, all signed",
            pod_of(all_signed.clone()),
            Expect::Passes,
        ),
        (
            "Deployment, all signed",
            deployment(all_signed),
            Expect::Passes,
        ),
        (
            "init container",
            pod_of(with("initContainers", one(unsigned))),
            refused,
        ),
        (
            "ephemeral container",
            pod_of(with("ephemeralContainers", one(unsigned))),
            refused,
        ),
        (
            "image volume",
            pod_of(with(
                "volumes",
                json!([
                    {"name": "scratch", "emptyDir": {}},
                    {"name": "data", "image": {"reference": unsigned}},
                ]),
            )),
            refused,
        ),
        ("Deployment", deployment(bad()), refused),
        (
            "StatefulSet",
            object("apps/v1", "StatefulSet", template(bad())),
            refused,
        ),
        (
            "DaemonSet",
            object("apps/v1", "DaemonSet", template(bad())),
            refused,
        ),
        ("Job", object("batch/v1", "Job", template(bad())), refused),
        (
            "CronJob",
            object("batch/v1", "CronJob", job(bad())),
            refused,
        ),
        (
            "container without an image",
            pod_of(json!({"containers": [{"name": "a", "image": signed}, {"name": "b"}]})),
            Expect::Refused("the key is empty"),
        ),
    ];
    for (scenario, object, expect) in &cases {
        for kind in KINDS {
            kyverno.expect(table, kind, scenario, object, *expect);
        }
    }
    let nothing = pod_of(json!({"containers": []}));
    for (kind, said) in [
        (Kind::Validating, "there is no image to verify"),
        // Kyverno has no message then. No API server lets such a Pod get that far.
        (Kind::Cluster, ""),
    ] {
        kyverno.expect(table, kind, "no container", &nothing, Expect::Refused(said));
    }
}
