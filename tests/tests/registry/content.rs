//! Manifests, blobs and tags.

use http::{Method, StatusCode};
use sealgate_testkit::registry::{RegistryOptions, sha256};

use super::client::{INDEX, MANIFEST, Setup, error_code, header};

const EMPTY_INDEX: &str = r#"{ "schemaVersion": 2,   "manifests": [] }"#;

#[tokio::test]
async fn base_answers_ok() {
    let setup = Setup::new().await;
    assert_eq!(setup.get("/v2/").await.status(), StatusCode::OK);
    assert_eq!(setup.get("/v1/").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn manifest_is_served_byte_for_byte_by_tag_and_by_digest() {
    let setup = Setup::new().await;
    let put = setup
        .request(Method::PUT, "/v2/team/app/manifests/v1")
        .header("content-type", INDEX)
        .body(EMPTY_INDEX);
    let put = put.send().await.unwrap();
    let digest = sha256(EMPTY_INDEX.as_bytes());
    assert_eq!(put.status(), StatusCode::CREATED);
    assert_eq!(header(&put, "docker-content-digest"), digest);
    assert_eq!(
        header(&put, "location"),
        format!("/v2/team/app/manifests/{digest}")
    );

    for reference in ["v1", &digest] {
        let got = setup
            .get(&format!("/v2/team/app/manifests/{reference}"))
            .await;
        assert_eq!(got.status(), StatusCode::OK);
        assert_eq!(header(&got, "content-type"), INDEX);
        assert_eq!(header(&got, "docker-content-digest"), digest);
        assert_eq!(got.text().await.unwrap(), EMPTY_INDEX);
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let setup = Setup::new().await;
    let digest = setup
        .registry
        .push_manifest("app", "v1", INDEX, EMPTY_INDEX);
    let head = setup
        .request(Method::HEAD, "/v2/app/manifests/v1")
        .send()
        .await
        .unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(
        header(&head, "content-length"),
        EMPTY_INDEX.len().to_string()
    );
    assert_eq!(header(&head, "docker-content-digest"), digest);
    assert_eq!(head.bytes().await.unwrap(), "");
}

#[tokio::test]
async fn manifest_under_a_sha512_digest_keeps_it() {
    let setup = Setup::new().await;
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, EMPTY_INDEX.as_bytes());
    let path = format!("/v2/app/manifests/sha512:{}", hex::encode(hash));
    let put = setup
        .request(Method::PUT, &path)
        .header("content-type", INDEX)
        .body(EMPTY_INDEX);
    assert_eq!(put.send().await.unwrap().status(), StatusCode::CREATED);
    assert_eq!(setup.get(&path).await.text().await.unwrap(), EMPTY_INDEX);
}

#[tokio::test]
async fn manifest_is_refused_for_a_wrong_digest_type_or_link() {
    let setup = Setup::new().await;
    let missing = r#"{"config":{"digest":"sha256:00"},"layers":[]}"#;
    let elsewhere = sha256(b"something else");
    let cases = [
        (elsewhere.as_str(), INDEX, EMPTY_INDEX, "DIGEST_INVALID"),
        ("v1", INDEX, "not json", "MANIFEST_INVALID"),
        (
            "v1",
            INDEX,
            r#"{"mediaType":"text/plain"}"#,
            "MANIFEST_INVALID",
        ),
        ("v1", MANIFEST, missing, "MANIFEST_BLOB_UNKNOWN"),
    ];
    for (reference, media_type, body, code) in cases {
        let put = setup
            .request(Method::PUT, &format!("/v2/app/manifests/{reference}"))
            .header("content-type", media_type)
            .body(body);
        let refused = put.send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(error_code(refused).await, code, "{body}");
    }
    assert!(setup.registry.tags("app").is_empty());
}

#[tokio::test]
async fn deleting_a_manifest_deletes_its_tags() {
    let setup = Setup::new().await;
    let digest = setup
        .registry
        .push_manifest("app", "v1", INDEX, EMPTY_INDEX);
    setup.registry.tag("app", "v2", &digest);
    let delete = |reference: &str| {
        setup
            .request(Method::DELETE, &format!("/v2/app/manifests/{reference}"))
            .send()
    };
    assert_eq!(delete("v2").await.unwrap().status(), StatusCode::ACCEPTED);
    assert_eq!(setup.registry.tags("app"), ["v1"]);
    assert_eq!(
        delete(&digest).await.unwrap().status(),
        StatusCode::ACCEPTED
    );
    let gone = setup.get("/v2/app/manifests/v1").await;
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
    assert_eq!(error_code(gone).await, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn blob_is_served_whole_and_in_ranges() {
    let setup = Setup::new().await;
    let digest = setup.registry.push_blob("app", "0123456789");
    let path = format!("/v2/app/blobs/{digest}");
    let whole = setup.get(&path).await;
    assert_eq!(header(&whole, "docker-content-digest"), digest);
    assert_eq!(whole.text().await.unwrap(), "0123456789");

    for (range, place, part) in [
        ("bytes=2-4", "bytes 2-4/10", "234"),
        ("bytes=8-", "bytes 8-9/10", "89"),
    ] {
        let got = setup
            .request(Method::GET, &path)
            .header("range", range)
            .send()
            .await
            .unwrap();
        assert_eq!(got.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(header(&got, "content-range"), place);
        assert_eq!(got.text().await.unwrap(), part);
    }
    let past = setup
        .request(Method::GET, &path)
        .header("range", "bytes=10-")
        .send();
    assert_eq!(
        past.await.unwrap().status(),
        StatusCode::RANGE_NOT_SATISFIABLE
    );
}

#[tokio::test]
async fn blob_belongs_to_one_repository() {
    let setup = Setup::new().await;
    let digest = setup.registry.push_blob("one", "content");
    let other = setup.get(&format!("/v2/other/blobs/{digest}")).await;
    assert_eq!(other.status(), StatusCode::NOT_FOUND);
    assert_eq!(error_code(other).await, "BLOB_UNKNOWN");
    let path = format!("/v2/one/blobs/{digest}");
    let deleted = setup.request(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(deleted.status(), StatusCode::ACCEPTED);
    assert_eq!(setup.get(&path).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn tags_come_in_pages_that_link_to_the_next() {
    let options = RegistryOptions {
        page_size: Some(2),
        ..RegistryOptions::default()
    };
    let setup = Setup::with(options).await;
    for tag in ["c", "a", "e", "b", "d"] {
        setup.registry.tag("app", tag, "sha256:00");
    }
    let mut pages = Vec::new();
    let mut next = Some("/v2/app/tags/list?n=3".to_owned());
    while let Some(path) = next {
        let page = setup.get(&path).await;
        let link = header(&page, "link");
        next = link
            .strip_prefix('<')
            .and_then(|link| link.split_once('>'))
            .map(|(url, rel)| {
                assert_eq!(rel, "; rel=\"next\"");
                url.to_owned()
            });
        let body: serde_json::Value = page.json().await.unwrap();
        pages.push(body["tags"].to_string());
    }
    assert_eq!(pages, [r#"["a","b"]"#, r#"["c","d"]"#, r#"["e"]"#]);
    assert_eq!(
        setup.calls(),
        [
            "GET /v2/app/tags/list?n=3",
            "GET /v2/app/tags/list?n=3&last=b",
            "GET /v2/app/tags/list?n=3&last=d",
        ]
    );
}

#[tokio::test]
async fn tags_go_on_after_a_tag_that_is_gone() {
    let setup = Setup::new().await;
    for tag in ["a", "c", "d"] {
        setup.registry.tag("app", tag, "sha256:00");
    }
    let body: serde_json::Value = setup
        .get("/v2/app/tags/list?last=b&n=1")
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(body["tags"], serde_json::json!(["c"]));
}

#[tokio::test]
async fn tags_of_an_unknown_repository_are_not_found() {
    let setup = Setup::new().await;
    let unknown = setup.get("/v2/nothing/tags/list").await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    assert_eq!(error_code(unknown).await, "NAME_UNKNOWN");
}

#[tokio::test]
async fn tls_is_served_with_a_certificate_of_the_registry_s_own_ca() {
    let setup = Setup::with(RegistryOptions {
        tls: true,
        ..RegistryOptions::default()
    })
    .await;
    assert!(setup.registry.url().starts_with("https://127.0.0.1:"));
    assert_eq!(setup.get("/v2/").await.status(), StatusCode::OK);

    let stranger = Setup::new().await;
    let refused = stranger
        .request(Method::GET, &setup.registry.url())
        .send()
        .await;
    assert!(refused.unwrap_err().is_connect());
}

#[tokio::test]
async fn dropping_the_registry_closes_its_port() {
    let setup = Setup::new().await;
    let url = setup.registry.url();
    assert_eq!(setup.get("/v2/").await.status(), StatusCode::OK);
    let other = Setup::new().await;
    drop(setup);
    // The listener is aborted at the task's next turn.
    tokio::task::yield_now().await;
    assert!(
        other
            .request(Method::GET, &url)
            .send()
            .await
            .unwrap_err()
            .is_connect()
    );
}
