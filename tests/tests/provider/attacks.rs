//! Known attacks on the service as a whole: each test carries the id that it has in
//! `tests/claims.txt`.

use std::sync::{Arc, Mutex};

use sealgate_testkit::publish::{self, Listing};
use sealgate_testkit::rego::{
    ExternalData, ProviderAnswer, RegoGate, Review, VERIFIED_IMAGES, VERIFIED_IMAGES_V1,
};
use sealgate_testkit::sign;
use serde_json::json;

use crate::world::{World, policy_for, provider_request};

/// What a constraint says of a Pod with this image, when the real provider answers.
async fn admitted(world: &World, template: &str, image: &str) -> Vec<String> {
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "prod"},
        "spec": {"containers": [{"name": "app", "image": image}]},
    });
    let gate = RegoGate::new(template).unwrap();
    let review = Review::create(pod);
    // Once to learn what is asked, once with the answer.
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let keys = asked.clone();
    let nobody = ExternalData::new().provider("sealgate", move |asked| {
        keys.lock().unwrap().extend_from_slice(asked);
        ProviderAnswer::Unreachable("not yet".to_owned())
    });
    assert_eq!(gate.review(&review, &nobody).unwrap().len(), 1);
    let keys = asked.lock().unwrap().clone();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    assert!(!keys.is_empty());
    let reply = world.post("/v1/validate", provider_request(&keys)).await;
    let (status, body) = (reply.status.as_u16(), reply.body);
    let provider =
        ExternalData::new().provider("sealgate", move |_| ProviderAnswer::json(status, &body));
    let violations = gate.review(&review, &provider).unwrap();
    violations
        .into_iter()
        .map(|violation| violation.message)
        .collect()
}

#[tokio::test]
async fn an_attestation_of_another_type_admits_nothing_through_http_and_rego_adv_05() {
    const WANTED: &str = "https://spdx.dev/Document";
    let world = World::with(|_| {}).await;
    let rule = format!(
        "  require: attestationsOnly\n  attestations:\n  - name: sbom\n    predicateType: {WANTED}\n"
    );
    world.write(
        "policies/production.yaml",
        &world.policy("production", &rule),
    );
    let images = [WANTED, "https://cosign.sigstore.dev/attestation/vuln/v1"].map(|kind| {
        let image = world.image("app", &kind.len().to_string());
        let statement = sign::statement(&image.digest, kind, &json!({"x": 1}));
        let bundle = sign::bundle(&world.key, &statement);
        let registry = &world.registry;
        publish::bundle(
            registry,
            &image.repository,
            &image.descriptor,
            &bundle,
            Listing::Api,
        );
        image.pinned()
    });
    let refusal =
        |verdict: &serde_json::Value| verdict["reasons"][0]["code"] == "no_matching_attestation";
    let verdict = world.until(&images[1], refusal).await;
    assert_eq!(verdict["verified"], false);
    for template in [VERIFIED_IMAGES, VERIFIED_IMAGES_V1] {
        let none: [String; 0] = [];
        assert_eq!(admitted(&world, template, &images[0]).await, none);
        let refused = admitted(&world, template, &images[1]).await;
        assert_eq!(refused.len(), 1, "{refused:?}");
    }
}

/// Names whose parts would run together without a separator are still several questions.
#[tokio::test]
async fn questions_share_an_answer_only_if_they_are_the_same_atk_13() {
    let world = World::new().await;
    let names = [
        ("a/b", "c-d"),
        ("a/b-c", "d"),
        ("a", "b-c-d"),
        ("a-b", "c-d"),
        ("a.b", "c"),
        ("a", "b.c"),
        ("a__b", "c"),
        ("a", "b__c"),
        ("prod", "v1"),
        ("prod/v1", "latest"),
        ("latest", "v1"),
    ];
    let images = names.map(|(repository, tag)| (world.signed(repository, tag), tag));
    for _ in ["cold", "from the cache"] {
        for (image, tag) in &images {
            let tagged = image.tagged(tag);
            let forms = [
                tagged.clone(),
                json!({"image": tagged, "namespace": "a"}).to_string(),
                json!({"image": tagged, "namespace": "a-b"}).to_string(),
                image.pinned(),
            ];
            for form in forms {
                let verdict = world.verdict(&form).await;
                assert_eq!(
                    verdict["image"]["digest"],
                    image.digest.to_string(),
                    "{form}"
                );
                assert_eq!(verdict["verified"], true, "{form}");
            }
        }
    }
}

#[tokio::test]
async fn a_clock_that_jumps_revives_nothing_and_extends_nothing_atk_14() {
    let world = World::new().await;
    let image = world.signed("app", "1.0").tagged("1.0");
    let policy = policy_for(&world.key, "production", "");
    let bounded = policy.replace(
        "    key:\n",
        "    key:\n      validFor: {end: 2027-01-15T09:00:00Z}\n",
    );
    assert_ne!(policy, bounded);
    world.write("policies/production.yaml", &bounded);
    world
        .until(&image, |verdict| verdict["validUntil"].is_string())
        .await;
    assert_eq!(world.verdict(&image).await["cache"]["status"], "hit");

    // Forward, beyond the key's end: also what is cached is no longer believed.
    world.clock.set_off(7200);
    let verdict = world.verdict(&image).await;
    assert_eq!(verdict["verified"], false);
    assert_eq!(verdict["reasons"][0]["code"], "key_outside_validity");
    // Back: once the refusal is forgotten, it is right again.
    world.clock.set_off(0);
    world.clock.advance(300);
    assert_eq!(world.verdict(&image).await["verified"], true);
    // Far back: no life gets longer, for lives are told by a clock that nobody sets.
    world.clock.set_off(-86_400);
    world.verdict(&image).await;
    let before = world.registry.requests().len();
    world.clock.advance(30 * 86_400);
    world.verdict(&image).await;
    assert!(
        world.registry.requests().len() > before,
        "the registry is asked again"
    );
}
