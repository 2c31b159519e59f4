//! One registry, however slow or large, takes nothing from the others.

use std::time::{Duration, Instant};

use http::StatusCode;
use sealgate::config::Registry as Entry;
use sealgate_testkit::image::{self, Image};
use sealgate_testkit::publish::{self, Listing, Referrer};
use sealgate_testkit::registry::{Fault, Gate, Registry, RegistryOptions, Route};
use sealgate_testkit::sign;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::{World, provider_request};

fn listed(host: String) -> Entry {
    Entry {
        host,
        plain_http: true,
        ca: None,
        auth: None,
        token_hosts: Vec::new(),
        redirect_hosts: Vec::new(),
    }
}

fn images(registry: &Registry, count: usize) -> Vec<String> {
    let one = |n: usize| image::single(registry, &format!("app{n}"), "v1", &n.to_string());
    (0..count).map(|n| one(n).tagged("v1")).collect()
}

async fn ask_in_the_background(world: &World, images: &[String]) {
    let keys: Vec<_> = images.iter().map(String::as_str).collect();
    let body = provider_request(&keys);
    let mut client = world.connect().await;
    tokio::spawn(async move { client.post("/v1/validate", body).await });
}

#[tokio::test]
async fn a_silent_registry_holds_up_its_own_images_only_f2() {
    let slow = Registry::start(RegistryOptions::default()).await.unwrap();
    let world = World::with(|config| {
        config.limits.fetches = 8;
        config.limits.waiting = 20;
        config.registries.push(listed(slow.host()));
    })
    .await;
    let gate = Gate::new();
    slow.fault(Route::ManifestByTag, Fault::Gate(gate.clone()));
    ask_in_the_background(&world, &images(&slow, 100)).await;
    gate.arrivals(2).await;
    for n in 0..5 {
        let good = world.signed(&format!("good{n}"), "1.0").tagged("1.0");
        assert_eq!(world.verdict(&good).await["verified"], true);
    }
    gate.open();
}

/// An image whose attached blobs take all that one image may have.
fn heavy(registry: &Registry, tag: &str, blob: &[u8]) -> Image {
    let image = image::single(registry, "heavy", tag, tag);
    let artifact = Referrer {
        subject: &image.descriptor,
        artifact_type: Some(sign::BUNDLE),
        config_media_type: publish::EMPTY_CONFIG,
        layer_media_type: sign::BUNDLE,
        blob,
        annotations: std::collections::BTreeMap::new(),
    };
    publish::referrer(registry, "heavy", &artifact, Listing::Api);
    image
}

#[tokio::test]
async fn blobs_that_do_not_arrive_hold_no_bytes_of_other_registries_f2() {
    let slow = Registry::start(RegistryOptions::default()).await.unwrap();
    let world = World::with(|config| config.registries.push(listed(slow.host()))).await;
    let gate = Gate::new();
    slow.fault(Route::Blob, Fault::Gate(gate.clone()));
    let blob = vec![b'x'; 30 << 20];
    let images: Vec<_> = (0..8)
        .map(|n| heavy(&slow, &format!("v{n}"), &blob).pinned())
        .collect();
    ask_in_the_background(&world, &images).await;
    gate.arrivals(1).await;
    let good = world.image("good", "1.0");
    heavy(&world.registry, "v", &blob);
    world.sign(&good);
    assert_eq!(world.verdict(&good.tagged("1.0")).await["verified"], true);
    let large = heavy(&world.registry, "large", &blob).pinned();
    assert_eq!(world.verdict(&large).await["outcome"], "invalid");
    gate.open();
}

#[tokio::test]
async fn what_is_in_the_cache_needs_no_place_f18() {
    let world = World::with(|config| config.limits.requests = 1).await;
    let warm = world.signed("warm", "1.0").tagged("1.0");
    assert_eq!(world.verdict(&warm).await["verified"], true);
    let cold = world.signed("cold", "1.0").tagged("1.0");
    let gate = world.hold(Route::Referrers);
    ask_in_the_background(&world, std::slice::from_ref(&cold)).await;
    gate.arrivals(1).await;
    assert_eq!(world.verdict(&warm).await["cache"]["status"], "hit");
    let reply = world.validate(&[&warm, &cold]).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(reply.system_error().contains("limits.requests"));
    gate.open();
}

#[tokio::test]
async fn a_registry_that_was_silent_gets_little_time_if_there_is_a_stale_verdict_f11() {
    let world = World::with(|config| config.timeouts.request = Duration::from_secs(2)).await;
    let image = world.signed("app", "1.0").tagged("1.0");
    assert_eq!(world.verdict(&image).await["verified"], true);
    world.clock.advance(1000);
    let gate = world.hold(Route::ManifestByTag);
    let stale = async || {
        let began = Instant::now();
        let verdict = world.verdict(&image).await;
        assert_eq!(verdict["cache"]["status"], "stale");
        began.elapsed()
    };
    assert!(
        stale().await >= Duration::from_secs(2),
        "it is not known yet"
    );
    assert!(stale().await < Duration::from_secs(1));
    gate.open();
    let answers = async { while world.verdict(&image).await["cache"]["status"] == "stale" {} };
    tokio::time::timeout(Duration::from_secs(30), answers)
        .await
        .unwrap();
}

#[tokio::test]
async fn bodies_that_do_not_end_leave_room_for_small_ones_f17() {
    let world = World::with(|config| {
        config.limits.bodies_bytes = 1 << 20;
        config.timeouts.request = Duration::from_secs(2);
    })
    .await;
    let half_sent = async || {
        let tcp = TcpStream::connect(world.address()).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(world.tls());
        let name = "localhost".try_into().unwrap();
        let mut stream = connector.connect(name, tcp).await.unwrap();
        let head = "POST /v1/validate HTTP/1.1\r\nhost: x\r\ncontent-length: 900000\r\n\r\n{";
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    };
    let mut all = [half_sent().await, half_sent().await];
    assert_eq!(world.validate(&["UPPER"]).await.status, StatusCode::OK);
    let mut found = Vec::new();
    for stream in &mut all {
        let mut answer = Vec::new();
        // The server closes the connection, for the rest of the body may still come.
        stream.read_to_end(&mut answer).await.ok();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        found.extend(["timeouts.request", "limits.bodiesBytes"].map(|why| answer.contains(why)));
    }
    found.sort_unstable();
    assert_eq!(
        found,
        [false, false, true, true],
        "one was read, one waited"
    );
}

#[tokio::test]
async fn evidence_of_many_images_is_refused_before_it_is_written_f5() {
    let world = World::with(|config| config.limits.evidence_bytes = 1 << 20).await;
    let blob = vec![b'x'; 500 << 10];
    let images: Vec<_> = (0..3)
        .map(|n| heavy(&world.registry, &format!("v{n}"), &blob).pinned())
        .collect();
    let ask = async |images: &[String]| {
        let body = serde_json::json!({"images": images}).to_string();
        let mut client = world.connect().await;
        client.post("/v1/evidence", body).await.unwrap().status()
    };
    assert_eq!(ask(&images).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(ask(&images[..1]).await, StatusCode::OK);
    assert_eq!(
        ask(&images[1..2]).await,
        StatusCode::OK,
        "room was given back"
    );
}
