//! Each fault does what it says, to the requests it is meant for.

use std::io::Read;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use http::{Method, StatusCode};
use sealgate_testkit::registry::{Fault, Gate, Route, Rule, sha256};

use super::client::{INDEX, Setup, header};

const BODY: &str = r#"{"manifests":[]}"#;
const BY_TAG: &str = "/v2/app/manifests/v1";

async fn setup() -> Setup {
    let setup = Setup::new().await;
    setup.registry.push_manifest("app", "v1", INDEX, BODY);
    setup
}

async fn setup_with(fault: Fault) -> Setup {
    let setup = setup().await;
    setup.registry.fault(Route::ManifestByTag, fault);
    setup
}

#[tokio::test]
async fn status_is_answered_as_often_as_the_rule_says() {
    let setup = setup().await;
    let busy = Fault::Status(StatusCode::SERVICE_UNAVAILABLE);
    setup
        .registry
        .inject(Rule::on(Route::ManifestByTag, busy).skip(1).times(2));
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(setup.get(BY_TAG).await.status().as_u16());
    }
    assert_eq!(seen, [200, 503, 503, 200, 200]);
}

#[tokio::test]
async fn rule_is_bound_to_route_method_and_repository() {
    let setup = setup().await;
    setup.registry.push_manifest("other", "v1", INDEX, BODY);
    let denied = Fault::Status(StatusCode::FORBIDDEN);
    let rule = Rule::on(Route::ManifestByTag, denied)
        .method(Method::HEAD)
        .repository("app");
    setup.registry.inject(rule);
    let head = |path: &str| setup.request(Method::HEAD, path).send();
    assert_eq!(head(BY_TAG).await.unwrap().status(), StatusCode::FORBIDDEN);
    assert_eq!(setup.get(BY_TAG).await.status(), StatusCode::OK);
    assert_eq!(
        head("/v2/other/manifests/v1").await.unwrap().status(),
        StatusCode::OK
    );
    let by_digest = format!("/v2/app/manifests/{}", sha256(BODY.as_bytes()));
    assert_eq!(head(&by_digest).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn clearing_the_faults_ends_them() {
    let setup = setup_with(Fault::Status(StatusCode::INTERNAL_SERVER_ERROR)).await;
    assert_eq!(
        setup.get(BY_TAG).await.status(),
        StatusCode::INTERNAL_SERVER_ERROR
    );
    setup.registry.clear_faults();
    assert_eq!(setup.get(BY_TAG).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn retry_after_comes_with_its_status() {
    let setup = setup_with(Fault::RetryAfter(StatusCode::TOO_MANY_REQUESTS, 7)).await;
    let limited = setup.get(BY_TAG).await;
    assert_eq!(limited.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(header(&limited, "retry-after"), "7");
}

#[tokio::test]
async fn challenge_and_redirects_lead_where_they_are_told() {
    let setup = setup().await;
    let challenge = r#"Bearer realm="http://192.0.2.1/token",service="other""#;
    let once = |fault| {
        let rule = Rule::on(Route::ManifestByTag, fault).times(1);
        setup.registry.inject(rule);
    };

    once(Fault::Challenge(challenge.into()));
    let refused = setup.get(BY_TAG).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(header(&refused, "www-authenticate"), challenge);

    once(Fault::Redirect("https://192.0.2.1/blob".into()));
    let moved = setup.get(BY_TAG).await;
    assert_eq!(moved.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(header(&moved, "location"), "https://192.0.2.1/blob");

    once(Fault::RedirectOrigin("http://192.0.2.1:5000".into()));
    let moved = setup.get(&format!("{BY_TAG}?ns=x")).await;
    assert_eq!(
        header(&moved, "location"),
        format!("http://192.0.2.1:5000{BY_TAG}?ns=x")
    );
}

#[tokio::test]
async fn latency_delays_the_answer() {
    let delay = Duration::from_millis(30);
    let setup = setup_with(Fault::Latency(delay)).await;
    let start = std::time::Instant::now();
    assert_eq!(setup.get(BY_TAG).await.status(), StatusCode::OK);
    assert!(start.elapsed() >= delay);
}

#[tokio::test]
async fn gate_holds_requests_until_it_opens() {
    let gate = Gate::new();
    let setup = setup_with(Fault::Gate(gate.clone())).await;
    let both = async { tokio::join!(setup.get(BY_TAG), setup.get(BY_TAG)) };
    tokio::pin!(both);
    tokio::select! {
        _ = &mut both => unreachable!("answered through a closed gate"),
        () = gate.arrivals(2) => {}
    }
    gate.open();
    let (one, other) = both.await;
    assert_eq!(
        (one.status(), other.status()),
        (StatusCode::OK, StatusCode::OK)
    );
    assert_eq!(setup.get(BY_TAG).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn hanging_request_is_recorded_and_never_answered() {
    let setup = setup().await;
    let gate = Gate::new();
    gate.open();
    for fault in [Fault::Gate(gate.clone()), Fault::Hang] {
        setup.registry.fault(Route::ManifestByTag, fault);
    }
    let request = setup.request(Method::GET, BY_TAG).send();
    tokio::pin!(request);
    tokio::select! {
        _ = &mut request => unreachable!("answered in spite of the fault"),
        () = gate.arrivals(1) => {}
    }
    // The request is beyond the gate. Another one is answered, this one is not.
    assert_eq!(setup.get("/v2/").await.status(), StatusCode::OK);
    assert!(request.now_or_never().is_none());
    assert_eq!(
        setup.calls(),
        [format!("GET {BY_TAG}"), "GET /v2/".to_owned()]
    );
}

#[tokio::test]
async fn reset_ends_the_connection_without_an_answer() {
    let setup = setup_with(Fault::Reset).await;
    let error = setup.request(Method::GET, BY_TAG).send().await.unwrap_err();
    assert!(!error.is_timeout() && error.is_request(), "{error:?}");
    assert!(
        format!("{error:?}").contains("ConnectionReset"),
        "{error:?}"
    );
}

#[tokio::test]
async fn outage_ends_every_connection_until_it_is_over() {
    let gate = Gate::new();
    let setup = setup().await;
    let rule = Rule::on(Route::ManifestByTag, Fault::Gate(gate.clone())).times(1);
    setup.registry.inject(rule);
    let pending = setup.request(Method::GET, BY_TAG).send();
    tokio::pin!(pending);
    tokio::select! {
        _ = &mut pending => unreachable!("answered through a closed gate"),
        () = gate.arrivals(1) => {}
    }
    setup.registry.down();
    assert!(pending.await.is_err());
    assert!(setup.request(Method::GET, BY_TAG).send().await.is_err());
    setup.registry.up();
    assert_eq!(setup.get(BY_TAG).await.text().await.unwrap(), BODY);
}

#[tokio::test]
async fn body_is_replaced_under_the_same_headers() {
    let setup = setup_with(Fault::Body("other bytes".into())).await;
    let answer = setup.get(BY_TAG).await;
    assert_eq!(
        header(&answer, "docker-content-digest"),
        sha256(BODY.as_bytes())
    );
    assert_eq!(answer.text().await.unwrap(), "other bytes");
}

#[tokio::test]
async fn tampered_content_keeps_its_name() {
    let setup = setup().await;
    let digest = sha256(BODY.as_bytes());
    assert!(setup.registry.tamper("app", &digest, "flipped"));
    assert!(!setup.registry.tamper("app", &sha256(b"unknown"), "flipped"));
    let answer = setup.get(&format!("/v2/app/manifests/{digest}")).await;
    assert_eq!(header(&answer, "docker-content-digest"), digest);
    assert_eq!(answer.text().await.unwrap(), "flipped");
}

#[tokio::test]
async fn headers_lie_or_are_missing() {
    let setup = setup().await;
    let once = |fault| {
        let rule = Rule::on(Route::ManifestByTag, fault).times(1);
        setup.registry.inject(rule);
    };
    once(Fault::ContentDigest(Some(sha256(b"a lie"))));
    assert_eq!(
        header(&setup.get(BY_TAG).await, "docker-content-digest"),
        sha256(b"a lie")
    );
    once(Fault::ContentDigest(None));
    assert_eq!(
        header(&setup.get(BY_TAG).await, "docker-content-digest"),
        ""
    );
    once(Fault::ContentType("text/html".into()));
    assert_eq!(
        header(&setup.get(BY_TAG).await, "content-type"),
        "text/html"
    );
}

#[tokio::test]
async fn tag_moves_from_request_to_request() {
    let setup = setup().await;
    let first = sha256(BODY.as_bytes());
    let second = setup.registry.push_manifest("app", None, INDEX, "{}");
    let moves = Fault::TagMoves(vec![first.clone(), second.clone()]);
    setup.registry.fault(Route::ManifestByTag, moves);
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(header(&setup.get(BY_TAG).await, "docker-content-digest"));
    }
    assert_eq!(seen, [first, second.clone(), second]);
}

#[tokio::test]
async fn truncated_body_ends_early_with_an_error() {
    let setup = setup_with(Fault::Truncate(5)).await;
    let answer = setup.get(BY_TAG).await;
    assert_eq!(header(&answer, "content-length"), BODY.len().to_string());
    let mut body = answer.bytes_stream();
    assert_eq!(body.next().await.unwrap().unwrap(), BODY[..5]);
    assert!(body.next().await.unwrap().is_err());
}

#[tokio::test]
async fn declared_length_can_be_too_short_or_too_long() {
    let setup = setup_with(Fault::ContentLength(3)).await;
    assert_eq!(setup.get(BY_TAG).await.text().await.unwrap(), BODY[..3]);
    let setup = setup_with(Fault::ContentLength(1_000)).await;
    let answer = setup.get(BY_TAG).await;
    assert_eq!(header(&answer, "content-length"), "1000");
    assert!(answer.bytes().await.is_err());
}

#[tokio::test]
async fn padded_body_has_no_declared_length() {
    let setup = setup_with(Fault::Padding(100_000)).await;
    let answer = setup.get(BY_TAG).await;
    assert_eq!(answer.content_length(), None);
    let text = answer.text().await.unwrap();
    assert_eq!((text.len(), text.trim_end()), (BODY.len() + 100_000, BODY));
}

#[tokio::test]
async fn endless_body_is_still_coming_after_ten_megabytes() {
    let setup = setup_with(Fault::Endless).await;
    let mut body = setup.get(BY_TAG).await.bytes_stream();
    let mut received = 0;
    while received < 10_000_000 {
        received += body.next().await.unwrap().unwrap().len();
    }
}

#[tokio::test]
async fn trickling_body_arrives_byte_by_byte() {
    let interval = Duration::from_millis(1);
    let setup = setup_with(Fault::Trickle(interval)).await;
    let start = std::time::Instant::now();
    assert_eq!(setup.get(BY_TAG).await.text().await.unwrap(), BODY);
    assert!(start.elapsed() >= interval * u32::try_from(BODY.len()).unwrap());
}

#[tokio::test]
async fn gzip_bomb_is_small_until_it_is_unpacked() {
    let setup = setup_with(Fault::GzipBomb(20_000_000)).await;
    let answer = setup.get(BY_TAG).await;
    assert_eq!(header(&answer, "content-encoding"), "gzip");
    let packed = answer.bytes().await.unwrap();
    assert!(packed.len() < 50_000, "{}", packed.len());
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(packed.as_ref())
        .read_to_string(&mut unpacked)
        .unwrap();
    assert_eq!(
        (unpacked.len(), unpacked.trim_end()),
        (BODY.len() + 20_000_000, BODY)
    );
}

#[tokio::test]
async fn requests_are_recorded_in_order_with_their_credentials() {
    let setup = setup().await;
    setup.get(BY_TAG).await;
    setup
        .request(Method::HEAD, BY_TAG)
        .header("authorization", "Bearer t")
        .send()
        .await
        .unwrap();
    let requests = setup.registry.requests();
    assert_eq!(
        setup.calls(),
        [format!("GET {BY_TAG}"), format!("HEAD {BY_TAG}")]
    );
    assert_eq!(requests[0].authorization, None);
    assert_eq!(requests[0].host, setup.registry.host());
    assert_eq!(requests[1].authorization.as_deref(), Some("Bearer t"));
    assert_eq!(requests[1].route, Route::ManifestByTag);
    setup.registry.clear_requests();
    assert!(setup.registry.requests().is_empty());
}
