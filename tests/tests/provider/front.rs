//! Connections: strangers that keep places, peers that do not read, the end of it all.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use http::StatusCode;
use sealgate::config::AuditOutput;
use sealgate_testkit::https::{Authority, GATEKEEPER, Https};
use sealgate_testkit::registry::Route;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::world::{Reply, World, provider_request};

/// Longer than any of these tests may take.
const NEVER: Duration = Duration::from_secs(3600);

/// What a good test ends within.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what)
        .await
        .unwrap()
}

async fn connect_from(source: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((source, 0))).unwrap();
    socket.connect(to).await.unwrap()
}

async fn tls(world: &World) -> io::Result<TlsStream<TcpStream>> {
    let tcp = TcpStream::connect(world.address()).await?;
    let name = "localhost".try_into().unwrap();
    TlsConnector::from(world.tls()).connect(name, tcp).await
}

/// Waits until the other end hangs up.
async fn hung_up(stream: &mut (impl AsyncReadExt + Unpin)) {
    let mut rest = Vec::new();
    // In order or not.
    let _ = soon(stream.read_to_end(&mut rest)).await;
}

async fn metric(world: &World, name: &str) -> u64 {
    let (_, metrics) = world.admin("/metrics").await;
    let lines = metrics.lines().filter(|line| line.starts_with(name));
    let counts = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
    counts.sum()
}

async fn ask(client: &mut Https) -> io::Result<StatusCode> {
    let response = client.post("/v1/validate", provider_request(&[])).await?;
    Ok(response.status())
}

#[tokio::test]
async fn silent_strangers_lock_nobody_out_wherever_they_come_from_f9() {
    let world = World::with(|config| {
        config.limits.connections = 6;
        config.limits.connections_per_address = 4;
        // Whatever is closed is closed for others, not for being late.
        config.timeouts.handshake = NEVER;
        config.timeouts.idle = NEVER;
    })
    .await;
    let mut known = world.connect().await;
    assert_eq!(ask(&mut known).await.unwrap(), StatusCode::OK);
    let mut held = Vec::new();
    for round in 0..10u8 {
        for address in [2, 3, 4, 1] {
            let source = Ipv4Addr::new(127, 0, 0, address);
            held.push(connect_from(source, world.address()).await);
        }
        // Whoever comes newly, from an address that the strangers use, too.
        let mut new = world.connect().await;
        let status = soon(ask(&mut new)).await.unwrap();
        assert_eq!(status, StatusCode::OK, "round {round}");
    }
    let first = &mut held[0];
    hung_up(first).await;
    let status = soon(ask(&mut known)).await.unwrap();
    assert_eq!(status, StatusCode::OK, "a known one keeps its place");
    let displaced = r#"sealgate_connections_closed_total{cause="displaced"}"#;
    assert!(metric(&world, displaced).await >= 30);
}

