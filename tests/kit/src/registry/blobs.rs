//! `/v2/NAME/blobs/DIGEST`.

use std::ops::Range;

use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode, header};

use super::error::Refusal;
use super::misbehave::CONTENT_DIGEST;
use super::request::Call;
use super::routes::unsupported;
use super::shared::Shared;

pub(crate) fn serve(
    shared: &Shared,
    call: &Call,
    repository: &str,
    digest: &str,
) -> Result<Response, Refusal> {
    match call.method {
        Method::GET | Method::HEAD => get(shared, call, repository, digest),
        Method::DELETE => delete(shared, repository, digest),
        _ => Err(unsupported(call)),
    }
}

fn get(shared: &Shared, call: &Call, repository: &str, digest: &str) -> Result<Response, Refusal> {
    let blob = shared.store().blob(repository, digest);
    let blob = blob.ok_or_else(|| unknown(repository, digest))?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::ACCEPT_RANGES, "bytes"),
        (CONTENT_DIGEST, digest),
    ];
    let Some(range) = call.header(header::RANGE) else {
        return Ok((headers, blob).into_response());
    };
    let range = byte_range(range, blob.len()).ok_or_else(|| {
        let message = format!("{range} is no range of {} bytes", blob.len());
        Refusal::new(StatusCode::RANGE_NOT_SATISFIABLE, "SIZE_INVALID", message)
    })?;
    let place = format!("bytes {}-{}/{}", range.start, range.end - 1, blob.len());
    let place = [(header::CONTENT_RANGE, place)];
    Ok((
        StatusCode::PARTIAL_CONTENT,
        headers,
        place,
        blob.slice(range),
    )
        .into_response())
}

fn delete(shared: &Shared, repository: &str, digest: &str) -> Result<Response, Refusal> {
    if shared
        .store()
        .repository_mut(repository)
        .remove_blob(digest)
    {
        Ok(StatusCode::ACCEPTED.into_response())
    } else {
        Err(unknown(repository, digest))
    }
}

/// `bytes=FIRST-LAST` or `bytes=FIRST-`, clipped to `length`; never empty.
fn byte_range(header: &str, length: usize) -> Option<Range<usize>> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    let first: usize = first.parse().ok()?;
    let end = match last {
        "" => length,
        last => last.parse::<usize>().ok()?.saturating_add(1).min(length),
    };
    (first < end).then_some(first..end)
}

fn unknown(repository: &str, digest: &str) -> Refusal {
    Refusal::not_found("BLOB_UNKNOWN", format!("{repository} has no blob {digest}"))
}
