//! What is published can be found the way clients look for it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use sealgate_core::Digest;
use sealgate_testkit::image::{self, INDEX, MANIFEST};
use sealgate_testkit::publish::{self, Listing};
use sealgate_testkit::registry::{Registry, RegistryOptions};
use sealgate_testkit::sign::{self, Layer};
use serde_json::Value;

async fn registry() -> Registry {
    Registry::start(RegistryOptions::default()).await.unwrap()
}

fn json(registry: &Registry, repository: &str, reference: &str) -> Value {
    serde_json::from_slice(&registry.manifest(repository, reference).unwrap().1).unwrap()
}

#[tokio::test]
async fn image_is_complete_and_follows_from_its_seed() {
    let registry = registry().await;
    let one = image::single(&registry, "app", "v1", "seed");
    let again = image::single(&registry, "copy", "v1", "seed");
    let other = image::single(&registry, "app", "v2", "another seed");
    assert_eq!(one.digest, again.digest);
    assert_ne!(one.digest, other.digest);
    assert_eq!(
        one.pinned(),
        format!("{}/app@{}", registry.host(), one.digest)
    );

    let (media_type, bytes) = registry.manifest("app", "v1").unwrap();
    assert_eq!(
        (media_type.as_str(), Digest::sha256(&bytes)),
        (MANIFEST, one.digest)
    );
    let manifest: Value = serde_json::from_slice(&bytes).unwrap();
    for link in [&manifest["config"], &manifest["layers"][0]] {
        let blob = registry
            .blob("app", link["digest"].as_str().unwrap())
            .unwrap();
        assert_eq!(blob.len() as u64, link["size"]);
    }
}

#[tokio::test]
async fn index_names_an_image_for_each_platform() {
    let registry = registry().await;
    let (index, platforms) = image::index(&registry, "app", "v1", "seed");
    assert_eq!(index.descriptor.media_type, INDEX);
    let entries = json(&registry, "app", "v1")["manifests"].clone();
    for (entry, (image, architecture)) in entries
        .as_array()
        .unwrap()
        .iter()
        .zip(platforms.iter().zip(["amd64", "arm64"]))
    {
        assert_eq!(entry["digest"], image.digest.to_string());
        assert_eq!(entry["platform"]["architecture"], architecture);
        assert!(
            registry
                .manifest("app", &image.digest.to_string())
                .is_some()
        );
    }
}

#[tokio::test]
async fn cosign_layers_are_under_the_tag_of_their_kind() {
    let registry = registry().await;
    let image = image::single(&registry, "app", "v1", "seed");
    for (media_type, suffix) in [(sign::SIMPLE_SIGNING, "sig"), (sign::DSSE, "att")] {
        let layer = Layer {
            media_type: media_type.to_owned(),
            bytes: media_type.into(),
            annotations: Vec::new(),
        };
        let digest = publish::cosign_tag(&registry, "app", &image.digest, &[layer]);
        let tag = format!("sha256-{}.{suffix}", image.digest.hex());
        let (_, bytes) = registry.manifest("app", &tag).unwrap();
        assert_eq!(Digest::sha256(&bytes), digest);
        let manifest: Value = serde_json::from_slice(&bytes).unwrap();
        let blob = manifest["layers"][0]["digest"].as_str().unwrap();
        assert_eq!(registry.blob("app", blob).unwrap(), media_type);
    }
}

#[tokio::test]
async fn fallback_tag_lists_every_referrer_published_to_it() {
    let registry = registry().await;
    let image = image::single(&registry, "app", "v1", "seed");
    let publish = |bundle: &str, listing| {
        publish::bundle(
            &registry,
            "app",
            &image.descriptor,
            bundle.as_bytes(),
            listing,
        )
    };
    publish("not listed here", Listing::Api);
    let first = publish("first", Listing::FallbackTag);
    let second = publish("second", Listing::MislabelledFallbackTag);

    let tag = format!("sha256-{}", image.digest.hex());
    let entries = json(&registry, "app", &tag)["manifests"].clone();
    assert_eq!(entries.as_array().unwrap().len(), 2);
    assert_eq!(entries[0], serde_json::to_value(&first).unwrap());
    assert_eq!(entries[0]["artifactType"], sign::BUNDLE);
    assert_eq!(entries[1]["digest"], second.digest);
    assert_eq!(entries[1]["artifactType"], publish::EMPTY_CONFIG);
    let manifest = json(&registry, "app", &second.digest);
    assert_eq!(manifest["subject"]["digest"], image.digest.to_string());
    assert_eq!(manifest["artifactType"], sign::BUNDLE);
}
