//! Too much of everything: a clear answer each, and nothing lost.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::Full;
use sealgate_testkit::https;
use sealgate_testkit::registry::Route;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::{World, provider_request};

#[tokio::test]
async fn ten_thousand_keys_are_refused_and_the_limit_is_not_atk_32() {
    let world = World::new().await;
    let keys: Vec<_> = (0..10_000).map(|n| format!("UPPER{n}")).collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    let reply = world.validate(&keys).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    let error = reply.system_error();
    assert!(
        error.contains("10000 keys") && error.contains("500"),
        "{error}"
    );
    assert_eq!(world.validate(&keys[..500]).await.items().len(), 500);
}

#[tokio::test]
async fn a_body_of_ten_megabytes_is_refused_with_an_answer_atk_32() {
    let world = World::new().await;
    let mut client = world.connect().await;
    let response = client
        .post("/v1/validate", vec![b' '; 10 << 20])
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let text = String::from_utf8_lossy(response.body()).into_owned();
    assert!(text.contains("limits.bodyBytes"), "{text}");
    let image = world.signed("app", "1.0").tagged("1.0");
    let response = client
        .post("/v1/validate", provider_request(&[&image]))
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK, "the connection goes on");
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up_at_the_deadline() {
    let world = World::with(|config| config.timeouts.request = Duration::from_millis(200)).await;
    let tcp = TcpStream::connect(world.address()).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let connector = tokio_rustls::TlsConnector::from(world.tls());
    let mut stream = connector.connect(name, tcp).await.unwrap();
    let head = "POST /v1/validate HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The server closes the connection, for the rest of the body may still come.
    stream.read_to_end(&mut answer).await.ok();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("timeouts.request"), "{answer}");
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_given_up_atk_32() {
    let world = World::with(|config| config.timeouts.handshake = Duration::from_millis(100)).await;
    let mut silent = TcpStream::connect(world.address()).await.unwrap();
    let mut nothing = [0; 1];
    let read = tokio::time::timeout(Duration::from_secs(30), silent.read(&mut nothing));
    assert!(
        matches!(read.await, Ok(Ok(0) | Err(_))),
        "the server hangs up"
    );
    let (_, metrics) = world.admin("/metrics").await;
    assert!(
        metrics.contains("sealgate_handshake_failures_total 1"),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_connection_without_a_further_request_is_closed() {
    let world = World::with(|config| config.timeouts.idle = Duration::from_millis(100)).await;
    let mut client = world.connect().await;
    let request = client.post("/v1/validate", provider_request(&[]));
    assert_eq!(request.await.unwrap().status(), StatusCode::OK);
    let closed = async {
        while !client.is_closed() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), closed)
        .await
        .unwrap();
}

/// What the server says of itself in HTTP/2 (RFC 9113, section 6.5.2), before anybody has asked.
#[tokio::test]
async fn an_http_2_connection_has_bounds_of_its_own_atk_32() {
    let world = World::new().await;
    let mut tls = (*world.tls()).clone();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let tcp = TcpStream::connect(world.address()).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(tls));
    let name = "localhost".try_into().unwrap();
    let mut stream = connector.connect(name, tcp).await.unwrap();
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[3], 4, "a SETTINGS frame");
    let mut settings = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
    stream.read_exact(&mut settings).await.unwrap();
    let setting = |id: u16| {
        let mut all = settings.chunks(6);
        let found = all.find(|one| one[..2] == id.to_be_bytes());
        found.map(|one| u32::from_be_bytes(one[2..].try_into().unwrap()))
    };
    let (streams, window, frame, head) = (setting(3), setting(4), setting(5), setting(6));
    assert_eq!(streams, Some(64));
    assert_eq!(window.unwrap_or(65_535), 65_535);
    assert_eq!(frame.unwrap_or(16_384), 16_384);
    assert_eq!(head, Some(8 << 10));
    // And the connection's own window is never raised: what follows is the acknowledgement.
    let mut next = [0; 9];
    stream.read_exact(&mut next).await.unwrap();
    assert_eq!((next[3], next[4]), (4, 1));
}

