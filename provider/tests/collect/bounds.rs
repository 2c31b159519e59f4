//! Whoever may push beside an image makes it neither expensive nor undecided.

use std::time::Duration;

use sealgate::collect::Wanted;
use sealgate::registry::Limits;
use sealgate_core::{Digest, limits};
use sealgate_testkit::image::{INDEX, MANIFEST};
use sealgate_testkit::publish::{EMPTY_CONFIG, Listing};
use sealgate_testkit::registry::{Descriptor, Registry, RegistryOptions, Route};
use sealgate_testkit::sign;
use serde_json::{Value, json};

use super::setup::{Setup, blobs};

/// Manifests beside one image that are fetched, and their bytes.
const MOST_MANIFESTS: usize = 96;
const MANIFESTS_BYTES: usize = 8 << 20;

fn bundle_manifest(layers: &Value) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": sign::BUNDLE,
        "config": Descriptor::of(EMPTY_CONFIG, b"{}"),
        "layers": layers,
    })
}

fn blob_requests(setup: &Setup) -> usize {
    setup
        .calls()
        .iter()
        .filter(|call| call.contains("/blobs/"))
        .count()
}

#[tokio::test]
async fn artifacts_of_others_cost_little_and_hide_nothing_l_21() {
    let setup = Setup::new().await;
    for number in 0..300 {
        setup.attach("application/spdx+json", format!("{number}").as_bytes());
    }
    let bundle = setup.bundle(Listing::Api);
    let evidence = setup.collect(Wanted::REFERRERS).await.unwrap();
    assert_eq!(blobs(&evidence), [bundle.as_slice()]);
    assert_eq!(evidence.artifacts.len(), 1 + 16);
    assert!(
        evidence.omitted.is_empty(),
        "what others attach is no defect"
    );
    assert_eq!(setup.calls().len(), 1 + 1 + 17 + 1);
}

#[tokio::test]
async fn ten_thousand_signatures_are_looked_at_up_to_the_limit_adv_08() {
    let options = RegistryOptions {
        page_size: Some(1000),
        ..RegistryOptions::default()
    };
    let setup = Setup::with(options, Limits::default()).await;
    for number in 0..10_000 {
        setup.attach(sign::BUNDLE, format!("{number}").as_bytes());
    }
    let evidence = setup.collect(Wanted::REFERRERS).await.unwrap();
    assert_eq!(evidence.artifacts.len(), MOST_MANIFESTS);
    assert_eq!(blobs(&evidence).len(), MOST_MANIFESTS);
    assert!(
        evidence
            .omitted
            .iter()
            .any(|omission| omission.why.contains("beside 256 referrers"))
    );
    let pages = 10;
    assert!(setup.calls().len() <= 2 + pages + 2 * MOST_MANIFESTS);
}

/// Also far in front of it in the list, and in whatever order that is.
#[tokio::test]
async fn noise_of_one_format_takes_no_place_of_another_rt_24() {
    let setup = Setup::new().await;
    for number in 0..2_000 {
        let kind = "application/vnd.cncf.notary.signature";
        setup.attach(kind, format!("{number}").as_bytes());
    }
    let bundle = setup.bundle(Listing::Api);
    let evidence = setup.collect(Wanted::REFERRERS).await.unwrap();
    assert!(blobs(&evidence).contains(&bundle.as_slice()));
    assert_eq!(evidence.artifacts.len(), MOST_MANIFESTS);
    // And what was not looked at is said: this is no image without signatures.
    assert!(!evidence.omitted.is_empty());
}

#[tokio::test]
async fn large_manifests_are_left_out_before_they_are_fetched_f1() {
    let setup = Setup::new().await;
    for number in 0..40 {
        let mut manifest = bundle_manifest(&json!([]));
        // No annotation, which the list would repeat.
        manifest["pad"] = json!(format!("{number}{}", "x".repeat(1 << 20)));
        setup.attach_manifest(manifest);
    }
    let signature = setup.bundle(Listing::Api);
    let evidence = setup.collect(Wanted::REFERRERS).await.unwrap();
    assert!(blobs(&evidence).contains(&signature.as_slice()));
    let manifests = evidence.artifacts.iter();
    let bytes: usize = manifests.map(|one| one.manifest.bytes().len()).sum();
    assert!(bytes <= MANIFESTS_BYTES, "{bytes}");
    let fetched = setup.registry.requests();
    let fetched = fetched
        .iter()
        .filter(|r| r.route == Route::ManifestByDigest);
    assert_eq!(fetched.count(), 7 + 1, "what does not fit is not asked for");
    assert_eq!(
        evidence.omitted[0].why,
        "33 manifests beyond 8388608 bytes in all"
    );
}

