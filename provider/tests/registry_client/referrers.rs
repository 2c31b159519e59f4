//! Listing referrers: the API, its pages, and the fallback tag.

use std::collections::BTreeMap;

use http::StatusCode;
use sealgate::registry::{Cause, Referrers, RegistryError};
use sealgate_core::evidence::Source;
use sealgate_tests::image::INDEX;
use sealgate_tests::publish::{self, Listing, Referrer};
use sealgate_tests::registry::{Fault, Registry, RegistryOptions, Route};

use super::setup::{Setup, calls, soon};

impl Setup {
    fn attach(&self, count: usize, listing: Listing) {
        for number in 0..count {
            let blob = format!("artifact {number}");
            let artifact = Referrer {
                subject: &self.image.descriptor,
                artifact_type: Some("application/x-test"),
                config_media_type: publish::EMPTY_CONFIG,
                layer_media_type: "text/plain",
                blob: blob.as_bytes(),
                annotations: BTreeMap::new(),
            };
            publish::referrer(&self.registry, "app", &artifact, listing);
        }
    }

    async fn referrers(&self) -> Result<Referrers, RegistryError> {
        self.client
            .referrers(&self.repository(), &self.image.digest, soon())
            .await
    }

    fn fallback_call(&self) -> String {
        format!("GET /v2/app/manifests/{}", self.image.digest.tag_prefix())
    }
}

async fn paged(size: usize) -> Setup {
    let options = RegistryOptions {
        page_size: Some(size),
        ..RegistryOptions::default()
    };
    Setup::with(options, |_| {}).await
}

#[tokio::test]
async fn all_pages_are_read() {
    let setup = paged(2).await;
    setup.attach(5, Listing::Api);
    let found = setup.referrers().await.unwrap();
    assert_eq!(
        (found.source, found.descriptors.len()),
        (Source::ReferrersApi, 5)
    );
    assert_eq!(found.omitted, [""; 0]);
    assert_eq!(setup.calls().len(), 3);
}

#[tokio::test]
async fn a_registry_without_the_api_has_the_fallback_tag() {
    let page = || Fault::ContentType("text/html".to_owned());
    let status = |code| Fault::Status(StatusCode::from_u16(code).unwrap());
    for fault in [status(404), status(400), status(405), status(406), page()] {
        let setup = Setup::open().await;
        setup.attach(2, Listing::FallbackTag);
        setup.registry.fault(Route::Referrers, fault);
        let found = setup.referrers().await.unwrap();
        assert_eq!(
            (found.source, found.descriptors.len()),
            (Source::ReferrersTag, 2)
        );
    }
}

#[tokio::test]
async fn an_empty_answer_of_the_api_leads_to_the_fallback_tag() {
    let setup = Setup::open().await;
    setup.attach(1, Listing::FallbackTag);
    setup
        .registry
        .fault(Route::Referrers, Fault::EmptyReferrers);
    let found = setup.referrers().await.unwrap();
    assert_eq!(
        (found.source, found.descriptors.len()),
        (Source::ReferrersTag, 1)
    );
}

#[tokio::test]
async fn nothing_at_both_places_is_an_empty_list() {
    let setup = Setup::open().await;
    let found = setup.referrers().await.unwrap();
    assert_eq!((found.descriptors.len(), found.omitted.len()), (0, 0));
    assert_eq!(setup.calls().last(), Some(&setup.fallback_call()));
}

#[tokio::test]
async fn a_refusal_is_not_an_empty_list() {
    for (status, cause) in [
        (401, Cause::Unauthorized),
        (403, Cause::Forbidden),
        (429, Cause::Throttled),
        (500, Cause::ServerError),
        (503, Cause::ServerError),
    ] {
        let setup = Setup::open().await;
        setup.attach(1, Listing::FallbackTag);
        let status = StatusCode::from_u16(status).unwrap();
        setup
            .registry
            .fault(Route::Referrers, Fault::Status(status));
        assert_eq!(
            setup.referrers().await.unwrap_err().cause(),
            cause,
            "{status}"
        );
        assert!(!setup.calls().contains(&setup.fallback_call()), "{status}");
    }
}

#[tokio::test]
async fn a_refusal_of_the_fallback_tag_is_not_an_empty_list() {
    let setup = Setup::open().await;
    setup
        .registry
        .fault(Route::ManifestByTag, Fault::Status(StatusCode::FORBIDDEN));
    assert_eq!(
        setup.referrers().await.unwrap_err().cause(),
        Cause::Forbidden
    );
}

#[tokio::test]
async fn pages_that_lead_nowhere_end_atk_05() {
    let evil = Registry::start(RegistryOptions::default()).await.unwrap();
    for fault in [
        Fault::SelfLink,
        Fault::NextLink(format!("{}/v2/app/referrers/x", evil.url())),
        Fault::NextLink("/v2/other/referrers/x".to_owned()),
        Fault::NextLink("//evil.test/v2/app".to_owned()),
        Fault::NextLink("http://[".to_owned()),
    ] {
        let setup = Setup::open().await;
        setup.attach(1, Listing::Api);
        setup.registry.fault(Route::Referrers, fault.clone());
        let error = setup.referrers().await.unwrap_err();
        assert_eq!(error.cause(), Cause::Malformed, "{fault:?}");
        assert_eq!(setup.calls().len(), 1, "{fault:?}");
    }
    assert_eq!(calls(&evil), [""; 0]);
}

#[tokio::test]
async fn an_answer_that_is_no_index_is_undecided() {
    for body in [
        "",
        "[]",
        "{",
        "{}",
        r#"{"manifests":7}"#,
        r#"{"manifests":[],"manifests":[]}"#,
        r#"{"manifests":[],"annotations":{"$serde_json::private::RawValue":"{}"}}"#,
    ] {
        let setup = Setup::open().await;
        setup
            .registry
            .fault(Route::Referrers, Fault::Body(body.into()));
        setup
            .registry
            .fault(Route::Referrers, Fault::ContentLength(body.len() as u64));
        assert_eq!(
            setup.referrers().await.unwrap_err().cause(),
            Cause::Malformed,
            "{body}"
        );
    }
}

#[tokio::test]
async fn an_endless_list_is_cut_off_adv_08() {
    let setup = paged(100).await;
    setup.attach(10_000, Listing::Api);
    let found = setup.referrers().await.unwrap();
    assert_eq!(found.descriptors.len(), 1024);
    assert_eq!(found.omitted, ["only the first 1024 referrers were listed"]);
    assert!(setup.calls().len() <= 11, "{}", setup.calls().len());
}

#[tokio::test]
async fn what_a_pusher_wrote_under_the_fallback_tag_is_no_error() {
    let setup = Setup::open().await;
    let tag = setup.image.digest.tag_prefix();
    for (media_type, body, kept, omitted) in [
        (sealgate_tests::image::MANIFEST, "{}", 0, 1),
        (INDEX, "{", 0, 1),
        (INDEX, r#"{"manifests":null}"#, 0, 0),
        (INDEX, r#"{"manifests":[{"digest":"md5:x"},7]}"#, 0, 1),
        (
            INDEX,
            r#"{"manifests":[{"$serde_json::private::RawValue":"[]"}]}"#,
            0,
            1,
        ),
    ] {
        setup
            .registry
            .push_manifest("app", tag.as_str(), media_type, body);
        let found = setup.referrers().await.unwrap();
        assert_eq!(
            (found.descriptors.len(), found.omitted.len()),
            (kept, omitted),
            "{body}"
        );
    }
}
