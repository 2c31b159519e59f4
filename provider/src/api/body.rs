//! Reads the body of a request within bounds of bytes and time.

use axum::body::Body;
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use super::reply::Rejection;

/// How much of a body that is too large is read and thrown away, so that the client gets
/// the answer instead of a broken connection.
const DISCARDED: usize = 32 << 20;

/// Reads a body of at most `most` bytes, until `deadline`.
pub(super) async fn read(body: Body, most: u64, deadline: Instant) -> Result<Bytes, Rejection> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    match timeout_at(deadline, read_all(body, most)).await {
        Ok(read) => read,
        Err(_) => Err(Rejection::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_too_slow",
            "the body did not arrive within timeouts.request",
        )),
    }
}

async fn read_all(mut body: Body, most: usize) -> Result<Bytes, Rejection> {
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    let mut length = 0usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            let message = format!("the body cannot be read: {error}");
            Rejection::new(StatusCode::BAD_REQUEST, "body_broken", message)
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        length = length.saturating_add(data.len());
        if length > most.saturating_add(DISCARDED) {
            break;
        }
        match (length <= most, first.is_empty()) {
            (true, true) => first = data,
            (true, false) => all.extend_from_slice(&data),
            (false, _) => {}
        }
    }
    if length > most {
        let message = format!("the body has more than the {most} bytes of limits.bodyBytes");
        return Err(Rejection::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            message,
        ));
    }
    // Most bodies are one piece, which needs no copy.
    if all.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + all.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&all);
    Ok(whole.freeze())
}
