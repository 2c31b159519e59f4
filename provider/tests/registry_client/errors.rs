//! Each failure has its class, and none looks like "there is no such thing".

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use sealgate::registry::{Cause, RegistryError};
use sealgate_testkit::registry::{Fault, Route, Rule};
use tokio::time::Instant;

use super::setup::Setup;

async fn cause_of(fault: Fault) -> Cause {
    let setup = Setup::open().await;
    setup.registry.fault(Route::ManifestByTag, fault);
    setup.tag().await.unwrap_err().cause()
}

#[tokio::test]
async fn statuses_have_their_classes() {
    for (status, cause) in [
        (401, Cause::Unauthorized),
        (403, Cause::Forbidden),
        (404, Cause::NotFound),
        (429, Cause::Throttled),
        (500, Cause::ServerError),
        (502, Cause::ServerError),
        (503, Cause::ServerError),
        (204, Cause::UnexpectedStatus),
        (304, Cause::UnexpectedStatus),
        (410, Cause::UnexpectedStatus),
        (418, Cause::UnexpectedStatus),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(cause_of(Fault::Status(status)).await, cause, "{status}");
    }
}

#[tokio::test]
async fn a_missing_tag_is_not_found_and_so_is_a_missing_repository() {
    let setup = Setup::open().await;
    let deadline = super::setup::soon();
    for name in ["app", "nothing"] {
        let repository = format!("{}/{name}", setup.registry.host()).parse().unwrap();
        let error = setup
            .client
            .tag(&repository, "none", deadline)
            .await
            .unwrap_err();
        assert!(error.is_not_found(), "{error}");
    }
}

#[tokio::test]
async fn an_outage_is_unreachable_ops_04() {
    let setup = Setup::open().await;
    setup.registry.down();
    assert_eq!(
        setup.tag().await.unwrap_err().code(),
        "registry_unreachable"
    );
    setup.registry.up();
    assert!(setup.tag().await.is_ok());
}

#[tokio::test]
async fn a_broken_connection_is_tried_once_more() {
    let setup = Setup::open().await;
    setup
        .registry
        .inject(Rule::on(Route::ManifestByTag, Fault::Reset).times(1));
    assert!(setup.tag().await.is_ok());
    setup.registry.clear_requests();
    setup.registry.fault(Route::ManifestByTag, Fault::Reset);
    assert_eq!(setup.tag().await.unwrap_err().cause(), Cause::Unreachable);
    assert_eq!(setup.calls().len(), 2);
}

#[tokio::test]
async fn an_answer_cut_short_is_no_answer() {
    assert_eq!(cause_of(Fault::Truncate(10)).await, Cause::Unreachable);
}

#[tokio::test]
async fn slow_answers_end_at_the_deadline_atk_06_ops_02() {
    for fault in [Fault::Hang, Fault::Trickle(Duration::from_millis(50))] {
        let setup = Setup::open().await;
        setup.registry.fault(Route::ManifestByTag, fault);
        let start = Instant::now();
        let error = setup
            .tag_within(Duration::from_millis(200))
            .await
            .unwrap_err();
        assert_eq!(error.code(), "deadline_exceeded");
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{:?}",
            start.elapsed()
        );
    }
}

#[tokio::test]
async fn bodies_are_cut_at_the_limit_adv_09() {
    for fault in [
        Fault::Endless,
        Fault::Padding(5 << 20),
        Fault::ContentLength(1 << 40),
    ] {
        assert_eq!(cause_of(fault).await, Cause::TooLarge);
    }
}

#[tokio::test]
async fn encoded_bodies_are_refused_atk_07() {
    assert_eq!(cause_of(Fault::GzipBomb(1 << 24)).await, Cause::Malformed);
}

#[tokio::test]
async fn digests_come_from_the_bytes_adv_43() {
    let other = format!("sha256:{}", "0".repeat(64));
    assert_eq!(
        cause_of(Fault::ContentDigest(Some(other))).await,
        Cause::DigestMismatch
    );
    let odd = Fault::ContentDigest(Some("sha256:../x".to_owned()));
    assert_eq!(cause_of(odd).await, Cause::Malformed);

    let setup = Setup::open().await;
    setup
        .registry
        .fault(Route::ManifestByTag, Fault::ContentDigest(None));
    let found = setup.tag().await.unwrap();
    assert_eq!(found.digest, setup.image.digest);
}

#[tokio::test]
async fn other_bytes_than_those_asked_for_are_refused_c_04() {
    let setup = Setup::open().await;
    for route in [Route::ManifestByDigest, Route::Blob] {
        setup.registry.fault(
            route,
            Fault::Body(Bytes::from_static(b"a blob of other byte")),
        );
    }
    let length = Fault::ContentLength("a blob of other byte".len() as u64);
    setup.registry.fault(Route::ManifestByDigest, length);
    assert_eq!(
        setup.manifest().await.unwrap_err().code(),
        "digest_mismatch"
    );
    assert_eq!(setup.blob().await.unwrap_err().code(), "digest_mismatch");
}

#[tokio::test]
async fn retry_after_is_honoured_within_the_deadline() {
    for status in [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
    ] {
        let setup = Setup::open().await;
        let busy = Rule::on(Route::ManifestByTag, Fault::RetryAfter(status, 1)).times(1);
        setup.registry.inject(busy);
        let start = Instant::now();
        assert!(setup.tag().await.is_ok());
        assert!(start.elapsed() >= Duration::from_secs(1));
        assert_eq!(setup.calls().len(), 2);
    }
}

#[tokio::test]
async fn a_throttled_host_is_left_alone_l_20_ops_01() {
    let setup = Setup::open().await;
    let busy = Fault::RetryAfter(StatusCode::TOO_MANY_REQUESTS, 3600);
    setup
        .registry
        .inject(Rule::on(Route::ManifestByTag, busy).times(1));
    let start = Instant::now();
    for _ in 0..20 {
        assert_eq!(setup.tag().await.unwrap_err().code(), "registry_throttled");
    }
    assert_eq!(setup.calls().len(), 1, "one refusal is enough");
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_registry_that_is_not_listed_must_be_public_adv_46() {
    let setup = Setup::open().await;
    let port = setup.registry.host().split_once(':').unwrap().1.to_owned();
    for host in [
        "localhost",
        "127.0.0.2",
        "[::1]",
        // In another spelling, the listed one would be it.
        "[::ffff:127.0.0.2]",
        "169.254.169.254",
        "10.0.0.1",
    ] {
        let repository = format!("{host}:{port}/app").parse().unwrap();
        let deadline = super::setup::soon();
        let error = setup
            .client
            .tag(&repository, "v1", deadline)
            .await
            .unwrap_err();
        assert_eq!(error.code(), "registry_address_forbidden", "{host}");
    }
    assert!(setup.calls().is_empty());
}

#[tokio::test]
async fn messages_say_who_was_asked_for_what() {
    let setup = Setup::open().await;
    setup
        .registry
        .fault(Route::ManifestByTag, Fault::Status(StatusCode::FORBIDDEN));
    let error: RegistryError = setup.tag().await.unwrap_err();
    let text = error.to_string();
    for part in [
        setup.registry.host().as_str(),
        "app:v1",
        "403 Forbidden (DENIED",
    ] {
        assert!(text.contains(part), "{part:?} in {text:?}");
    }
}