#[tokio::test]
async fn evidence_that_is_held_leaves_room_for_other_registries_only_f1_f5() {
    let limits = Limits {
        bytes_in_flight: 100 << 20,
        bytes_per_image: 20 << 20,
        longest_wait: Duration::from_millis(1),
        ..Limits::default()
    };
    let setup = Setup::with(RegistryOptions::default(), limits).await;
    setup.attach(sign::BUNDLE, &vec![b'x'; 18 << 20]);
    let held = [
        setup.collected(Wanted::REFERRERS).await.unwrap(),
        setup.collected(Wanted::REFERRERS).await.unwrap(),
    ];
    let error = setup.collected(Wanted::REFERRERS).await.unwrap_err();
    assert_eq!(error.code(), "overloaded");
    drop(held);
    assert!(setup.collected(Wanted::REFERRERS).await.is_ok());
}

#[tokio::test]
async fn a_tag_of_many_layers_pushes_out_no_other_signature() {
    let setup = Setup::new().await;
    let layers: Vec<_> = (0..200u8)
        .map(|number| {
            setup.registry.push_blob("app", vec![number]);
            json!(Descriptor::of(sign::SIMPLE_SIGNING, &[number]))
        })
        .collect();
    let manifest = bundle_manifest(&json!(layers)).to_string();
    let tag = format!("{}.sig", setup.image.digest.tag_prefix());
    setup
        .registry
        .push_manifest("app", tag.as_str(), MANIFEST, manifest);
    let signature = setup.bundle(Listing::Api);
    let evidence = setup.collect(Wanted::ALL).await.unwrap();
    assert!(blobs(&evidence).contains(&signature.as_slice()));
    assert_eq!(blob_requests(&setup), 96);
    assert!(setup.calls().len() <= 200);
}

#[tokio::test]
async fn a_million_layers_are_counted_and_not_fetched_adv_10() {
    let setup = Setup::new().await;
    let layer = json!(Descriptor::of(sign::SIMPLE_SIGNING, b"x"));
    let layers: Vec<_> = std::iter::repeat_n(layer, 20_000).collect();
    let manifest = bundle_manifest(&json!(layers)).to_string();
    assert!(manifest.len() < limits::MANIFEST_BYTES);
    let tag = format!("{}.sig", setup.image.digest.tag_prefix());
    setup
        .registry
        .push_manifest("app", tag.as_str(), MANIFEST, manifest);
    let evidence = setup.collect(Wanted::ALL).await.unwrap();
    assert_eq!(evidence.artifacts.len(), 1);
    assert_eq!(blob_requests(&setup), 1, "equal blobs are fetched once");
}

#[tokio::test]
async fn a_blob_beyond_the_limit_is_left_out_and_named() {
    let setup = Setup::new().await;
    let mut layer = Descriptor::of(sign::BUNDLE, b"small");
    layer.size = limits::BLOB_BYTES as u64 + 1;
    setup.attach_manifest(bundle_manifest(&json!([layer])));
    let evidence = setup.collect(Wanted::REFERRERS).await.unwrap();
    let omitted = &evidence.artifacts[0].omitted[0];
    assert_eq!(omitted.digest, Some(Digest::sha256(b"small")));
    assert_eq!(omitted.why, "larger than 33554432 bytes");
    assert_eq!(blob_requests(&setup), 0);
}

#[tokio::test]
async fn a_blob_larger_than_its_descriptor_says_is_left_out() {
    let setup = Setup::new().await;
    setup.registry.push_blob("app", "larger than it says");
    let mut layer = Descriptor::of(sign::BUNDLE, b"larger than it says");
    layer.size = 3;
    setup.attach_manifest(bundle_manifest(&json!([layer])));
    let good = setup.bundle(Listing::Api);
    let evidence = setup.collect(Wanted::REFERRERS).await.unwrap();
    assert_eq!(blobs(&evidence), [good.as_slice()]);
    let omitted: Vec<_> = evidence
        .artifacts
        .iter()
        .flat_map(|artifact| &artifact.omitted)
        .collect();
    assert!(
        omitted[0].why.contains("more than the 3 allowed"),
        "{omitted:?}"
    );
}

