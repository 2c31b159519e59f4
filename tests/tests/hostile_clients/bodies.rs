//! Bodies that are no ProviderRequest, or too much of one.

use bytes::Bytes;

use crate::page::Line;
use crate::world::{Reply, World, provider_request};

pub(crate) async fn lines(world: &World, image: &str) -> Vec<Line> {
    let good = provider_request(&[image]);
    let many = |count: usize| {
        let keys: Vec<_> = (0..count).map(|n| format!("UPPER{n}")).collect();
        provider_request(&keys.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let nested = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
    let bodies: Vec<(&str, Bytes, u16)> = vec![
        ("nothing", Bytes::new(), 400),
        ("no JSON", "<html>".into(), 400),
        ("JSON of something else", "[]".into(), 400),
        (
            "another kind",
            good.replace("ProviderRequest", "ProviderResponse").into(),
            400,
        ),
        ("bytes after its end", format!("{good}x").into(), 400),
        ("a byte order mark", format!("\u{feff}{good}").into(), 400),
        (
            "bytes that are no UTF-8",
            good.replace("app", "a\u{1}p")
                .into_bytes()
                .iter()
                .map(|b| if *b == 1 { 0xff } else { *b })
                .collect::<Vec<_>>()
                .into(),
            400,
        ),
        (
            "keys twice",
            good.replacen("\"keys\"", "\"keys\":[],\"keys\"", 1).into(),
            400,
        ),
        (
            "half a surrogate",
            good.replace("app", "\\ud800").into(),
            400,
        ),
        ("500 000 levels", nested.into(), 400),
        ("10 MiB", vec![b' '; 10 << 20].into(), 413),
        ("501 keys", many(501).into(), 413),
        ("10 000 keys", many(10_000).into(), 413),
    ];
    let mut lines = Vec::new();
    let mut problems = Vec::new();
    for (name, body, status) in bodies {
        let mut client = world.connect().await;
        let reply = Reply::of(&client.post("/v1/validate", body).await.unwrap());
        if reply.status.as_u16() != status || reply.system_error().is_empty() {
            problems.push(format!("{name}: {} {}", reply.status, reply.body));
        }
        crate::serves(world, image).await;
        lines.push(Line::new(
            name,
            format!("{status}, a system error, no items"),
        ));
    }
    assert!(problems.is_empty(), "{problems:#?}");
    let mut client = world.connect().await;
    let unknown = br#"{"images":["x"],"evil\nINFO forged":1}"#;
    let response = client.post("/v1/verify", unknown.to_vec()).await.unwrap();
    assert_eq!(response.status().as_u16(), 400);
    assert!(!response.body().contains(&b'\n'), "{response:?}");
    lines.push(Line::new(
        "an unknown field with a line break, to `/v1/verify`",
        "400, in one line",
    ));
    lines
}
