//! Everything that belongs to an image is found, wherever it is, in few requests.

use std::collections::BTreeMap;

use http::StatusCode;
use sealgate::collect::Wanted;
use sealgate::registry::Limits;
use sealgate_core::Digest;
use sealgate_core::evidence::Source;
use sealgate_testkit::image;
use sealgate_testkit::publish::{self, EMPTY_CONFIG, Listing, Referrer};
use sealgate_testkit::registry::{Auth, Fault, RegistryOptions, Route, TokenAuth};

use super::setup::{Setup, blobs, soon};

#[tokio::test]
async fn a_cold_bundle_takes_four_requests_beside_the_lookup_ops_08() {
    let options = RegistryOptions {
        auth: Auth::Token(TokenAuth::anonymous()),
        ..RegistryOptions::default()
    };
    let setup = Setup::with(options, Limits::default()).await;
    let bundle = setup.bundle(Listing::Api);
    let evidence = setup.collect(Wanted::REFERRERS).await.unwrap();
    assert_eq!(blobs(&evidence), [bundle.as_slice()]);
    let manifest = evidence.artifacts[0].manifest.digest();
    let lookup = "GET /v2/app/manifests/v1";
    assert_eq!(
        setup.calls(),
        [
            lookup,
            "GET /token?service=sealgate-test-registry&scope=repository%3Aapp%3Apull",
            lookup,
            &format!("GET /v2/app/referrers/{}", setup.image.digest),
            &format!("GET /v2/app/manifests/{manifest}"),
            &format!("GET /v2/app/blobs/{}", Digest::sha256(&bundle)),
        ]
    );
    // With the challenge and the token known, another look takes three and the lookup.
    setup.registry.clear_requests();
    setup.collect(Wanted::REFERRERS).await.unwrap();
    assert_eq!(setup.calls().len(), 4);
}

#[tokio::test]
async fn every_place_is_looked_at() {
    let setup = Setup::new().await;
    let parts = [
        setup.legacy(),
        setup.attestation(),
        setup.bundle(Listing::Api),
    ];
    let evidence = setup.collect(Wanted::ALL).await.unwrap();
    assert_eq!(blobs(&evidence), parts.each_ref().map(Vec::as_slice));
    let sources: Vec<_> = evidence
        .artifacts
        .iter()
        .map(|artifact| artifact.source)
        .collect();
    assert_eq!(
        sources,
        [
            Source::CosignSignatureTag,
            Source::CosignAttestationTag,
            Source::ReferrersApi
        ]
    );
    assert!(evidence.omitted.is_empty());
}

#[tokio::test]
async fn evidence_is_extended_to_what_a_full_look_finds() {
    let setup = Setup::new().await;
    setup.legacy();
    setup.attestation();
    setup.bundle(Listing::Api);
    let full = setup.collect(Wanted::ALL).await.unwrap();
    let first = setup.collect(Wanted::REFERRERS).await.unwrap();
    assert_eq!(first.artifacts.len(), 1);
    let extended = setup
        .collector
        .extend(&first, Wanted::REFERRERS, Wanted::ALL, soon())
        .await
        .unwrap();
    assert_eq!((extended.evidence, extended.doubt), (full, None));
}

#[tokio::test]
async fn a_registry_that_mislabels_hides_no_signature() {
    let setup = Setup::new().await;
    let bundle = setup.bundle(Listing::Api);
    setup.registry.fault(Route::Referrers, Fault::Mislabelled);
    let evidence = setup.collect(Wanted::REFERRERS).await.unwrap();
    assert_eq!(blobs(&evidence), [bundle.as_slice()]);
}

#[tokio::test]
async fn fallback_tags_are_read_however_they_are_labelled() {
    for listing in [Listing::FallbackTag, Listing::MislabelledFallbackTag] {
        let options = RegistryOptions {
            referrers_api: false,
            ..RegistryOptions::default()
        };
        let setup = Setup::with(options, Limits::default()).await;
        let bundle = setup.bundle(listing);
        let evidence = setup.collect(Wanted::REFERRERS).await.unwrap();
        assert_eq!(blobs(&evidence), [bundle.as_slice()], "{listing:?}");
        assert_eq!(evidence.artifacts[0].source, Source::ReferrersTag);
    }
}

