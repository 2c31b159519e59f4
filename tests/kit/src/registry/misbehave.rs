//! Injected faults, applied to requests and answers.

use std::future::pending;
use std::io::{self, Read};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use futures::{Stream, StreamExt, stream};
use http::{HeaderName, HeaderValue, StatusCode, header};
use tokio::time::sleep;

use super::auth::Gatekeeper;
use super::error::Refusal;
use super::fault::{Fault, Firing};
use super::request::Call;
use super::server::ConnectionReset;

pub(crate) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

const SPACES: &[u8] = &[b' '; 16 * 1024];

/// Acts before the registry does. `Some` is an answer in its place.
pub(crate) async fn before(
    fault: &Fault,
    call: &Call,
    gatekeeper: &Gatekeeper,
    connection: &ConnectionReset,
) -> Option<Response> {
    match fault {
        Fault::Latency(time) => sleep(*time).await,
        Fault::Gate(gate) => gate.pass().await,
        Fault::Hang => pending().await,
        Fault::Reset => connection.reset().await,
        Fault::Status(StatusCode::UNAUTHORIZED) => return Some(gatekeeper.challenge(call)),
        Fault::Status(status) => return Some(Refusal::with_status(*status).into_response()),
        Fault::RetryAfter(status, seconds) => {
            let mut answer = Refusal::with_status(*status).into_response();
            set_header(&mut answer, header::RETRY_AFTER, &seconds.to_string());
            return Some(answer);
        }
        Fault::Challenge(challenge) => {
            let mut answer = Refusal::with_status(StatusCode::UNAUTHORIZED).into_response();
            set_header(&mut answer, header::WWW_AUTHENTICATE, challenge);
            return Some(answer);
        }
        Fault::Answer(status, kind, bytes) => {
            let mut answer = (*status, bytes.clone()).into_response();
            set_header(&mut answer, header::CONTENT_TYPE, kind);
            return Some(answer);
        }
        Fault::Unfinished(status) => {
            let begun =
                Body::from_stream(once(Bytes::from_static(b"{\"err")).chain(stream::pending()));
            return Some((*status, begun).into_response());
        }
        Fault::Raw(bytes) => connection.end_with(bytes.clone()).await,
        Fault::Redirect(location) => return Some(redirect(location)),
        Fault::RedirectOrigin(origin) => {
            return Some(redirect(&format!("{origin}{}", call.target)));
        }
        _ => {}
    }
    None
}

/// Spoils an answer. Of the faults that shape the body, only the first acts.
pub(crate) async fn after(faults: &[Firing], call: &Call, answer: Response) -> Response {
    if faults.is_empty() {
        return answer;
    }
    let mut answer = answer;
    for firing in faults {
        answer = spoil_headers(&firing.fault, call, answer);
    }
    let (parts, body) = answer.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let replaced = faults.iter().find_map(|firing| match &firing.fault {
        Fault::Body(bytes) => Some(bytes.clone()),
        _ => None,
    });
    let bytes = replaced.unwrap_or(bytes);
    let shape = faults
        .iter()
        .find_map(|firing| shape(&firing.fault, &bytes));
    let shape = shape.unwrap_or_else(|| Shape::plain(bytes.clone()));
    let mut answer = Response::from_parts(parts, shape.body);
    for (name, value) in shape.headers {
        set_header(&mut answer, name, &value);
    }
    answer
}

fn spoil_headers(fault: &Fault, call: &Call, mut answer: Response) -> Response {
    match fault {
        Fault::ContentDigest(Some(digest)) => set_header(&mut answer, CONTENT_DIGEST, digest),
        Fault::ContentDigest(None) => drop(answer.headers_mut().remove(CONTENT_DIGEST)),
        Fault::ContentType(kind) => set_header(&mut answer, header::CONTENT_TYPE, kind),
        Fault::Header(name, value) => {
            if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                set_header(&mut answer, name, value);
            }
        }
        Fault::SelfLink => set_header(&mut answer, header::LINK, &next_page(&call.target)),
        Fault::NextLink(url) => set_header(&mut answer, header::LINK, &next_page(url)),
        _ => {}
    }
    answer
}

/// A body, and the headers that belong to it.
struct Shape {
    body: Body,
    headers: Vec<(HeaderName, String)>,
}

impl Shape {
    fn plain(bytes: Bytes) -> Self {
        Self {
            body: Body::from(bytes),
            headers: Vec::new(),
        }
    }

    /// In pieces, without a length.
    fn chunked(pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        Self {
            body: Body::from_stream(pieces),
            headers: Vec::new(),
        }
    }

    fn with(mut self, name: HeaderName, value: &impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}

fn shape(fault: &Fault, bytes: &Bytes) -> Option<Shape> {
    let whole = || once(bytes.clone());
    let length = bytes.len();
    Some(match fault {
        Fault::ContentLength(declared) => {
            Shape::chunked(whole().chain(break_off())).with(header::CONTENT_LENGTH, declared)
        }
        Fault::Truncate(count) => {
            let kept = bytes.slice(..(*count).min(length));
            Shape::chunked(once(kept).chain(break_off())).with(header::CONTENT_LENGTH, &length)
        }
        Fault::Stall(count) => {
            let begun = bytes.slice(..(*count).min(length));
            Shape::chunked(once(begun).chain(stream::pending()))
                .with(header::CONTENT_LENGTH, &length)
        }
        Fault::Padding(count) => Shape::chunked(whole().chain(spaces(*count))),
        Fault::Endless => Shape::chunked(whole().chain(spaces(u64::MAX))),
        Fault::Trickle(interval) => {
            Shape::chunked(trickle(bytes.clone(), *interval)).with(header::CONTENT_LENGTH, &length)
        }
        Fault::GzipBomb(count) => {
            Shape::plain(gzip(bytes, *count)).with(header::CONTENT_ENCODING, &"gzip")
        }
        _ => return None,
    })
}

fn once(bytes: Bytes) -> impl Stream<Item = io::Result<Bytes>> {
    stream::iter([Ok(bytes)])
}

/// An error that closes the connection, after what came before it has been sent.
fn break_off() -> impl Stream<Item = io::Result<Bytes>> {
    stream::once(async {
        tokio::task::yield_now().await;
        Err(io::ErrorKind::ConnectionAborted.into())
    })
}

fn spaces(count: u64) -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold(count, |left| async move {
        let next = left.min(SPACES.len() as u64);
        let piece = Bytes::from_static(SPACES).slice(..usize::try_from(next).ok()?);
        // Lets a client that went away be noticed.
        tokio::task::yield_now().await;
        (next > 0).then(|| (Ok(piece), left - next))
    })
}

fn trickle(bytes: Bytes, interval: Duration) -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold(bytes, move |mut left| async move {
        sleep(interval).await;
        (!left.is_empty()).then(|| (Ok(left.split_to(1)), left))
    })
}

fn gzip(bytes: &Bytes, spaces: u64) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let mut content = bytes.as_ref().chain(io::repeat(b' ').take(spaces));
    // Writing to memory does not fail.
    let written = io::copy(&mut content, &mut encoder).and_then(|_| encoder.finish());
    Bytes::from(written.unwrap_or_default())
}

fn redirect(location: &str) -> Response {
    let mut answer = StatusCode::TEMPORARY_REDIRECT.into_response();
    set_header(&mut answer, header::LOCATION, location);
    answer
}

/// The `Link` header for the next page of a list (RFC 8288).
pub(crate) fn next_page(url: &str) -> String {
    format!("<{url}>; rel=\"next\"")
}

/// Sets a header, or leaves it out if `value` cannot stand in one.
pub(crate) fn set_header(answer: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}
