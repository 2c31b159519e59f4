//! Requests that two servers may read differently, or that never end.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::page::Line;
use crate::world::{World, provider_request};

/// A request in one line and these headers, without its end.
fn head(headers: &str) -> String {
    format!("POST /v1/validate HTTP/1.1\r\nhost: localhost\r\n{headers}")
}

pub(crate) async fn lines(world: &World, image: &str) -> Vec<Line> {
    let body = provider_request(&[image]);
    let length = body.len();
    let good = format!("{}content-length: {length}\r\n\r\n{body}", head(""));
    let inner = "POST /v1/mutate HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}";
    let with = |headers: &str| format!("{}\r\n{body}", head(headers));
    let chunk = format!("{length:x}\r\n{body}\r\n0\r\n\r\n");
    let chunked = |headers: &str, chunks: &str| format!("{}\r\n{chunks}", head(headers));
    let te = "transfer-encoding: chunked\r\n";
    let mut lines = Vec::new();
    let mut problems = Vec::new();
    for (name, bytes, expected) in [
        (
            "a length and chunks, of which the chunks count (RFC 9112 section 6.3)",
            chunked(&format!("content-length: 4\r\n{te}"), &chunk),
            Statuses("200", 1),
        ),
        (
            "chunks and a length",
            chunked(&format!("{te}content-length: 4\r\n"), &chunk),
            Statuses("200", 1),
        ),
        (
            "two lengths that differ",
            with(&format!(
                "content-length: {length}\r\ncontent-length: 4\r\n"
            )),
            Ambiguous,
        ),
        (
            "a length with a sign",
            with(&format!("content-length: +{length}\r\n")),
            Ambiguous,
        ),
        (
            "a length below 0",
            with("content-length: -1\r\n"),
            Ambiguous,
        ),
        (
            "a length of 30 digits",
            with(&format!("content-length: {}\r\n", "9".repeat(30))),
            Ambiguous,
        ),
        (
            "a length in base 16",
            with("content-length: 0x20\r\n"),
            Ambiguous,
        ),
        (
            "a list of lengths",
            with("content-length: 4, 5\r\n"),
            Ambiguous,
        ),
        (
            "a transfer encoding that is not known",
            chunked("transfer-encoding: xchunked\r\n", &chunk),
            Ambiguous,
        ),
        (
            "chunks that are not the last encoding",
            chunked("transfer-encoding: chunked, identity\r\n", &chunk),
            Ambiguous,
        ),
        (
            "a chunk of more bytes than there can be",
            chunked(te, "ffffffffffffffffff\r\nx"),
            Ambiguous,
        ),
        (
            "a chunk of a length that is none",
            chunked(te, "zz\r\nx\r\n0\r\n\r\n"),
            Ambiguous,
        ),
        ("a header that is folded", with("x: a\r\n b\r\n"), Ambiguous),
        ("a header with a NUL", with("x: a\0b\r\n"), Ambiguous),
        ("a header without a name", with(": a\r\n"), Ambiguous),
        (
            "a space before the colon of a header",
            with(&format!("content-length : {length}\r\n")),
            Ambiguous,
        ),
        (
            "no version",
            "POST /v1/validate\r\n\r\n".to_owned(),
            Ambiguous,
        ),
        (
            "a version that there is not",
            good.replace("HTTP/1.1", "HTTP/9.9"),
            Ambiguous,
        ),
        (
            "a header of 1 MiB",
            with(&format!("x: {}\r\n", "y".repeat(1 << 20))),
            Ambiguous,
        ),
        (
            "ten thousand headers",
            with(&"x: y\r\n".repeat(10_000)),
            Ambiguous,
        ),
        (
            "a request in the body of another",
            format!("{}content-length: {}\r\n\r\n{inner}", head(""), inner.len()),
            Statuses("400", 1),
        ),
        (
            "a hundred requests at once",
            good.repeat(100),
            Statuses("200", 100),
        ),
        (
            "a body that stops",
            format!("{}content-length: 100\r\n\r\n{{", head("")),
            Statuses("408", 1),
        ),
        (
            "half a head",
            "POST /v1/validate HTTP/1.1\r\nhost: loc".to_owned(),
            Statuses("", 0),
        ),
        (
            "another method",
            "GET /v1/validate HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(),
            Statuses("405", 1),
        ),
        (
            "another path",
            good.replace("/v1/validate", "/v1/../admin"),
            Statuses("404", 1),
        ),
    ] {
        let found = exchange(world, image, bytes.as_bytes()).await;
        let outcome = match expected {
            Ambiguous => {
                let codes = ["400", "408", "413", "431", "501", "505"];
                let refused = |one: &String| codes.contains(&one.as_str());
                if found.len() > 1 || !found.iter().all(refused) {
                    problems.push(format!("{name}: {found:?}"));
                }
                match found.first() {
                    Some(status) => format!("{status}, and the connection is closed"),
                    None => "the connection is closed".to_owned(),
                }
            }
            Statuses(status, count) => {
                if found != vec![status; count] {
                    problems.push(format!("{name}: {found:?}"));
                }
                match count {
                    0 => "the connection is closed after `timeouts.idle`".to_owned(),
                    1 => status.to_owned(),
                    count => format!("{count} answers of {status}, in order"),
                }
            }
        };
        lines.push(Line::new(name, outcome));
    }
    assert!(problems.is_empty(), "{problems:#?}");
    lines
}

use Expected::{Ambiguous, Statuses};

enum Expected {
    /// At most one answer, a refusal.
    Ambiguous,
    /// So many answers of this status.
    Statuses(&'static str, usize),
}

/// Sends these bytes, has a good client served, and reads the statuses of all answers.
async fn exchange(world: &World, image: &str, bytes: &[u8]) -> Vec<String> {
    let tcp = TcpStream::connect(world.address()).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let stream = TlsConnector::from(world.tls())
        .connect(name, tcp)
        .await
        .unwrap();
    let (mut reading, mut writing) = tokio::io::split(stream);
    let write = async {
        // It may be refused before its end.
        writing.write_all(bytes).await.ok();
        writing.flush().await.ok();
        crate::serves(world, image).await;
        writing
    };
    let (writing, answer) = tokio::join!(write, read_all(&mut reading));
    drop(writing);
    statuses(&String::from_utf8_lossy(&answer))
}

/// Reads until the server closes, or has said nothing more for a while.
async fn read_all(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut answer = Vec::new();
    let mut piece = vec![0; 64 << 10];
    let quiet = Duration::from_secs(6);
    while let Ok(Ok(count @ 1..)) = tokio::time::timeout(quiet, stream.read(&mut piece)).await {
        answer.extend_from_slice(&piece[..count]);
        if answer.len() > 16 << 20 {
            break;
        }
    }
    answer
}

fn statuses(answers: &str) -> Vec<String> {
    let lines = answers.split("HTTP/1.1 ").skip(1);
    lines.map(|rest| rest.chars().take(3).collect()).collect()
}
