//! Policies that change, break, and come back.

use std::time::Duration;

use sealgate::config::NoMatchPolicy;
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
            sealgate_testkit::sign::SigningKey::generate(sealgate_testkit::sign::Kind::Ed25519);
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

/// Waits until readiness says this, and nothing else is wrong.
async fn readiness(world: &World, said: &str) {
    let wait = async { while world.admin("/readyz").await.1 != said {} };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .unwrap();
}

const REFUSED: &str = "ready\npolicies: cannot be used, the last good ones are in force\n";

#[tokio::test]
async fn a_fifo_among_the_policies_is_named_and_its_end_noticed_f26() {
    let world = World::new().await;
    let image = world.signed("app", "1.0").tagged("1.0");
    assert_eq!(world.verdict(&image).await["verified"], true);
    for fifo in ["policies/pipe.yaml", "policies/notes.txt"] {
        crate::world::make_fifo(&world.path(fifo));
        if fifo.ends_with(".yaml") {
            readiness(&world, REFUSED).await;
        }
        assert_eq!(world.verdict(&image).await["verified"], true);
        std::fs::remove_file(world.path(fifo)).unwrap();
        readiness(&world, "ready\n").await;
    }
    world.write("policies/second.yaml", &world.policy("second", ""));
    world
        .until(&image, |verdict| {
            verdict["policies"].as_array().unwrap().len() == 2
        })
        .await;
}

#[tokio::test]
async fn a_policy_directory_that_becomes_empty_is_not_believed_f28() {
    for no_match in [
        NoMatchPolicy::Deny,
        // Then it would let everything in.
        NoMatchPolicy::DangerAllowUnverified,
    ] {
        let world = World::with(|config| config.no_match_policy = no_match).await;
        let unsigned = world.image("app", "1.0").tagged("1.0");
        let signed = world.signed("app", "2.0").tagged("2.0");
        let policy = world.path("policies/production.yaml");
        let away = world.path("away.yaml");
        std::fs::rename(&policy, &away).unwrap();
        readiness(&world, REFUSED).await;
        assert_eq!(world.verdict(&unsigned).await["outcome"], "unsigned");
        assert_eq!(world.verdict(&signed).await["outcome"], "verified");
        let (_, metrics) = world.admin("/metrics").await;
        let broken = r#"sealgate_load_broken{what="policies"} 1"#;
        assert!(metrics.contains(broken), "{metrics}");
        std::fs::rename(&away, &policy).unwrap();
        readiness(&world, "ready\n").await;
    }
}

#[tokio::test]
async fn a_policy_directory_may_become_empty_where_the_configuration_says_so_f28() {
    let world = World::with(|config| config.danger_allow_empty_policies = true).await;
    let image = world.signed("app", "1.0").tagged("1.0");
    assert_eq!(world.verdict(&image).await["outcome"], "verified");
    std::fs::remove_file(world.path("policies/production.yaml")).unwrap();
    let verdict = world.until(&image, |verdict| verdict["verified"] == false);
    assert_eq!(verdict.await["outcome"], "no_policy");
}

#[test]
fn a_start_with_an_empty_policy_directory_says_what_may_be_missing_f28() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config {
        policies: vec![directory.path().to_owned()],
        ..Config::default()
    };
    let error = App::new(config).err().unwrap().to_string();
    let name = directory.path().display().to_string();
    assert!(error.starts_with(&name), "{error}");
    for expected in ["holds no policy", "mounted", "dangerAllowEmptyPolicies"] {
        assert!(error.contains(expected), "{expected} in {error}");
    }
}

#[tokio::test]
async fn a_policy_that_can_never_pass_leaves_the_last_good_ones_in_force() {
    let world = World::new().await;
    let image = world.signed("app", "1.0").tagged("1.0");
    assert_eq!(world.verdict(&image).await["verified"], true);
    let policy = world.policy("second", "");
    let (head, _) = policy.split_once("  - name:").unwrap();
    let nowhere = format!(
        "{head}  - name: ci\n    keyless:\n      trustRoot: publicgood\n      identities: \
         [{{issuer: \"https://issuer.example.com\", subject: me@example.com}}]\n"
    );
    world.write("policies/second.yaml", &nowhere);
    let said = "policies: cannot be used, the last good ones are in force";
    let reported = async { while !world.admin("/readyz").await.1.contains(said) {} };
    tokio::time::timeout(Duration::from_secs(30), reported)
        .await
        .unwrap();
    assert_eq!(world.verdict(&image).await["verified"], true);
}