#[tokio::test]
async fn an_image_without_anything_is_decided() {
    let setup = Setup::new().await;
    let evidence = setup.collect(Wanted::ALL).await.unwrap();
    assert!(evidence.artifacts.is_empty() && evidence.omitted.is_empty());
}

#[tokio::test]
async fn a_failure_anywhere_is_undecided() {
    for route in [
        Route::ManifestByTag,
        Route::ManifestByDigest,
        Route::Referrers,
        Route::Blob,
    ] {
        for (status, code) in [
            (StatusCode::FORBIDDEN, "registry_forbidden"),
            (StatusCode::TOO_MANY_REQUESTS, "registry_throttled"),
            (StatusCode::SERVICE_UNAVAILABLE, "registry_error"),
        ] {
            let setup = Setup::new().await;
            setup.bundle(Listing::Api);
            setup.registry.fault(route, Fault::Status(status));
            let error = setup.collect(Wanted::ALL).await.unwrap_err();
            assert_eq!(error.code(), code, "{route:?} {status}");
        }
    }
}

#[tokio::test]
async fn a_legacy_tag_that_is_refused_is_undecided_though_a_bundle_is_there() {
    let setup = Setup::new().await;
    setup.bundle(Listing::Api);
    setup.legacy();
    let denied = Fault::Status(StatusCode::FORBIDDEN);
    let pinned = setup.image.pinned();
    setup.registry.fault(Route::ManifestByTag, denied);
    let error = setup.collect_image(&pinned, Wanted::ALL).await.unwrap_err();
    assert_eq!(error.code(), "registry_forbidden");
    assert!(
        setup
            .collect_image(&pinned, Wanted::REFERRERS)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn the_digest_asked_for_is_judged_be_it_index_or_image_atk_03() {
    let setup = Setup::new().await;
    let (index, [amd64, _]) = image::index(&setup.registry, "app", "multi", "multi");
    for image in [&index, &amd64] {
        let evidence = setup
            .collect_image(&image.pinned(), Wanted::ALL)
            .await
            .unwrap();
        assert_eq!(evidence.subject.digest(), image.digest);
        assert_eq!(evidence.subject.media_type, image.descriptor.media_type);
    }
}

#[tokio::test]
async fn equal_contents_give_equal_evidence() {
    let setup = Setup::new().await;
    for number in 0..5 {
        setup.attach("application/x-test", format!("{number}").as_bytes());
        setup.bundle(Listing::Api);
    }
    let first = setup.collect(Wanted::ALL).await.unwrap();
    let second = setup.collect(Wanted::ALL).await.unwrap();
    assert_eq!(first.to_pack(), second.to_pack());
    assert_eq!(first.artifacts.len(), 10);
}

#[tokio::test]
async fn notary_project_signatures_are_found_in_both_layouts() {
    const KIND: &str = "application/vnd.cncf.notary.signature";
    for (artifact_type, config, listing) in [
        (Some(KIND), EMPTY_CONFIG, Listing::Api),
        (None, KIND, Listing::Api),
        (Some(KIND), EMPTY_CONFIG, Listing::FallbackTag),
        (None, KIND, Listing::FallbackTag),
        (Some(KIND), EMPTY_CONFIG, Listing::MislabelledFallbackTag),
    ] {
        let options = RegistryOptions {
            referrers_api: listing == Listing::Api,
            ..RegistryOptions::default()
        };
        let setup = Setup::with(options, Limits::default()).await;
        let signature = Referrer {
            subject: &setup.image.descriptor,
            artifact_type,
            config_media_type: config,
            layer_media_type: "application/jose+json",
            blob: b"an envelope",
            annotations: BTreeMap::new(),
        };
        publish::referrer(&setup.registry, "app", &signature, listing);
        let evidence = setup.collect(Wanted::REFERRERS).await.unwrap();
        assert_eq!(
            blobs(&evidence),
            [b"an envelope"],
            "{artifact_type:?} {listing:?}"
        );
    }
}