#[tokio::test]
async fn an_address_that_is_being_answered_on_its_whole_share_gets_no_more_f9() {
    let world = World::with(|config| config.limits.connections_per_address = 1).await;
    let image = world.signed("app", "1.0").tagged("1.0");
    let gate = world.hold(Route::Referrers);
    let mut client = world.connect().await;
    let body = provider_request(&[&image]);
    let first = tokio::spawn(async move { client.post("/v1/validate", body).await.unwrap() });
    gate.arrivals(1).await;
    let mut refused = TcpStream::connect(world.address()).await.unwrap();
    hung_up(&mut refused).await;
    let mut other = connect_from(Ipv4Addr::new(127, 0, 0, 2), world.address()).await;
    other.write_all(b"\x16").await.unwrap();
    let refused = r#"sealgate_connections_closed_total{cause="refused"}"#;
    assert_eq!(metric(&world, refused).await, 1, "only that address");
    gate.open();
    assert_eq!(soon(first).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn only_who_has_asked_may_be_idle_for_long_f9() {
    let world = World::with(|config| {
        config.timeouts.handshake = Duration::from_secs(1);
        config.timeouts.idle = NEVER;
    })
    .await;
    let mut known = world.connect().await;
    assert_eq!(ask(&mut known).await.unwrap(), StatusCode::OK);
    let mut silent = tls(&world).await.unwrap();
    let mut half = tls(&world).await.unwrap();
    half.write_all(b"POST /v1/validate HTTP/1.1\r\nho")
        .await
        .unwrap();
    // What was not admitted counts for nothing.
    let mut refused = tls(&world).await.unwrap();
    let nowhere = b"GET /nowhere HTTP/1.1\r\nhost: localhost\r\n\r\n";
    refused.write_all(nowhere).await.unwrap();
    for stream in [&mut silent, &mut half, &mut refused] {
        hung_up(stream).await;
    }
    let silent = r#"sealgate_connections_closed_total{cause="silent"}"#;
    assert_eq!(metric(&world, silent).await, 3);
    assert_eq!(ask(&mut known).await.unwrap(), StatusCode::OK);
}

#[tokio::test]
async fn a_peer_that_asks_and_never_reads_loses_its_connection_f9() {
    let world = World::with(|config| {
        config.timeouts.handshake = Duration::from_secs(1);
        config.timeouts.idle = NEVER;
    })
    .await;
    let mut stream = tls(&world).await.unwrap();
    let body = provider_request(&["UPPER"]);
    let length = body.len();
    let request = format!(
        "POST /v1/validate HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let requests = request.repeat(1000);
    // As soon as its answers fill every buffer, it is read no further; then it is cut off.
    let wrote = soon(async { while stream.write_all(requests.as_bytes()).await.is_ok() {} });
    wrote.await;
    assert_eq!(world.validate(&["UPPER"]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_admin_listener_has_its_limits_too_f16() {
    let world = World::new().await;
    let mut held = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(world.admin_address()).await.unwrap();
        stream.write_all(b"GET /heal").await.unwrap();
        held.push(stream);
    }
    let (status, body) = soon(world.admin("/healthz")).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "ok\n"));
    // Of one address, 32 at most; the others go at once, and these after 5 s.
    for stream in &mut held {
        hung_up(stream).await;
    }
}

#[tokio::test]
async fn connections_without_a_whole_request_do_not_hold_up_the_end_f22() {
    let mut world = World::with(|config| {
        config.timeouts.handshake = NEVER;
        config.timeouts.idle = NEVER;
        config.timeouts.drain = NEVER;
    })
    .await;
    let mut known = world.connect().await;
    assert_eq!(ask(&mut known).await.unwrap(), StatusCode::OK);
    let mut half = tls(&world).await.unwrap();
    half.write_all(b"POST /v1/validate HTTP/1.1\r\nho")
        .await
        .unwrap();
    let silent = tls(&world).await.unwrap();
    let no_handshake = TcpStream::connect(world.address()).await.unwrap();
    let mut admin = TcpStream::connect(world.admin_address()).await.unwrap();
    admin.write_all(b"GET /heal").await.unwrap();
    let finished = soon(world.running.take().unwrap().shutdown()).await;
    assert!(finished, "no request was cut off");
    drop((half, silent, no_handshake, admin, known));
}

#[tokio::test]
async fn a_request_that_is_cut_off_is_said_to_be_f22() {
    let mut world = World::with(|config| config.timeouts.drain = Duration::from_millis(10)).await;
    let image = world.signed("app", "1.0").tagged("1.0");
    let gate = world.hold(Route::Referrers);
    let mut client = world.connect().await;
    let body = provider_request(&[&image]);
    let _asking = tokio::spawn(async move { client.post("/v1/validate", body).await });
    gate.arrivals(1).await;
    assert!(!soon(world.running.take().unwrap().shutdown()).await);
    gate.open();
}

#[tokio::test]
async fn who_is_about_to_ask_when_certificates_change_may_ask_once_f23() {
    let mut world = World::with(|config| config.timeouts.handshake = NEVER).await;
    let old = world.tls();
    let mut about_to_ask = world.connect().await;
    let mut has_asked = world.connect().await;
    assert_eq!(ask(&mut has_asked).await.unwrap(), StatusCode::OK);

    let next = Authority::like_gatekeeper().unwrap();
    world.gatekeeper = next.issue(&[GATEKEEPER]).unwrap();
    world.write("client-ca.crt", &next.pem);
    let rotated = async {
        while !has_asked.is_closed() {
            tokio::task::yield_now().await;
        }
    };
    soon(rotated).await;
    assert_eq!(soon(ask(&mut about_to_ask)).await.unwrap(), StatusCode::OK);
    let closed = async {
        while !about_to_ask.is_closed() {
            tokio::task::yield_now().await;
        }
    };
    soon(closed).await;
    // The old certificate opens no new connection.
    let again = Https::connect(world.address(), old).await;
    let refused = match again {
        Ok(mut client) => ask(&mut client).await.is_err(),
        Err(_) => true,
    };
    assert!(refused);
}

#[tokio::test]
async fn a_policy_in_the_url_that_is_no_text_gets_a_provider_response_f30() {
    let world = World::new().await;
    for path in [
        "/v1/validate/%ff",
        "/v1/validate/%c3%28",
        "/v1/validate/a%80",
    ] {
        let reply = world.post(path, provider_request(&["app"])).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(reply.body["kind"], "ProviderResponse", "{path}");
        let error = reply.system_error();
        assert!(error.contains("the policy in the URL"), "{path}: {error}");
    }
}

#[tokio::test]
async fn every_route_that_there_is_not_answers_a_provider_response_f30() {
    let world = World::new().await;
    let mut client = world.connect().await;
    for path in [
        "/",
        "/v1",
        "/v1/validate/a/b",
        "/%ff",
        "/v1/validate/",
        "//",
    ] {
        let response = client.post(path, provider_request(&[])).await.unwrap();
        let reply = Reply::of(&response);
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
        assert!(reply.system_error().contains("no such route"), "{path}");
    }
}

#[tokio::test]
async fn a_fifo_for_an_audit_log_is_refused_at_the_start_f29() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("audit.log");
    crate::world::make_fifo(&fifo);
    let mut config = sealgate::Config::default();
    config.audit.output = AuditOutput::File(fifo.clone());
    let error = sealgate::App::new(config).err().unwrap().to_string();
    let name = fifo.display();
    let expected =
        format!("the audit log cannot be opened: {name}: expected a regular file, found a FIFO");
    assert_eq!(error, expected);
}
