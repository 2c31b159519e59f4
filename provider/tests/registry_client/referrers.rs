//! Listing referrers: the API, its pages, and the fallback tag.

use std::collections::BTreeMap;

use http::StatusCode;
use sealgate::registry::{Cause, Referrers, RegistryError};
use sealgate_core::evidence::Source;
use sealgate_testkit::image::{INDEX, MANIFEST};
use sealgate_testkit::publish::{self, Listing, Referrer};
use sealgate_testkit::registry::{Fault, Registry, RegistryOptions, Route, Rule};
use sealgate_testkit::sign;

use super::setup::{Setup, calls, soon};

impl Setup {
    fn attach(&self, count: usize, listing: Listing) {
        for number in 0..count {
            let blob = format!("artifact {number}");
            let artifact = Referrer {
                subject: &self.image.descriptor,
                artifact_type: Some(sign::BUNDLE),
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
    for fault in without_api() {
        let setup = Setup::open().await;
        setup.attach(2, Listing::FallbackTag);
        setup.registry.fault(Route::Referrers, fault);
        let found = setup.referrers().await.unwrap();
        assert_eq!(
            (found.source, found.descriptors.len()),
            (Source::ReferrersTag, 2)
        );
        assert_eq!(found.doubt, None, "clients list referrers there");
    }
}

/// What registries without the API answer.
fn without_api() -> Vec<Fault> {
    let status = |code| Fault::Status(StatusCode::from_u16(code).unwrap());
    let page = |body: &'static str| {
        Fault::Answer(
            StatusCode::OK,
            "text/html".to_owned(),
            body.as_bytes().into(),
        )
    };
    let mut faults: Vec<_> = [404, 400, 405, 406, 410, 415, 501].map(status).into();
    faults.extend(["<html>", "", "{}", "[]"].map(page));
    faults
}

#[tokio::test]
async fn nothing_listed_is_doubted_unless_the_registry_said_that_there_is_nothing_f12() {
    for (index, fault) in without_api().into_iter().enumerate() {
        let definite = index == 0;
        let setup = Setup::open().await;
        setup.attach(1, Listing::Api);
        setup.registry.fault(Route::Referrers, fault.clone());
        for tag in [None, Some(MANIFEST)] {
            if let Some(kind) = tag {
                let tag = setup.image.digest.tag_prefix();
                setup
                    .registry
                    .push_manifest("app", tag.as_str(), kind, "{}");
            }
            let found = setup.referrers().await.unwrap();
            assert_eq!(found.source, Source::ReferrersTag);
            assert_eq!(found.descriptors, [], "{fault:?}");
            assert_eq!(found.doubt.is_none(), definite, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn an_index_is_read_whatever_it_is_sent_as_f12() {
    for kind in ["application/json", "text/html", "x"] {
        let setup = Setup::open().await;
        setup.attach(2, Listing::Api);
        let kind = Fault::ContentType(kind.to_owned());
        setup.registry.fault(Route::Referrers, kind);
        let found = setup.referrers().await.unwrap();
        assert_eq!(
            (found.source, found.descriptors.len(), found.doubt),
            (Source::ReferrersApi, 2, None)
        );
    }
}

#[tokio::test]
async fn annotations_of_megabytes_hide_no_referrer_f6() {
    let padding = BTreeMap::from([("pad".to_owned(), "x".repeat(2_200_000))]);
    for listing in [Listing::Api, Listing::FallbackTag] {
        let options = RegistryOptions {
            referrers_api: listing == Listing::Api,
            ..RegistryOptions::default()
        };
        let setup = Setup::with(options, |_| {}).await;
        for blob in [b"one", b"two"] {
            let artifact = Referrer {
                subject: &setup.image.descriptor,
                artifact_type: Some("application/x-test"),
                config_media_type: publish::EMPTY_CONFIG,
                layer_media_type: "text/plain",
                blob,
                annotations: padding.clone(),
            };
            publish::referrer(&setup.registry, "app", &artifact, listing);
        }
        setup.attach(1, listing);
        let found = setup.referrers().await.unwrap();
        assert_eq!(found.descriptors.len(), 3, "{listing:?}");
        assert_eq!(found.omitted, [""; 0]);
        assert!(
            found
                .descriptors
                .iter()
                .all(|one| one.annotations.is_empty())
        );
    }
}

/// A list of so many bytes whose only entry is at its end, and a client that asks for it.
fn long_list(bytes: usize) -> Fault {
    let mut list = br#"{"annotations":{"a":""#.to_vec();
    list.resize(bytes, b'x');
    list.extend(br#""},"manifests":[]}"#);
    Fault::Answer(StatusCode::OK, INDEX.to_owned(), list.into())
}

#[tokio::test]
async fn of_a_list_that_is_too_long_the_signatures_are_asked_for_f6() {
    let setup = Setup::open().await;
    setup.attach(1, Listing::Api);
    let once = Rule::on(Route::Referrers, endless_list()).times(1);
    setup.registry.inject(once);
    let found = setup.referrers().await.unwrap();
    assert_eq!(found.descriptors.len(), 1);
    assert_eq!(
        found.omitted,
        ["of a list of referrers that is too long only the signatures were read"]
    );
    assert_eq!(found.doubt, None);
    let asked: Vec<_> = setup
        .calls()
        .iter()
        .filter_map(|call| Some(call.split_once("artifactType=")?.1.to_owned()))
        .collect();
    assert_eq!(asked.len(), 3);
    assert!(asked[0].contains("sigstore.bundle") && asked[1].contains("notary"));
}

#[tokio::test]
async fn of_a_registry_that_filters_nothing_the_beginning_is_kept() {
    let setup = Setup::open().await;
    setup.attach(1, Listing::Api);
    setup
        .registry
        .inject(Rule::on(Route::Referrers, endless_list()).times(1));
    setup.registry.fault(Route::Referrers, Fault::Unfiltered);
    let found = setup.referrers().await.unwrap();
    assert_eq!(
        found.omitted,
        ["a list of referrers that is too long was not read to its end"]
    );
    assert_eq!(setup.calls().len(), 4);
}

/// Begins like a list, and goes on for ever.
fn endless_list() -> Fault {
    let mut list = br#"{"manifests":[{"annotations":{"a":""#.to_vec();
    list.resize(40 << 20, b'x');
    Fault::Answer(StatusCode::OK, INDEX.to_owned(), list.into())
}

#[tokio::test]
async fn a_list_that_does_not_begin_within_the_limit_is_no_answer() {
    let setup = Setup::open().await;
    setup.registry.fault(Route::Referrers, long_list(33 << 20));
    let error = setup.referrers().await.unwrap_err();
    assert_eq!(error.cause(), Cause::Malformed, "{error}");
    let setup = Setup::open().await;
    setup.registry.fault(Route::Referrers, long_list(30 << 20));
    assert_eq!(setup.referrers().await.unwrap().descriptors, []);
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

/// Of the 3200 entries that were read, in the list and once more in that of one kind, 256 are kept.
#[tokio::test]
async fn an_endless_list_is_cut_off_adv_08() {
    let setup = paged(100).await;
    setup.attach(4_000, Listing::Api);
    let found = setup.referrers().await.unwrap();
    assert_eq!(found.descriptors.len(), 256);
    assert_eq!(
        found.omitted,
        [
            "a list of referrers that is too long was not read to its end",
            "2944 possible signatures were left out beside 256 referrers",
        ]
    );
    // The pages of the list, and of those of the three kinds of signatures.
    assert_eq!(setup.calls().len(), 32 + 8 + 1 + 1);
}

#[tokio::test]
async fn what_a_pusher_wrote_under_the_fallback_tag_is_no_error() {
    let setup = Setup::open().await;
    let tag = setup.image.digest.tag_prefix();
    for (media_type, body, kept, omitted) in [
        (MANIFEST, "{}", 0, 1),
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