/// Verdicts are complete or they are none.
#[tokio::test]
async fn verdicts_beyond_the_bytes_of_an_answer_are_none_adv_48() {
    let world = World::with(|config| {
        config.limits.evidence_bytes = 48 << 10;
    })
    .await;
    let images: Vec<_> = (0..100)
        .map(|n| world.signed(&format!("app{n}"), "1.0").tagged("1.0"))
        .collect();
    let images: Vec<_> = images.iter().map(String::as_str).collect();
    let one = world.validate(&images[..1]).await.items()[0].to_string();
    let fitting = (48 << 10) / one.len() - 2;
    assert!((2..100).contains(&fitting), "{} bytes each", one.len());
    assert_eq!(
        world.validate(&images[..fitting]).await.items().len(),
        fitting
    );
    let reply = world.validate(&images).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    let error = reply.system_error();
    assert!(error.contains("limits.evidenceBytes"), "{error}");
    // Pinned names are short.
    let reply = world.post("/v1/mutate", provider_request(&images)).await;
    assert_eq!(reply.items().len(), images.len());
}

#[tokio::test]
async fn one_request_too_many_is_shed_at_once_ops_16() {
    let world = World::with(|config| config.limits.requests = 1).await;
    let image = world.signed("app", "1.0").tagged("1.0");
    let gate = world.hold(Route::Referrers);
    let mut client = world.connect().await;
    let body = provider_request(&[&image]);
    let first = tokio::spawn(async move { client.post("/v1/validate", body).await.unwrap() });
    gate.arrivals(1).await;
    let reply = world.validate(&[&image]).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(reply.system_error().contains("limits.requests"));
    gate.open();
    assert_eq!(first.await.unwrap().status(), StatusCode::OK);
    assert_eq!(world.verdict(&image).await["verified"], true);
}

#[tokio::test]
async fn one_image_too_many_in_the_queue_is_undecided_at_once() {
    let world = World::with(|config| {
        config.limits.fetches = 1;
        config.limits.waiting = 1;
    })
    .await;
    let images: Vec<_> = (0..3)
        .map(|n| world.signed(&format!("app{n}"), "1.0").pinned())
        .collect();
    let images: Vec<_> = images.iter().map(String::as_str).collect();
    let reply = world.validate(&images).await;
    let error = reply.system_error();
    assert!(
        error.contains("1 of 3") && error.contains("overloaded"),
        "{error}"
    );
    let wait = async { while world.validate(&images).await.items().is_empty() {} };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .unwrap();
}

#[tokio::test]
async fn metrics_count_what_happened_and_name_no_image() {
    let world = World::new().await;
    let image = world.signed("app", "1.0").tagged("1.0");
    world.validate(&[&image, "UPPER"]).await;
    world.validate(&[&image]).await;
    let (status, metrics) = world.admin("/metrics").await;
    assert_eq!(status, StatusCode::OK);
    for line in [
        r#"sealgate_requests_total{route="validate",answer="answered"} 2"#,
        r#"sealgate_decisions_total{outcome="verified",cache="miss"} 1"#,
        r#"sealgate_decisions_total{outcome="verified",cache="hit"} 1"#,
        "sealgate_wrong_keys_total 1",
        r#"sealgate_work_in_progress{work="fetch"} 0"#,
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    assert!(
        !metrics.contains("app") && !metrics.contains("UPPER"),
        "{metrics}"
    );
}

#[tokio::test]
async fn health_is_shown_apart_from_readiness() {
    let world = World::new().await;
    for (path, expected) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        assert_eq!(
            world.admin(path).await,
            (StatusCode::OK, expected.to_owned())
        );
    }
}

#[tokio::test]
async fn shutdown_lets_running_requests_finish() {
    let mut world = World::new().await;
    let image = world.signed("app", "1.0").tagged("1.0");
    let gate = world.hold(Route::Referrers);
    let mut client = world.connect().await;
    let body = provider_request(&[&image]);
    let request = Request::post("/v1/validate")
        .body(Full::from(body))
        .unwrap();
    let running = tokio::spawn(async move { client.send(request).await.unwrap() });
    gate.arrivals(1).await;
    let shutdown = tokio::spawn(world.running.take().unwrap().shutdown());
    let refused = async {
        while https::Https::connect(world.address(), world.tls())
            .await
            .is_ok()
        {}
    };
    tokio::time::timeout(Duration::from_secs(30), refused)
        .await
        .unwrap();
    gate.open();
    assert_eq!(running.await.unwrap().status(), StatusCode::OK);
    assert!(shutdown.await.unwrap(), "everything was drained");
}