#[tokio::test]
async fn a_blob_that_is_not_there_is_left_out() {
    let setup = Setup::new().await;
    setup.attach_manifest(bundle_manifest(&json!([Descriptor::of(
        sign::BUNDLE,
        b"gone"
    )])));
    let good = setup.bundle(Listing::Api);
    let evidence = setup.collect(Wanted::REFERRERS).await.unwrap();
    assert_eq!(blobs(&evidence), [good.as_slice()]);
    let omitted: Vec<_> = evidence
        .artifacts
        .iter()
        .flat_map(|artifact| &artifact.omitted)
        .collect();
    assert!(omitted[0].why.contains("404"), "{omitted:?}");
}

#[tokio::test]
async fn a_listed_manifest_that_is_gone_is_left_out() {
    let options = RegistryOptions {
        referrers_api: false,
        ..RegistryOptions::default()
    };
    let setup = Setup::with(options, Limits::default()).await;
    setup.bundle(Listing::FallbackTag);
    let evidence = setup.collect(Wanted::REFERRERS).await.unwrap();
    let manifest = evidence.artifacts[0].manifest.digest();
    setup.registry.remove_manifest("app", &manifest.to_string());
    let evidence = setup.collect(Wanted::REFERRERS).await.unwrap();
    assert!(evidence.artifacts.is_empty());
    assert_eq!(evidence.omitted[0].digest, Some(manifest));
}

#[tokio::test]
async fn large_blobs_push_out_no_signature_ops_10() {
    let limits = Limits {
        bytes_per_image: 10_000,
        ..Limits::default()
    };
    let setup = Setup::with(RegistryOptions::default(), limits).await;
    for number in 0..5 {
        setup.attach(sign::BUNDLE, &vec![number; 4000]);
    }
    let signature = setup.bundle(Listing::Api);
    let evidence = setup.collect(Wanted::REFERRERS).await.unwrap();
    let all = blobs(&evidence);
    assert!(all.contains(&signature.as_slice()));
    assert_eq!(all.len(), 3, "the signature, and two of the large ones");
    let omitted: Vec<_> = evidence
        .artifacts
        .iter()
        .flat_map(|artifact| &artifact.omitted)
        .collect();
    assert_eq!(omitted.len(), 3);
    assert_eq!(omitted[0].why, "beyond 10000 bytes in all for one image");
}

#[tokio::test]
async fn indexes_among_referrers_are_not_descended_into_atk_03() {
    let setup = Setup::new().await;
    let child = Descriptor {
        digest: setup.image.digest.to_string(),
        ..setup.image.descriptor.clone()
    };
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [child]});
    let inner = setup.attach_manifest(index.clone());
    let nested = Descriptor {
        digest: inner.to_string(),
        ..Descriptor::of(INDEX, index.to_string().as_bytes())
    };
    setup.attach_manifest(json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [nested]}));
    let evidence = setup.collect(Wanted::REFERRERS).await.unwrap();
    assert_eq!(evidence.artifacts.len(), 2);
    assert_eq!(setup.calls().len(), 1 + 1 + 2);
}

#[tokio::test]
async fn urls_in_descriptors_are_not_visited_adv_33() {
    let elsewhere = Registry::start(RegistryOptions::default()).await.unwrap();
    elsewhere.push_blob("app", "from elsewhere");
    let setup = Setup::new().await;
    let mut layer = json!(Descriptor::of(sign::BUNDLE, b"from elsewhere"));
    let url = format!(
        "{}/v2/app/blobs/{}",
        elsewhere.url(),
        Digest::sha256(b"from elsewhere")
    );
    layer["urls"] = json!([url]);
    setup.attach_manifest(bundle_manifest(&json!([layer])));
    let evidence = setup.collect(Wanted::REFERRERS).await.unwrap();
    assert_eq!(blobs(&evidence), [b""; 0]);
    assert!(elsewhere.requests().is_empty());
}
