//! The ways to upload a blob.

use http::{Method, StatusCode};
use sealgate_testkit::registry::sha256;

use super::client::{Setup, error_code, header};

const CONTENT: &str = "a layer, in two halves";

async fn begin(setup: &Setup) -> String {
    let begun = setup
        .request(Method::POST, "/v2/app/blobs/uploads/")
        .send()
        .await
        .unwrap();
    assert_eq!(begun.status(), StatusCode::ACCEPTED);
    header(&begun, "location")
}

#[tokio::test]
async fn post_with_digest_uploads_in_one_request() {
    let setup = Setup::new().await;
    let digest = sha256(CONTENT.as_bytes());
    let path = format!("/v2/app/blobs/uploads/?digest={digest}");
    let created = setup
        .request(Method::POST, &path)
        .body(CONTENT)
        .send()
        .await
        .unwrap();
    assert_eq!(created.status(), StatusCode::CREATED);
    assert_eq!(
        header(&created, "location"),
        format!("/v2/app/blobs/{digest}")
    );
    assert_eq!(setup.registry.blob("app", &digest).unwrap(), CONTENT);
}

#[tokio::test]
async fn post_then_put_uploads_in_two() {
    let setup = Setup::new().await;
    let digest = sha256(CONTENT.as_bytes());
    let location = begin(&setup).await;
    let put = setup
        .request(Method::PUT, &format!("{location}?digest={digest}"))
        .body(CONTENT);
    assert_eq!(put.send().await.unwrap().status(), StatusCode::CREATED);
    assert_eq!(setup.registry.blob("app", &digest).unwrap(), CONTENT);
}

#[tokio::test]
async fn chunks_are_put_together_and_must_be_in_order() {
    let setup = Setup::new().await;
    let location = begin(&setup).await;
    let (first, second) = CONTENT.split_at(10);
    let chunk = |range: &str, body: &'static str| {
        let patch = setup
            .request(Method::PATCH, &location)
            .header("content-range", range);
        patch.body(body).send()
    };
    let accepted = chunk("0-9", first).await.unwrap();
    assert_eq!(accepted.status(), StatusCode::ACCEPTED);
    assert_eq!(header(&accepted, "range"), "0-9");

    let again = chunk("0-9", first).await.unwrap();
    assert_eq!(again.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    let status = setup.get(&location).await;
    assert_eq!(
        (status.status(), header(&status, "range")),
        (StatusCode::NO_CONTENT, "0-9".into())
    );

    assert_eq!(
        chunk("10-21", second).await.unwrap().status(),
        StatusCode::ACCEPTED
    );
    let digest = sha256(CONTENT.as_bytes());
    let done = setup
        .request(Method::PUT, &format!("{location}?digest={digest}"))
        .send();
    assert_eq!(done.await.unwrap().status(), StatusCode::CREATED);
    assert_eq!(setup.registry.blob("app", &digest).unwrap(), CONTENT);
    assert_eq!(setup.get(&location).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn upload_with_another_digest_is_refused() {
    let setup = Setup::new().await;
    let location = begin(&setup).await;
    let digest = sha256(b"something else");
    let put = setup
        .request(Method::PUT, &format!("{location}?digest={digest}"))
        .body(CONTENT);
    let refused = put.send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert_eq!(error_code(refused).await, "DIGEST_INVALID");
    assert_eq!(setup.registry.blob("app", &digest), None);
}

#[tokio::test]
async fn mounting_copies_a_known_blob_and_begins_an_upload_otherwise() {
    let setup = Setup::new().await;
    let digest = setup.registry.push_blob("one", CONTENT);
    let mount = |from: &str| {
        let path = format!("/v2/app/blobs/uploads/?mount={digest}&from={from}");
        setup.request(Method::POST, &path).send()
    };
    assert_eq!(
        mount("nowhere").await.unwrap().status(),
        StatusCode::ACCEPTED
    );
    assert_eq!(setup.registry.blob("app", &digest), None);
    assert_eq!(mount("one").await.unwrap().status(), StatusCode::CREATED);
    assert_eq!(setup.registry.blob("app", &digest).unwrap(), CONTENT);
}

#[tokio::test]
async fn cancelled_upload_is_gone() {
    let setup = Setup::new().await;
    let location = begin(&setup).await;
    let cancelled = setup
        .request(Method::DELETE, &location)
        .send()
        .await
        .unwrap();
    assert_eq!(cancelled.status(), StatusCode::NO_CONTENT);
    let gone = setup.get(&location).await;
    assert_eq!(error_code(gone).await, "BLOB_UPLOAD_UNKNOWN");
}
