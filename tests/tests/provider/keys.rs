//! Keys that come again in the same bytes: their answers are found by these, and are no others than
//! those that would be made anew.

use sealgate_testkit::sign::{Kind, SigningKey};
use serde_json::{Value, json};

use crate::world::{World, policy_for, provider_request};

/// The last of some answers to the same key: the first is made, the second is found by the digest,
/// those after that by the bytes of the key.
async fn asked_again(world: &World, key: &str) -> Value {
    for _ in 0..3 {
        world.verdict(key).await;
    }
    world.verdict(key).await
}

#[tokio::test]
async fn each_answer_is_counted_and_written_down_with_its_age() {
    let mut world = World::new().await;
    let key = world.signed("app", "1.0").tagged("1.0");
    world.verdict(&key).await;
    world.clock.advance(7);
    let verdict = asked_again(&world, &key).await;
    assert_eq!(verdict["cache"], json!({"status": "hit", "ageSeconds": 7}));
    let (_, metrics) = world.admin("/metrics").await;
    let hits = r#"sealgate_decisions_total{outcome="verified",cache="hit"} 4"#;
    assert!(metrics.contains(hits), "{metrics}");
    let lines = world.audit().await;
    assert_eq!(lines.len(), 5);
    let ids: std::collections::BTreeSet<_> = lines
        .iter()
        .map(|line| line["requestId"].as_str())
        .collect();
    assert_eq!(ids.len(), 5, "each has the id of its own request");
    for line in &lines[1..] {
        let mut expected = lines[0].clone();
        expected["requestId"] = line["requestId"].clone();
        expected["time"] = json!("2027-01-15T08:00:07Z");
        (expected["cache"], expected["ageSeconds"]) = (json!("hit"), json!(7));
        assert_eq!(*line, expected);
    }
}

#[tokio::test]
async fn a_tag_is_looked_up_again_when_it_is_time_and_a_refusal_is_soon_forgotten_l01_l02() {
    let world = World::new().await;
    let tag = world.signed("app", "1.0").tagged("1.0");
    assert_eq!(asked_again(&world, &tag).await["verified"], true);
    let unsigned = world.image("app", "evil");
    let evil = unsigned.digest.to_string();
    world.registry.tag("app", "1.0", &evil);
    world.clock.advance(14);
    assert_eq!(world.verdict(&tag).await["verified"], true);
    world.clock.advance(1);
    let verdict = asked_again(&world, &tag).await;
    assert_eq!(verdict["outcome"], "unsigned");
    assert_eq!(verdict["image"]["digest"], evil);
    let digest = unsigned.pinned();
    assert_eq!(asked_again(&world, &digest).await["outcome"], "unsigned");
    world.sign(&unsigned);
    world.clock.advance(15);
    assert_eq!(world.verdict(&digest).await["verified"], true);
}

#[tokio::test]
async fn no_answer_outlives_the_policy_nor_what_it_is_valid_for_l03() {
    let world = World::new().await;
    let image = world.signed("app", "1.0").pinned();
    let policy = policy_for(&world.key, "bounded", "");
    let end = "    key:\n      validFor: {end: 2027-01-15T09:00:00Z}\n";
    world.write(
        "policies/production.yaml",
        &policy.replace("    key:\n", end),
    );
    let bounded = |verdict: &Value| verdict["validUntil"].is_string();
    world.until(&image, bounded).await;
    assert_eq!(asked_again(&world, &image).await["verified"], true);
    world.clock.set_off(7200);
    let verdict = world.verdict(&image).await;
    assert_eq!(verdict["reasons"][0]["code"], "key_outside_validity");
    world.clock.set_off(0);
    world.clock.advance(60);
    assert_eq!(asked_again(&world, &image).await["verified"], true);
    let stranger = SigningKey::generate(Kind::Ed25519);
    let other = policy_for(&stranger, "other", "");
    world.write("policies/production.yaml", &other);
    let refused = |verdict: &Value| verdict["verified"] == false;
    let verdict = world.until(&image, refused).await;
    assert_eq!(verdict["policies"][0]["name"], "other");
    assert_eq!(verdict["reasons"][0]["code"], "signature_invalid");
}

#[tokio::test]
async fn a_key_says_one_thing_on_one_route_and_another_on_the_next_rt_6_rt_11() {
    let world = World::with(|config| {
        let stranger = SigningKey::generate(Kind::Ed25519);
        let strict = policy_for(&stranger, "strict", "").replace("\"**\"", "\"nowhere.test/**\"");
        std::fs::write(config.policies[0].join("strict.yaml"), strict).unwrap();
    })
    .await;
    let image = world.signed("app", "1.0").tagged("1.0");
    assert_eq!(asked_again(&world, &image).await["verified"], true);
    let body = provider_request(&[&image]);
    for _ in 0..3 {
        let strict = world.post("/v1/validate/strict", body.clone()).await;
        assert_eq!(strict.value(&image)["policies"][0]["name"], "strict");
        assert_eq!(strict.value(&image)["verified"], false);
        assert_eq!(world.verdict(&image).await["verified"], true);
    }
    let key = format!("[prod]{image}");
    assert_eq!(asked_again(&world, &key).await["verified"], true);
    let mutated = world.post("/v1/mutate", provider_request(&[&key])).await;
    assert!(mutated.error(&key).starts_with("image_unparsable"));
}
