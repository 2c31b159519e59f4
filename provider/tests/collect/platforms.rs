//! What an index lists for platforms, and what lies beside each.

use http::StatusCode;
use sealgate::collect::{CollectError, Wanted};
use sealgate::registry::Limits;
use sealgate_core::evidence::Evidence;
use sealgate_testkit::image::{self, Image};
use sealgate_testkit::publish::{self, Listing};
use sealgate_testkit::registry::{Fault, RegistryOptions, Route, Rule};
use sealgate_testkit::sign::{self, Kind, SigningKey};
use serde_json::json;

use crate::setup::{Setup, soon};

struct Scene {
    setup: Setup,
    index: Image,
    platforms: [Image; 2],
}

impl Scene {
    async fn new(options: RegistryOptions) -> Self {
        let setup = Setup::with(options, Limits::default()).await;
        let (index, platforms) = image::index(&setup.registry, "multi", "v1", "seed");
        let key = SigningKey::generate(Kind::P256);
        for platform in &platforms {
            let statement = sign::statement(&platform.digest, sign::COSIGN_SIGN, &json!({}));
            let bundle = sign::bundle(&key, &statement);
            let subject = &platform.descriptor;
            publish::bundle(&setup.registry, "multi", subject, &bundle, Listing::Api);
            let payload = sign::simple_signing(&platform.name(), &platform.digest, &json!({}));
            let layer = sign::cosign_layer(&key, payload);
            publish::cosign_tag(&setup.registry, "multi", &platform.digest, &[layer]);
        }
        setup.registry.clear_requests();
        Self {
            setup,
            index,
            platforms,
        }
    }

    async fn collect(&self, wanted: Wanted) -> Result<Evidence, CollectError> {
        let image = self.index.tagged("v1");
        self.setup.collect_image(&image, wanted).await
    }
}

fn artifacts(evidence: &Evidence) -> Vec<usize> {
    let platforms = evidence.platforms.iter();
    platforms.map(|one| one.artifacts.len()).collect()
}

#[tokio::test]
async fn platforms_are_fetched_where_they_are_wanted() {
    let scene = Scene::new(RegistryOptions::default()).await;
    let without = scene.collect(Wanted::ALL).await.unwrap();
    assert_eq!(without.platforms, []);
    let all = Wanted::ALL.and_platforms(true);
    let whole = scene.collect(all).await.unwrap();
    let digests = whole.platforms.iter().map(|one| one.manifest.digest());
    assert!(digests.eq(scene.platforms.iter().map(|image| image.digest)));
    assert_eq!(artifacts(&whole), [2, 2]);
    assert_eq!(whole.artifacts, []);
    // In two steps, and in three.
    let referrers = Wanted::REFERRERS.and_platforms(true);
    let some = scene.collect(referrers).await.unwrap();
    assert_eq!(artifacts(&some), [1, 1]);
    let collector = &scene.setup.collector;
    let extended = collector.extend(&some, referrers, all, soon()).await;
    assert_eq!(extended.unwrap().evidence, whole);
    let none = scene.collect(Wanted::REFERRERS).await.unwrap();
    let extended = collector.extend(&none, Wanted::REFERRERS, referrers, soon());
    assert_eq!(extended.await.unwrap().evidence, some);
    let extended = collector.extend(&none, Wanted::REFERRERS, all, soon());
    assert_eq!(extended.await.unwrap().evidence, whole);
    // The pack holds them.
    let carried = Evidence::from_pack(&whole.to_pack()).unwrap();
    assert_eq!(carried.as_it_says(), whole);
}

#[tokio::test]
async fn a_platform_costs_its_manifest_and_what_lies_beside_it() {
    let scene = Scene::new(RegistryOptions::default()).await;
    scene.collect(Wanted::REFERRERS).await.unwrap();
    let before = scene.setup.calls().len();
    scene.setup.registry.clear_requests();
    let wanted = Wanted::REFERRERS.and_platforms(true);
    scene.collect(wanted).await.unwrap();
    // For each: its manifest, its list, and the manifest and the blob of its bundle.
    assert_eq!(scene.setup.calls().len(), before + 2 * 4);
}

/// Whoever pushes an index may name anything: that leaves it to core to refuse.
#[tokio::test]
async fn a_platform_that_does_not_exist_is_left_out_atk_03() {
    let scene = Scene::new(RegistryOptions::default()).await;
    let gone = scene.platforms[1].digest;
    let registry = &scene.setup.registry;
    assert!(registry.remove_manifest("multi", &gone.to_string()));
    let evidence = scene
        .collect(Wanted::ALL.and_platforms(true))
        .await
        .unwrap();
    assert_eq!(evidence.platforms.len(), 1);
    let omitted: Vec<_> = evidence.omitted.iter().map(|one| one.digest).collect();
    assert_eq!(omitted, [Some(gone)]);
}

#[tokio::test]
async fn a_registry_that_fails_for_a_platform_leaves_the_image_undecided() {
    let scene = Scene::new(RegistryOptions::default()).await;
    let rule = Rule::on(
        Route::ManifestByDigest,
        Fault::Status(StatusCode::FORBIDDEN),
    );
    let rule = rule.ending(&scene.platforms[1].digest.to_string());
    scene.setup.registry.inject(rule);
    let error = scene.collect(Wanted::ALL.and_platforms(true)).await;
    assert_eq!(error.unwrap_err().code(), "registry_forbidden");
}

/// One image costs at most so much, whatever lies beside its platforms.
#[tokio::test]
async fn noise_beside_platforms_is_bounded_atk_29() {
    let scene = Scene::new(RegistryOptions::default()).await;
    let key = SigningKey::generate(Kind::P256);
    for platform in &scene.platforms {
        for n in 0..60 {
            let statement = sign::statement(&platform.digest, "https://n.example", &json!(n));
            let bundle = sign::bundle(&key, &statement);
            let subject = &platform.descriptor;
            publish::bundle(
                &scene.setup.registry,
                "multi",
                subject,
                &bundle,
                Listing::Api,
            );
        }
    }
    scene.setup.registry.clear_requests();
    let evidence = scene
        .collect(Wanted::REFERRERS.and_platforms(true))
        .await
        .unwrap();
    assert_eq!(artifacts(&evidence), [48, 48]);
    let calls = scene.setup.calls().len();
    assert!(calls <= 200, "{calls}");
}
