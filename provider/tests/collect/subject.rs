//! The image itself: what it is, and that it is.

use sealgate::collect::{CollectError, Wanted};
use sealgate_core::Digest;
use sealgate_testkit::image::{self, INDEX, MANIFEST};
use sealgate_testkit::registry::{Fault, Route};

use super::setup::Setup;

#[tokio::test]
async fn an_image_that_does_not_exist_is_a_class_of_its_own() {
    let setup = Setup::new().await;
    let missing = Digest::sha256(b"missing");
    for image in [
        setup.image.tagged("none"),
        format!("{}/none:v1", setup.registry.host()),
        format!("{}@{missing}", setup.image.name()),
    ] {
        let error = setup.collect_image(&image, Wanted::ALL).await.unwrap_err();
        assert!(
            matches!(error, CollectError::ImageNotFound { .. }),
            "{error}"
        );
        assert_eq!(error.code(), "image_not_found");
        assert!(error.to_string().contains(&image), "{error}");
    }
}

#[tokio::test]
async fn a_manifest_of_two_kinds_is_refused_adv_56() {
    let both = r#"{"schemaVersion":2,"config":{},"layers":[],"manifests":[]}"#;
    let labelled =
        format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","config":{{}},"layers":[]}}"#);
    let twice = r#"{"schemaVersion":2,"layers":[],"layers":[],"config":{}}"#;
    let schema1 = r#"{"schemaVersion":1,"fsLayers":[]}"#;
    for (media_type, body) in [
        (MANIFEST, both),
        (INDEX, both),
        (MANIFEST, labelled.as_str()),
        (INDEX, labelled.as_str()),
        (MANIFEST, twice),
        (MANIFEST, r#"{"schemaVersion":2,"manifests":[]}"#),
        (INDEX, r#"{"schemaVersion":2,"config":{},"layers":[]}"#),
        (
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
            schema1,
        ),
        ("text/html", "<html>"),
    ] {
        let setup = Setup::new().await;
        setup
            .registry
            .push_manifest("app", "v1", media_type, body.to_owned());
        let error = setup.collect(Wanted::ALL).await.unwrap_err();
        assert_eq!(error.code(), "registry_malformed", "{media_type} {body}");
    }
}

#[tokio::test]
async fn a_general_media_type_is_taken_for_what_the_manifest_says() {
    let setup = Setup::new().await;
    setup.registry.fault(
        Route::ManifestByTag,
        Fault::ContentType("application/json".to_owned()),
    );
    let evidence = setup.collect(Wanted::REFERRERS).await.unwrap();
    assert_eq!(evidence.subject.media_type, MANIFEST);
}

#[tokio::test]
async fn a_tag_that_moves_is_resolved_once_adv_42() {
    let setup = Setup::new().await;
    let other = image::single(&setup.registry, "app", "other", "other");
    let moves = [&setup.image, &other].map(|image| image.digest.to_string());
    setup
        .registry
        .fault(Route::ManifestByTag, Fault::TagMoves(moves.to_vec()));
    let evidence = setup.collect(Wanted::REFERRERS).await.unwrap();
    assert_eq!(evidence.subject.digest(), setup.image.digest);
    let expected = format!("GET /v2/app/referrers/{}", setup.image.digest);
    assert!(setup.calls().contains(&expected), "{:?}", setup.calls());
}

#[tokio::test]
async fn a_pinned_image_is_looked_up_beside_its_signatures() {
    let setup = Setup::new().await;
    let evidence = setup
        .collect_image(&setup.image.pinned(), Wanted::REFERRERS)
        .await
        .unwrap();
    assert_eq!(evidence.subject.digest(), setup.image.digest);
    let calls = setup.calls();
    assert_eq!(
        calls
            .iter()
            .filter(|call| call.contains("/manifests/sha256:"))
            .count(),
        1
    );
}
