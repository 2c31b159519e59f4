//! Who does not get past the handshake.

use std::sync::Arc;

use rustls::ClientConfig;
use sealgate_testkit::https::{self, Authority, GATEKEEPER, Https};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::page::Line;
use crate::world::{World, provider_request};

pub(crate) async fn lines(world: &World, image: &str) -> Vec<Line> {
    let ca = &world.server_ca.pem;
    let other = Authority::new("another CA").unwrap();
    let issue = |authority: &Authority, name: &str| authority.issue(&[name]).unwrap();
    let configs = [
        ("no certificate", https::client_config(ca, None)),
        (
            "a certificate of another CA",
            https::client_config(ca, Some(&issue(&other, GATEKEEPER))),
        ),
        (
            "a certificate of the right CA with another name",
            https::client_config(ca, Some(&issue(&world.client_ca, "somebody.else.svc"))),
        ),
    ];
    let mut lines = Vec::new();
    for (name, config) in configs {
        assert!(!answered(world, config.unwrap(), image).await, "{name}");
        lines.push(Line::new(name, "no connection"));
        crate::serves(world, image).await;
    }
    for (name, bytes) in [
        (
            "HTTP without TLS",
            &b"POST /v1/validate HTTP/1.1\r\nhost: x\r\n\r\n"[..],
        ),
        (
            "bytes that are no TLS",
            &b"\x00\x01\x02\x03SSH-2.0-x\r\n\r\n"[..],
        ),
        (
            "a TLS record of 64 KiB",
            &b"\x16\x03\x01\xff\xff\x01\x00\xff\xff"[..],
        ),
    ] {
        let mut stream = TcpStream::connect(world.address()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        crate::serves(world, image).await;
        let mut answer = Vec::new();
        // Whether it is closed or reset: no HTTP.
        stream.read_to_end(&mut answer).await.ok();
        assert!(!answer.starts_with(b"HTTP"), "{name}");
        lines.push(Line::new(name, "no connection"));
    }
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(TcpStream::connect(world.address()).await.unwrap());
    }
    crate::serves(world, image).await;
    for mut stream in silent {
        let closed = stream.read(&mut [0; 1]).await;
        assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
    }
    lines.push(Line::new(
        "50 connections without a handshake",
        "closed after `timeouts.handshake`",
    ));
    lines
}

/// With TLS 1.3 a client learns only from its first request that it is refused.
async fn answered(world: &World, config: Arc<ClientConfig>, image: &str) -> bool {
    match Https::connect(world.address(), config).await {
        Ok(mut client) => client
            .post("/v1/validate", provider_request(&[image]))
            .await
            .is_ok(),
        Err(_) => false,
    }
}
