//! What is remembered, what is not, and who waits for whom.

use std::time::Duration;

use http::StatusCode;
use sealgate_testkit::registry::{Fault, Gate, Route, Rule};
use serde_json::Value;

use crate::world::{Reply, World, policy_for, provider_request};

fn status(verdict: &Value) -> &str {
    verdict["cache"]["status"].as_str().unwrap()
}

#[tokio::test]
async fn a_second_question_costs_no_request_by_tag_or_digest_l04_l09() {
    let world = World::new().await;
    let by_tag = world.signed("app", "1.0").tagged("1.0");
    let by_digest = world.signed("other", "1.0").pinned();
    for name in [by_tag, by_digest] {
        let first = world.verdict(&name).await;
        assert_eq!(status(&first), "miss");
        world.registry.clear_requests();
        world.clock.advance(5);
        let second = world.verdict(&name).await;
        assert_eq!(
            (status(&second), &second["cache"]["ageSeconds"]),
            ("hit", &5.into())
        );
        assert!(world.registry.requests().is_empty());
    }
}

#[tokio::test]
async fn a_moved_tag_is_noticed_and_its_verdict_is_not_the_old_images_l01_atk_10() {
    let world = World::new().await;
    let signed = world.signed("app", "1.0");
    let tag = signed.tagged("1.0");
    assert_eq!(world.verdict(&tag).await["verified"], true);
    let unsigned = world.image("app", "evil");
    world
        .registry
        .tag("app", "1.0", &unsigned.digest.to_string());
    world.clock.advance(15);
    let verdict = world.verdict(&tag).await;
    assert_eq!(verdict["verified"], false);
    assert_eq!(verdict["image"]["digest"], unsigned.digest.to_string());
    assert_eq!(world.verdict(&signed.pinned()).await["verified"], true);
}

#[tokio::test]
async fn failures_are_never_remembered_l02() {
    let world = World::new().await;
    let image = world.signed("app", "1.0").tagged("1.0");
    for fault in [
        Fault::Status(StatusCode::TOO_MANY_REQUESTS),
        Fault::Status(StatusCode::INTERNAL_SERVER_ERROR),
        Fault::Reset,
    ] {
        for route in [Route::ManifestByTag, Route::Referrers] {
            world.registry.fault(route, fault.clone());
            let other = image.replace("app", "other");
            world.signed("other", "1.0");
            assert!(
                world
                    .validate(&[&other])
                    .await
                    .system_error()
                    .contains("other")
            );
            world.registry.clear_faults();
            assert_eq!(world.verdict(&other).await["verified"], true);
            world.clock.advance(24 * 3600);
        }
    }
}

#[tokio::test]
async fn a_refusal_is_soon_forgotten_for_the_image_may_be_signed_l02_ops_12() {
    let world = World::new().await;
    let image = world.image("app", "1.0");
    let name = image.pinned();
    assert_eq!(world.verdict(&name).await["outcome"], "unsigned");
    world.sign(&image);
    world.clock.advance(14);
    assert_eq!(status(&world.verdict(&name).await), "hit");
    world.clock.advance(1);
    assert_eq!(world.verdict(&name).await["verified"], true);
    world.clock.advance(15 * 60 - 1);
    assert_eq!(status(&world.verdict(&name).await), "hit");
    world.clock.advance(1);
    assert_eq!(
        status(&world.verdict(&name).await),
        "miss",
        "every entry expires"
    );
}

#[tokio::test]
async fn old_evidence_can_admit_by_a_new_policy_but_not_refuse() {
    let world = World::new().await;
    let image = world.image("app", "1.0");
    let name = image.pinned();
    assert_eq!(world.verdict(&name).await["verified"], false);
    world.clock.advance(60);
    world.sign(&image);
    // The evidence without a signature is a minute old, and there is a new policy.
    world.write("policies/production.yaml", &world.policy("renamed", ""));
    let verdict = world
        .until(&name, |verdict| verdict["policies"][0]["name"] == "renamed")
        .await;
    assert_eq!(verdict["verified"], true);
}

#[tokio::test]
async fn one_digest_in_two_repositories_is_two_images_l05_adv_63_adv_64() {
    let world = World::new().await;
    let signed = world.signed("mine", "1.0");
    let bytes = world.registry.manifest("mine", "1.0").unwrap();
    world
        .registry
        .push_manifest("yours", "1.0", &bytes.0, bytes.1);
    assert_eq!(world.verdict(&signed.pinned()).await["verified"], true);
    let yours = signed.pinned().replace("mine", "yours");
    assert_eq!(world.verdict(&yours).await["outcome"], "unsigned");
}

