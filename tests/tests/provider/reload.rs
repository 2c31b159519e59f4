//! Policies that change, break, and come back.

use std::time::Duration;

use sealgate::{App, Config};

use crate::world::World;

#[tokio::test]
async fn a_new_policy_is_in_force_without_a_restart() {
    let world = World::new().await;
    let image = world.signed("app", "1.0").tagged("1.0");
    let before = world.verdict(&image).await;
    assert_eq!(before["policies"].as_array().unwrap().len(), 1);
    world.write("policies/second.yaml", &world.policy("second", ""));
    let after = world
        .until(&image, |verdict| {
            verdict["policies"].as_array().unwrap().len() == 2
        })
        .await;
    assert_eq!(after["verified"], true);
}

#[tokio::test]
async fn a_broken_policy_leaves_all_of_the_last_good_ones_in_force_l24_l25() {
    let world = World::new().await;
    let image = world.signed("app", "1.0").tagged("1.0");
    let revision = |verdict: serde_json::Value| verdict["policies"][0]["revision"].clone();
    let before = revision(world.verdict(&image).await);
    world.write("policies/broken.yaml", "kind: Nonsense\n");
    let said = "policies: cannot be used, the last good ones are in force";
    let reported = async { while !world.admin("/readyz").await.1.contains(said) {} };
    tokio::time::timeout(Duration::from_secs(30), reported)
        .await
        .unwrap();
    let (_, metrics) = world.admin("/metrics").await;
    assert!(
        metrics.contains(r#"sealgate_load_broken{what="policies"} 1"#),
        "{metrics}"
    );
    assert_eq!(revision(world.verdict(&image).await), before);

    std::fs::remove_file(world.path("policies/broken.yaml")).unwrap();
    let mended = async { while world.admin("/readyz").await.1 != "ready\n" {} };
    tokio::time::timeout(Duration::from_secs(30), mended)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_key_that_a_policy_names_by_file_is_watched_too() {
    let world = World::with(|config| {
        let directory = &config.policies[0];
        let file = directory.join("production.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        let (head, _) = text.split_once("      data:").unwrap();
        let stranger =
            sealgate_tests::sign::SigningKey::generate(sealgate_tests::sign::Kind::Ed25519);
        std::fs::write(directory.join("release.pub"), stranger.public_pem()).unwrap();
        std::fs::write(file, format!("{head}      file: release.pub\n")).unwrap();
    })
    .await;
    let image = world.signed("app", "1.0").tagged("1.0");
    assert_eq!(world.verdict(&image).await["verified"], false);
    world.write("policies/release.pub", &world.key.public_pem());
    let verdict = world
        .until(&image, |verdict| verdict["verified"] == true)
        .await;
    assert_eq!(verdict["signers"][0]["kind"], "key");
}

#[tokio::test]
async fn a_start_without_good_rules_names_every_problem() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("one.yaml"), "kind: Nonsense\n").unwrap();
    std::fs::write(path("root.json"), "{}").unwrap();
    let config = Config {
        policies: vec![path("one.yaml"), path("gone.yaml")],
        trust_roots: vec![sealgate::config::TrustRoot::file("corp", path("root.json"))],
        trust_stores: Some(path("stores")),
        ..Config::default()
    };
    let error = App::new(config).err().unwrap().to_string();
    for expected in [
        "one.yaml:1",
        "gone.yaml:1: cannot be read",
        "root.json: not a trusted_root.json",
        "x509: expected a directory",
    ] {
        assert!(error.contains(expected), "{expected} in {error}");
    }
}
