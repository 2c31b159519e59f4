//! What happens while something is broken: what `manifests/gatekeeper/README.md` promises.

use std::time::{Duration, Instant};

use http::StatusCode;
use sealgate_testkit::registry::{Fault, Route, Rule};
use sealgate_tests::e2e::{Authority, Expect, Table, wait_until};

use crate::objects::pod;
use crate::world::{RESPONSE_CACHE, World};

const UNDECIDED: &str = "could not be decided on";

pub(crate) fn run(world: &mut World, table: &mut Table) {
    registry_fails(world, table);
    registry_is_slow(world, table);
    provider_hangs(world, table);
    provider_is_down(world, table);
    certificates_rotate(world, table);
    gatekeeper_is_down(world, table);
}

fn registry_fails(world: &World, table: &mut Table) {
    let image = fragile(world, "failing");
    let broken = Fault::Status(StatusCode::SERVICE_UNAVAILABLE);
    world.fragile.fault(Route::ManifestByTag, broken);
    let outcome = world.kubectl().create(&pod("prod", "failing", &[&image]));
    table.admission("registry answers 503", Expect::Denied(UNDECIDED), &outcome);
    world.fragile.clear_faults();
    let outcome = world.kubectl().create(&pod("prod", "failing", &[&image]));
    table.admission("the registry is well again", Expect::Admitted, &outcome);
}

fn registry_is_slow(world: &World, table: &mut Table) {
    let image = fragile(world, "slow");
    let slow = Fault::Latency(Duration::from_millis(2500));
    // The request, and the one that is made when it was silent for a second.
    world
        .fragile
        .inject(Rule::on(Route::ManifestByTag, slow).times(2));
    let outcome = world.kubectl().create(&pod("prod", "slow", &[&image]));
    let within = outcome.took < Duration::from_millis(2900);
    table.admission("registry takes 2.5 s", Expect::Denied(UNDECIDED), &outcome);
    let scenario = "… and that does not wear the webhook's 3 s out";
    let seen = format!("answered after {} ms", outcome.took.as_millis());
    table.row(
        scenario,
        "answered before 2.9 s",
        &seen,
        within,
        outcome.took,
    );
    // What was begun goes on after the answer: the retry finds it.
    let retried = eventually(world, "slow", &image, Duration::from_secs(10));
    table.row(
        "… and a retry is admitted",
        "admitted",
        &retried.0,
        retried.1,
        retried.2,
    );
}

fn provider_hangs(world: &World, table: &mut Table) {
    let image = world.signed("hanging");
    world.provider.freeze().unwrap();
    let outcome = world.kubectl().create(&pod("prod", "hanging", &[&image]));
    world.provider.thaw().unwrap();
    let scenario = "provider hangs (SIGSTOP)";
    table.admission(scenario, Expect::Denied(UNDECIDED), &outcome);
    let retried = eventually(world, "hanging", &image, Duration::from_secs(10));
    table.row(
        "… and goes on (SIGCONT)",
        "admitted",
        &retried.0,
        retried.1,
        retried.2,
    );
}

fn provider_is_down(world: &mut World, table: &mut Table) {
    let image = world.signed("down");
    let remembered = world.kubectl().create(&pod("prod", "down-1", &[&image]));
    table.admission(
        "an image is seen by Gatekeeper",
        Expect::Admitted,
        &remembered,
    );
    world.provider.stop();
    let scenario = "provider killed: within the lifetime of Gatekeeper's cache, or refused";
    let outcome = world.kubectl().create(&pod("prod", "down-2", &[&image]));
    let holds = outcome.ok || outcome.stderr.contains(UNDECIDED);
    let seen = if outcome.ok {
        "admitted"
    } else {
        &outcome.stderr
    };
    table.row(
        scenario,
        "the remembered answer, or denied",
        seen,
        holds,
        outcome.took,
    );

    std::thread::sleep(2 * RESPONSE_CACHE);
    let outcome = world.kubectl().create(&pod("prod", "down-3", &[&image]));
    let scenario = "provider killed: after it";
    table.admission(scenario, Expect::Denied(UNDECIDED), &outcome);

    world.provider.resume().unwrap();
    let outcome = world.kubectl().create(&pod("prod", "down-4", &[&image]));
    table.admission("provider started again", Expect::Admitted, &outcome);
}

