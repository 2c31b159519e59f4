//! A running provider whose trust root is renewed by TUF.

use std::time::Duration;

use sealgate::Config;
use sealgate::config::{Origin, TrustRoot, Tuf};
use sealgate_testkit::image::Image;
use sealgate_testkit::publish::{self, Listing};
use sealgate_testkit::sign;
use sealgate_testkit::sigstore::{ISSUER, SUBJECT, Signed, Sigstore};
use sealgate_testkit::tuf::Fault;
use serde_json::{Value, json};

use crate::tuf::{Scene, root};
use crate::world::World;

impl Scene {
    /// A configuration with the repository, asked again and again.
    fn configure(&self, config: &mut Config) {
        let tuf = Tuf {
            refresh_every: Duration::from_millis(20),
            ..self.tuf()
        };
        config.trust_roots = vec![TrustRoot {
            name: "corp".to_owned(),
            origin: Origin::Tuf(Box::new(tuf)),
        }];
        config.trust_cache = Some(self.cache());
        std::fs::write(config.policies[0].join("production.yaml"), policy()).unwrap();
    }
}

fn policy() -> String {
    json!({
        "apiVersion": "sealgate.dev/v1alpha1",
        "kind": "TrustPolicy",
        "metadata": {"name": "production"},
        "spec": {
            "images": [{"glob": "**"}],
            "authorities": [{"name": "ci", "keyless": {
                "trustRoot": "corp",
                "identities": [{"issuer": ISSUER, "subject": SUBJECT}],
            }}],
        },
    })
    .to_string()
}

/// An image that the instance of this name has signed.
fn signed_by(world: &World, instance: &str) -> Image {
    let sigstore = Sigstore::new(instance);
    let image = world.image(instance, "1.0");
    let signer = sigstore.signer();
    let statement = sign::statement(&image.digest, sign::COSIGN_SIGN, &json!({}));
    let signed = Signed::statement(&signer.key, &statement);
    let bundle = sigstore.bundle_v1(&signed, &signer).to_string();
    let (subject, listing) = (&image.descriptor, Listing::Api);
    publish::bundle(
        &world.registry,
        &image.repository,
        subject,
        bundle.as_bytes(),
        listing,
    );
    image
}

/// The verdict, once there is one: the first refresh may not be done yet.
async fn decided(world: &World, image: &str) -> Value {
    let wait = async {
        loop {
            let reply = world.validate(&[image]).await;
            match reply.items() {
                [] => tokio::task::yield_now().await,
                _ => return reply.value(image),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .unwrap()
}

async fn until_metrics_say(world: &World, wished: &str) {
    let wait = async { while !world.admin("/metrics").await.1.contains(wished) {} };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .unwrap();
}

fn reason(verdict: &Value) -> &str {
    verdict["reasons"][0]["code"].as_str().unwrap()
}

#[tokio::test]
async fn an_image_signed_under_a_new_root_passes_once_it_is_renewed_without_a_restart_atk_11() {
    let mut scene = Scene::new().await;
    let world = World::with(|config| scene.configure(config)).await;
    let old = signed_by(&world, "first").tagged("1.0");
    let new = signed_by(&world, "second").tagged("1.0");
    let before = decided(&world, &old).await;
    assert_eq!(before["verified"], true);
    let denied = world.verdict(&new).await;
    assert_eq!(denied["verified"], false);
    assert_eq!(reason(&denied), "certificate_untrusted");
    assert_eq!(denied["trustRevision"], before["trustRevision"]);

    scene
        .repository
        .publish("trusted_root.json", root("second"));
    scene.show();
    // The clocks of the caches stand still: neither verdict is out of date by itself.
    let passed = world
        .until(&new, |verdict| verdict["verified"] == true)
        .await;
    assert_ne!(passed["trustRevision"], before["trustRevision"]);
    let revoked = world.verdict(&old).await;
    assert_eq!(reason(&revoked), "certificate_untrusted");
    until_metrics_say(
        &world,
        r#"trust_root_refreshes_total{root="corp",result="ok"}"#,
    )
    .await;
}

#[tokio::test]
async fn a_failing_refresh_leaves_the_last_good_root_in_force_ops_07() {
    let scene = Scene::new().await;
    let world = World::with(|config| scene.configure(config)).await;
    let image = signed_by(&world, "first").tagged("1.0");
    assert_eq!(decided(&world, &image).await["verified"], true);
    scene.server.misbehave(Some(Fault::Status(500)));
    let failed = r#"trust_root_refreshes_total{root="corp",result="repository_refused"}"#;
    until_metrics_say(&world, failed).await;
    assert_eq!(world.admin("/readyz").await.1, "ready\n");
    let other = world.image("other", "1.0").tagged("1.0");
    assert_eq!(world.verdict(&other).await["verified"], false);
    assert_eq!(world.verdict(&image).await["verified"], true);
    let (_, metrics) = world.admin("/metrics").await;
    let refreshed = r#"sealgate_trust_root_refreshed_timestamp_seconds{root="corp"} 1800000000"#;
    assert!(metrics.contains(refreshed), "{metrics}");
    let expires = r#"sealgate_trust_root_expiry_timestamp_seconds{root="corp"} 1800604800"#;
    assert!(metrics.contains(expires), "{metrics}");
}

#[tokio::test]
async fn a_start_needs_no_network_but_what_was_kept_l22() {
    let scene = Scene::new().await;
    // Nothing kept, nothing built in, nothing reachable: undecided, and ready to become decided.
    scene.server.misbehave(Some(Fault::Status(500)));
    let world = World::with(|config| scene.configure(config)).await;
    let image = signed_by(&world, "first").tagged("1.0");
    let reply = world.validate(&[&image]).await;
    let error = reply.system_error();
    assert!(error.contains(r#"needs the trust root "corp""#), "{error}");
    assert_eq!(world.admin("/readyz").await.1, "ready\n");
    scene.server.misbehave(None);
    assert_eq!(decided(&world, &image).await["verified"], true);
    drop(world);

    scene.server.go_down();
    let world = World::with(|config| scene.configure(config)).await;
    let image = signed_by(&world, "first").tagged("1.0");
    assert_eq!(world.verdict(&image).await["verified"], true);
}

#[tokio::test]
async fn a_file_serves_until_the_first_refresh() {
    let scene = Scene::new().await;
    scene.server.go_down();
    let file = scene.directory.path().join("seed.json");
    std::fs::write(&file, root("seed")).unwrap();
    let world = World::with(|config| {
        scene.configure(config);
        if let Origin::Tuf(tuf) = &mut config.trust_roots[0].origin {
            tuf.until_refreshed = Some(file);
        }
    })
    .await;
    let image = signed_by(&world, "seed").tagged("1.0");
    assert_eq!(world.verdict(&image).await["verified"], true);
}
