//! The referrers API, with its faults.

use http::{Method, StatusCode};
use sealgate_testkit::registry::{Fault, RegistryOptions, Route, sha256};
use serde_json::{Value, json};

use super::client::{INDEX, MANIFEST, Setup, error_code, header};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const SUBJECT: &[u8] = br#"{"manifests":[]}"#;

fn referrer(artifact_type: Option<&str>, note: &str) -> String {
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": artifact_type,
        "config": {"mediaType": EMPTY, "digest": sha256(b"{}"), "size": 2},
        "layers": [],
        "subject": {"mediaType": INDEX, "digest": sha256(SUBJECT), "size": SUBJECT.len()},
        "annotations": {"note": note},
    })
    .to_string()
}

fn path() -> String {
    format!("/v2/app/referrers/{}", sha256(SUBJECT))
}

/// Two referrers of the subject, of which only the first has a type of its own.
async fn setup(options: RegistryOptions) -> Setup {
    let setup = Setup::with(options).await;
    setup
        .registry
        .push_manifest("app", None, MANIFEST, referrer(Some(BUNDLE), "first"));
    setup
        .registry
        .push_manifest("app", None, MANIFEST, referrer(None, "second"));
    setup
}

async fn listed(setup: &Setup, path: &str) -> Vec<Value> {
    let response = setup.get(path).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, "content-type"), INDEX);
    let index: Value = response.json().await.unwrap();
    index["manifests"].as_array().unwrap().clone()
}

#[tokio::test]
async fn put_with_a_subject_is_acknowledged_and_listed() {
    let setup = Setup::new().await;
    setup.registry.push_blob("app", "{}");
    let manifest = referrer(Some(BUNDLE), "pushed");
    let put = setup
        .request(
            Method::PUT,
            &format!("/v2/app/manifests/{}", sha256(manifest.as_bytes())),
        )
        .header("content-type", MANIFEST)
        .body(manifest.clone());
    let created = put.send().await.unwrap();
    assert_eq!(created.status(), StatusCode::CREATED);
    assert_eq!(header(&created, "oci-subject"), sha256(SUBJECT));

    let expected = json!([{
        "mediaType": MANIFEST,
        "digest": sha256(manifest.as_bytes()),
        "size": manifest.len(),
        "artifactType": BUNDLE,
        "annotations": {"note": "pushed"},
    }]);
    assert_eq!(json!(listed(&setup, &path()).await), expected);
}

#[tokio::test]
async fn without_the_api_nothing_is_acknowledged_and_the_call_is_not_found() {
    let options = RegistryOptions {
        referrers_api: false,
        ..RegistryOptions::default()
    };
    let setup = setup(options).await;
    setup.registry.push_blob("app", "{}");
    let put = setup
        .request(Method::PUT, "/v2/app/manifests/some-tag")
        .header("content-type", MANIFEST)
        .body(referrer(Some(BUNDLE), "pushed"));
    let created = put.send().await.unwrap();
    assert_eq!(created.status(), StatusCode::CREATED);
    assert_eq!(header(&created, "oci-subject"), "");
    assert_eq!(setup.get(&path()).await.status(), StatusCode::NOT_FOUND);

    setup.registry.set_referrers_api(true);
    assert_eq!(listed(&setup, &path()).await.len(), 3);
}

#[tokio::test]
async fn unknown_subject_has_an_empty_list() {
    let setup = setup(RegistryOptions::default()).await;
    let unknown = format!("/v2/app/referrers/{}", sha256(b"unknown"));
    assert!(listed(&setup, &unknown).await.is_empty());
    let elsewhere = format!("/v2/elsewhere/referrers/{}", sha256(SUBJECT));
    assert!(listed(&setup, &elsewhere).await.is_empty());
    let no_digest = setup.get("/v2/app/referrers/latest").await;
    assert_eq!(no_digest.status(), StatusCode::BAD_REQUEST);
    assert_eq!(error_code(no_digest).await, "DIGEST_INVALID");
}

#[tokio::test]
async fn filter_by_artifact_type_is_applied_and_said_to_be() {
    let setup = setup(RegistryOptions::default()).await;
    assert_eq!(listed(&setup, &path()).await.len(), 2);
    let encoded = "application%2Fvnd.dev.sigstore.bundle.v0.3%2Bjson";
    let filtered = format!("{}?artifactType={encoded}", path());
    let response = setup.get(&filtered).await;
    assert_eq!(header(&response, "oci-filters-applied"), "artifactType");
    let found = listed(&setup, &filtered).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["artifactType"], BUNDLE);

    setup.registry.fault(Route::Referrers, Fault::Unfiltered);
    assert_eq!(
        header(&setup.get(&filtered).await, "oci-filters-applied"),
        ""
    );
    assert_eq!(listed(&setup, &filtered).await.len(), 2);
}

#[tokio::test]
async fn referrer_without_a_type_has_that_of_its_config() {
    let setup = setup(RegistryOptions::default()).await;
    assert_eq!(listed(&setup, &path()).await[1]["artifactType"], EMPTY);
    setup.registry.fault(Route::Referrers, Fault::Mislabelled);
    let types: Vec<_> = listed(&setup, &path())
        .await
        .iter()
        .map(|one| one["artifactType"].clone())
        .collect();
    assert_eq!(types, [EMPTY, EMPTY]);
}

#[tokio::test]
async fn pages_keep_the_filter_and_the_order() {
    let options = RegistryOptions {
        page_size: Some(1),
        ..RegistryOptions::default()
    };
    let setup = setup(options).await;
    setup
        .registry
        .push_manifest("app", None, MANIFEST, referrer(Some(BUNDLE), "third"));
    let first = format!(
        "{}?artifactType=application%2Fvnd.dev.sigstore.bundle.v0.3%2Bjson",
        path()
    );
    let page = setup.get(&first).await;
    let link = header(&page, "link");
    let next = link
        .strip_prefix('<')
        .unwrap()
        .strip_suffix(">; rel=\"next\"")
        .unwrap();
    assert!(next.contains("artifactType="), "{next}");
    let rest = setup.get(next).await;
    assert_eq!(header(&rest, "link"), "");
    let index: Value = rest.json().await.unwrap();
    assert_eq!(index["manifests"][0]["annotations"]["note"], "third");
}

#[tokio::test]
async fn list_can_be_empty_although_there_are_referrers() {
    let setup = setup(RegistryOptions::default()).await;
    setup
        .registry
        .fault(Route::Referrers, Fault::EmptyReferrers);
    assert!(listed(&setup, &path()).await.is_empty());
}

#[tokio::test]
async fn links_can_be_endless_or_lead_elsewhere() {
    let setup = setup(RegistryOptions::default()).await;
    setup.registry.fault(Route::Referrers, Fault::SelfLink);
    let link = header(&setup.get(&path()).await, "link");
    assert_eq!(link, format!("<{}>; rel=\"next\"", path()));

    setup.registry.clear_faults();
    setup.registry.fault(
        Route::Referrers,
        Fault::NextLink("http://192.0.2.1/steal".into()),
    );
    let link = header(&setup.get(&path()).await, "link");
    assert_eq!(link, "<http://192.0.2.1/steal>; rel=\"next\"");
}

#[tokio::test]
async fn deleted_referrer_is_no_longer_listed() {
    let setup = setup(RegistryOptions::default()).await;
    let first = sha256(referrer(Some(BUNDLE), "first").as_bytes());
    assert!(setup.registry.remove_manifest("app", &first));
    let left = listed(&setup, &path()).await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["annotations"]["note"], "second");
}