fn certificates_rotate(world: &World, table: &mut Table) {
    let image = world.signed("rotated");
    // Both certificate authorities are in the Providers before and after.
    world.manifests.certify().unwrap();
    world.apply(&[]).unwrap();
    let retried = eventually(world, "rotated-1", &image, Duration::from_secs(20));
    let scenario = "the provider's certificate and its CA are renewed";
    table.row(scenario, "admitted", &retried.0, retried.1, retried.2);

    let authority = Authority::new("gatekeeper-ca").unwrap();
    world.gatekeeper.certify(&authority).unwrap();
    let bundle = base64(&authority.pem());
    for (kind, name, count) in [
        (
            "validatingwebhookconfiguration",
            "gatekeeper-validating-webhook-configuration",
            2,
        ),
        (
            "mutatingwebhookconfiguration",
            "gatekeeper-mutating-webhook-configuration",
            1,
        ),
    ] {
        let replace = |index| {
            serde_json::json!({
                "op": "replace",
                "path": format!("/webhooks/{index}/clientConfig/caBundle"),
                "value": bundle,
            })
        };
        let patch = serde_json::Value::from_iter((0..count).map(replace)).to_string();
        let patch = ["patch", kind, name, "--type", "json", "-p", &patch];
        world.kubectl().must(&patch).unwrap();
    }
    let image = world.signed("rotated-client");
    let retried = eventually(world, "rotated-2", &image, Duration::from_secs(30));
    let scenario = "Gatekeeper's certificate and its CA are renewed";
    table.row(scenario, "admitted", &retried.0, retried.1, retried.2);
}

fn gatekeeper_is_down(world: &mut World, table: &mut Table) {
    let image = world.signed("unguarded");
    world.gatekeeper.stop();
    let outcome = world.kubectl().create(&pod("prod", "unguarded", &[&image]));
    let holds = !outcome.ok && outcome.stderr.contains("failed calling webhook");
    let scenario = "Gatekeeper killed (failurePolicy: Fail)";
    let seen = if outcome.ok {
        "admitted"
    } else {
        &outcome.stderr
    };
    table.row(
        scenario,
        "the API server refuses",
        seen,
        holds,
        outcome.took,
    );
    world.gatekeeper.resume().unwrap();
    let retried = eventually(world, "unguarded", &image, Duration::from_secs(30));
    table.row(
        "Gatekeeper started again",
        "admitted",
        &retried.0,
        retried.1,
        retried.2,
    );
}

/// An image in the registry that can be made to fail, signed by the release key.
fn fragile(world: &World, name: &str) -> String {
    let (tagged, pinned) = world.image_at(&world.fragile.host(), name);
    world.signer.sign(&world.release, &pinned).unwrap();
    tagged
}

/// Creates a Pod until it is admitted: what was seen last, whether it was, and after what time.
fn eventually(world: &World, name: &str, image: &str, limit: Duration) -> (String, bool, Duration) {
    let began = Instant::now();
    let mut seen = String::new();
    let admitted = wait_until("admission", limit, || {
        let outcome = world.kubectl().create(&pod("prod", name, &[image]));
        seen = if outcome.ok {
            "admitted".to_owned()
        } else {
            outcome.stderr
        };
        outcome.ok
    });
    (seen, admitted.is_ok(), began.elapsed())
}

fn base64(text: &str) -> String {
    use ::base64::Engine;
    ::base64::engine::general_purpose::STANDARD.encode(text)
}
