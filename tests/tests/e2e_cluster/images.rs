//! Who may come in: by signature, by kind of object, by place in the Pod.

use sealgate_tests::e2e::{Expect, Table};

use crate::objects::{cron_job, deployment, pod, pod_with_init};
use crate::world::World;

const UNSIGNED: &str = "is not signed as the policy demands";
const UNTRUSTED: &str = "is not signed by anyone whom the policy trusts";

pub(crate) fn run(world: &World, table: &mut Table) {
    signatures(world, table);
    forgeries(world, table);
    kinds(world, table);
    places(world, table);
}

fn signatures(world: &World, table: &mut Table) {
    let signer = &world.signer;
    let kubectl = world.kubectl();
    let mut admitted = |scenario: &str, name: &str, image: &str| {
        let outcome = kubectl.create(&pod("prod", name, &[image]));
        table.admission(scenario, Expect::Admitted, &outcome);
    };

    let (tagged, pinned) = world.image("bundle");
    signer.sign(&world.release, &pinned).unwrap();
    admitted("Pod, signed by cosign v3, by tag", "v3-tag", &tagged);
    admitted("Pod, signed by cosign v3, by digest", "v3-digest", &pinned);

    let (tagged, pinned) = world.image_at(world.referrers.host(), "bundle");
    signer.sign(&world.release, &pinned).unwrap();
    admitted("Pod, cosign v3, through the referrers API", "api", &tagged);

    let (tagged, pinned) = world.image("legacy");
    signer.sign_v2(&world.release, &pinned).unwrap();
    admitted("Pod, signed by cosign v2", "v2", &tagged);

    for format in ["jws", "cose"] {
        let name = format!("notation-{format}");
        let (tagged, pinned) = world.image(&name);
        signer.notation(&world.notary, format, &pinned).unwrap();
        admitted(
            &format!("Pod, signed by notation ({format})"),
            &name,
            &tagged,
        );
    }
}

fn forgeries(world: &World, table: &mut Table) {
    let signer = &world.signer;
    let kubectl = world.kubectl();
    let mut denied = |scenario: &str, name: &str, image: &str, message: &str| {
        let outcome = kubectl.create(&pod("prod", name, &[image]));
        table.admission(scenario, Expect::Denied(message), &outcome);
    };

    let (unsigned, _) = world.image("unsigned");
    denied("Pod, unsigned", "unsigned", &unsigned, UNSIGNED);

    let (tagged, pinned) = world.image("stranger");
    signer.sign(&world.stranger, &pinned).unwrap();
    denied("Pod, signed by a stranger", "stranger", &tagged, UNTRUSTED);

    // Rebuilt after it was signed, under the same tag.
    let (tagged, pinned) = world.image("tampered");
    signer.sign(&world.release, &pinned).unwrap();
    world.image("tampered");
    denied(
        "Pod, tampered with after signing",
        "tampered",
        &tagged,
        UNSIGNED,
    );

    // The genuine signature of another image, where this image's would be.
    let (_, genuine) = world.image("transplanted");
    signer.sign_v2(&world.release, &genuine).unwrap();
    let other = signer.push(&genuine.replace(&genuine[genuine.find('@').unwrap()..], ":v2"));
    let other = other.unwrap();
    signer
        .crane(&["copy", &signature_tag(&genuine), &signature_tag(&other)])
        .unwrap();
    let scenario = "Pod, with the signature of another image";
    denied(
        scenario,
        "transplanted",
        &other,
        "carries a broken or forged signature",
    );

    let missing = format!("{}/prod/missing:v1", world.distribution.host());
    denied(
        "Pod, an image that does not exist",
        "missing",
        &missing,
        "does not exist in its registry",
    );
    let elsewhere = format!("{}/other/app:v1", world.distribution.host());
    let pinned = signer.push(&elsewhere).unwrap();
    signer.sign(&world.release, &pinned).unwrap();
    let message = "is covered by no trust policy";
    denied(
        "Pod, an image no policy covers",
        "elsewhere",
        &elsewhere,
        message,
    );
}

fn kinds(world: &World, table: &mut Table) {
    let kubectl = world.kubectl();
    let good = world.signed("workload");
    let (bad, _) = world.image("workload-unsigned");
    let (stranger, pinned) = world.image("workload-stranger");
    world.signer.sign(&world.stranger, &pinned).unwrap();
    for (scenario, expect, object) in [
        (
            "Deployment, signed",
            Expect::Admitted,
            deployment("prod", "good", &good, None),
        ),
        (
            "Deployment, unsigned",
            Expect::Denied(UNSIGNED),
            deployment("prod", "bad", &bad, None),
        ),
        (
            "Deployment, signed by a stranger",
            Expect::Denied(UNTRUSTED),
            deployment("prod", "stranger", &stranger, None),
        ),
        (
            "CronJob, signed",
            Expect::Admitted,
            cron_job("prod", "good", &good),
        ),
        (
            "CronJob, unsigned",
            Expect::Denied(UNSIGNED),
            cron_job("prod", "bad", &bad),
        ),
    ] {
        table.admission(scenario, expect, &kubectl.create(&object));
    }
    let update = ["set", "image", "-n", "prod", "deployment/good"];
    let to = format!("c0={bad}");
    let outcome = kubectl.run(&[&update[..], &[to.as_str()]].concat());
    let scenario = "kubectl set image to an unsigned one";
    table.admission(scenario, Expect::Denied(UNSIGNED), &outcome);
}

fn places(world: &World, table: &mut Table) {
    let kubectl = world.kubectl();
    let good = world.signed("place");
    let (bad, _) = world.image("place-unsigned");
    let second = kubectl.create(&pod("prod", "second", &[&good, &bad]));
    let scenario = "two containers, the second unsigned";
    table.admission(scenario, Expect::Denied("container \"c1\""), &second);
    let init = kubectl.create(&pod_with_init("prod", "init", &good, &bad));
    let scenario = "unsigned init container";
    table.admission(scenario, Expect::Denied("initContainer \"init\""), &init);
    let init = kubectl.create(&pod_with_init("prod", "init", &good, &good));
    table.admission("signed init container", Expect::Admitted, &init);

    let debug = |image: &str| {
        let image = format!("--image={image}");
        kubectl.run(&[
            "debug",
            "-n",
            "prod",
            "init",
            "-c",
            "debugger",
            "--attach=false",
            &image,
        ])
    };
    let scenario = "kubectl debug with an unsigned image";
    table.admission(
        scenario,
        Expect::Denied("ephemeralContainer \"debugger\""),
        &debug(&bad),
    );
    let scenario = "kubectl debug with a signed image";
    table.admission(scenario, Expect::Admitted, &debug(&good));
}

/// Where cosign v2 puts the signature of `NAME@sha256:HEX`.
fn signature_tag(pinned: &str) -> String {
    let (name, digest) = pinned.split_once('@').unwrap();
    format!("{name}:{}.sig", digest.replace(':', "-"))
}