#[tokio::test]
async fn a_change_of_policy_holds_for_what_is_in_the_cache_l03_atk_11() {
    let world = World::new().await;
    let image = world.signed("app", "1.0").pinned();
    assert_eq!(world.verdict(&image).await["verified"], true);
    let stranger =
        sealgate_testkit::sign::SigningKey::generate(sealgate_testkit::sign::Kind::Ed25519);
    world.registry.clear_requests();
    world.write(
        "policies/production.yaml",
        &policy_for(&stranger, "production", ""),
    );
    let verdict = world
        .until(&image, |verdict| verdict["verified"] == false)
        .await;
    assert_eq!(status(&verdict), "miss");
    let requests = world.registry.requests();
    assert!(
        requests.len() <= 2,
        "evidence is reused but for what was not looked at: {requests:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_identical_questions_cost_one_look_upstream_ops_09() {
    let world = World::with(|config| config.limits.requests = 2000).await;
    let image = world.signed("app", "1.0").tagged("1.0");
    let gate = world.hold(Route::ManifestByTag);
    let ask = || {
        let (address, tls, body) = (world.address(), world.tls(), provider_request(&[&image]));
        tokio::spawn(async move {
            let mut client = sealgate_testkit::https::Https::connect(address, tls)
                .await
                .unwrap();
            Reply::of(&client.post("/v1/validate", body).await.unwrap())
        })
    };
    let all: Vec<_> = (0..200).map(|_| ask()).collect();
    gate.arrivals(1).await;
    gate.open();
    for reply in all {
        assert_eq!(reply.await.unwrap().value(&image)["verified"], true);
    }
    let routes: Vec<_> = world.registry.requests().iter().map(|r| r.route).collect();
    let count = |route| routes.iter().filter(|r| **r == route).count();
    assert_eq!(count(Route::ManifestByTag), 1, "{routes:?}");
    assert_eq!(count(Route::Referrers), 1, "{routes:?}");
    assert_eq!(count(Route::Blob), 1, "{routes:?}");
}

#[tokio::test]
async fn work_goes_on_when_its_caller_leaves_and_is_not_done_twice_l13_l14() {
    let world = World::new().await;
    let image = world.signed("app", "1.0").tagged("1.0");
    let gate = world.hold(Route::Referrers);
    let mut client = world.connect().await;
    let body = provider_request(&[&image]);
    let first = tokio::spawn(async move { client.post("/v1/validate", body).await });
    gate.arrivals(1).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    gate.open();
    assert_eq!(world.verdict(&image).await["verified"], true);
    let requests = world.registry.requests();
    let referrers = requests.iter().filter(|r| r.route == Route::Referrers);
    assert_eq!(referrers.count(), 1);
}

#[tokio::test]
async fn at_the_deadline_nothing_is_claimed_and_what_was_finished_is_kept_l15_l17_ops_11() {
    let world = World::with(|config| config.timeouts.request = Duration::from_secs(1)).await;
    let fast = world.signed("fast", "1.0").tagged("1.0");
    let slow = world.signed("slow", "1.0").tagged("1.0");
    let gate = Gate::new();
    let rule = Rule::on(Route::Referrers, Fault::Gate(gate.clone()));
    world.registry.inject(rule.repository("slow"));
    let reply = world.validate(&[&fast, &slow]).await;
    let error = reply.system_error();
    assert!(
        error.contains("deadline_exceeded") && error.contains(&slow),
        "{error}"
    );
    assert!(!error.contains(&fast), "{error}");
    assert_eq!(status(&world.verdict(&fast).await), "hit");
    gate.open();
    // The work that was begun for the first caller fills the cache.
    let wait = async { while world.validate(&[&slow]).await.items().is_empty() {} };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .unwrap();
    let requests = world.registry.requests();
    let referrers = requests.iter().filter(|r| r.route == Route::Referrers);
    // One for each image; and the silent one is asked once more, on another connection.
    assert!((2..=3).contains(&referrers.count()), "{requests:?}");
}

#[tokio::test]
async fn while_the_registry_is_down_a_young_enough_verdict_is_given_out_marked_stale() {
    let world = World::new().await;
    let image = world.signed("app", "1.0");
    let names = [image.tagged("1.0"), image.pinned()];
    for name in &names {
        world.verdict(name).await;
    }
    world.registry.down();
    world.clock.advance(3599);
    for name in &names {
        let verdict = world.verdict(name).await;
        assert_eq!(verdict["verified"], true);
        assert_eq!(status(&verdict), "stale");
        assert_eq!(verdict["cache"]["ageSeconds"], 3599);
    }
    world.clock.advance(1);
    for name in &names {
        let reply = world.validate(&[name]).await;
        assert!(
            reply.system_error().contains("registry_unreachable"),
            "{reply:?}"
        );
    }
}

#[tokio::test]
async fn stale_verdicts_do_not_outlive_a_change_of_policy() {
    let world = World::new().await;
    let image = world.signed("app", "1.0").pinned();
    world.verdict(&image).await;
    let stranger =
        sealgate_testkit::sign::SigningKey::generate(sealgate_testkit::sign::Kind::Ed25519);
    world.write(
        "policies/production.yaml",
        &policy_for(&stranger, "other", ""),
    );
    world
        .until(&image, |verdict| verdict["verified"] == false)
        .await;
    world.registry.down();
    world.clock.advance(1000);
    let verdict = world.verdict(&image).await;
    assert_eq!(
        (status(&verdict), &verdict["verified"]),
        ("stale", &false.into())
    );
}

#[tokio::test]
async fn each_key_is_judged_in_its_own_namespace_l18() {
    let world = World::with(|config| {
        let file = config.policies[0].join("production.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        let scoped = text.replace(
            "  authorities:",
            "  namespaces: [\"prod-*\"]\n  authorities:",
        );
        std::fs::write(file, scoped).unwrap();
    })
    .await;
    let image = world.signed("app", "1.0").tagged("1.0");
    let keys: Vec<_> = (0..40)
        .map(|n| format!("[{}-{n}]{image}", if n % 2 == 0 { "prod" } else { "test" }))
        .collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    for _ in 0..2 {
        let reply = world.validate(&keys).await;
        for (n, key) in keys.iter().enumerate() {
            let expected = if n % 2 == 0 { "verified" } else { "no_policy" };
            assert_eq!(reply.value(key)["outcome"], expected, "{key}");
        }
    }
}
