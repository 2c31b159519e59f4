//! `/v2/NAME/blobs/uploads/`: in one request, in two, in chunks, or mounted.

use axum::body::{Body, Bytes, to_bytes};
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode, header};

use super::digest::same_algorithm;
use super::error::Refusal;
use super::misbehave::CONTENT_DIGEST;
use super::request::Call;
use super::routes::unsupported;
use super::shared::Shared;

const MAX_BLOB: usize = 512 * 1024 * 1024;

/// `POST …/uploads/`, with `?mount=&from=`, with `?digest=`, or with neither.
pub(crate) async fn begin(
    shared: &Shared,
    call: &Call,
    repository: &str,
    body: Body,
) -> Result<Response, Refusal> {
    if let (Some(digest), Some(from)) = (call.query("mount"), call.query("from")) {
        let blob = shared.store().blob(from, digest);
        if let Some(blob) = blob {
            return store(shared, repository, digest, blob);
        }
    }
    if let Some(digest) = call.query("digest") {
        return store(shared, repository, digest, read(body).await?);
    }
    let id = shared.store().begin_upload();
    Ok(progress(StatusCode::ACCEPTED, repository, &id, 0))
}

/// Everything that goes to the location of an upload.
pub(crate) async fn serve(
    shared: &Shared,
    call: &Call,
    repository: &str,
    id: &str,
    body: Body,
) -> Result<Response, Refusal> {
    match call.method {
        Method::PATCH => {
            let size = append(shared, call, id, &read(body).await?)?;
            Ok(progress(StatusCode::ACCEPTED, repository, id, size))
        }
        Method::PUT => {
            let digest = call
                .query("digest")
                .ok_or_else(|| Refusal::bad_request("DIGEST_INVALID", "?digest= is missing"))?;
            append(shared, call, id, &read(body).await?)?;
            let blob = shared.store().end_upload(id).ok_or_else(|| unknown(id))?;
            store(shared, repository, digest, blob)
        }
        Method::GET => {
            let size = shared.store().upload(id).ok_or_else(|| unknown(id))?.len();
            Ok(progress(StatusCode::NO_CONTENT, repository, id, size))
        }
        Method::DELETE => {
            shared.store().end_upload(id).ok_or_else(|| unknown(id))?;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        _ => Err(unsupported(call)),
    }
}

/// Adds a chunk that begins where the last one ended, and returns the size so far.
fn append(shared: &Shared, call: &Call, id: &str, chunk: &[u8]) -> Result<usize, Refusal> {
    let mut store = shared.store();
    let upload = store.upload_mut(id).ok_or_else(|| unknown(id))?;
    let start = call
        .header(header::CONTENT_RANGE)
        .and_then(|range| range.split('-').next());
    if start.is_some_and(|start| start.parse() != Ok(upload.len())) {
        let message = format!("the next chunk begins at {}", upload.len());
        let status = StatusCode::RANGE_NOT_SATISFIABLE;
        return Err(Refusal::new(status, "BLOB_UPLOAD_INVALID", message));
    }
    upload.extend_from_slice(chunk);
    Ok(upload.len())
}

fn store(
    shared: &Shared,
    repository: &str,
    digest: &str,
    blob: Bytes,
) -> Result<Response, Refusal> {
    let found = same_algorithm(digest, &blob).unwrap_or_default();
    if found != digest {
        let message = format!("the bytes have the digest {found:?}, the request says {digest}");
        return Err(Refusal::bad_request("DIGEST_INVALID", message));
    }
    let location = format!("/v2/{repository}/blobs/{digest}");
    shared
        .store()
        .repository_mut(repository)
        .put_blob(found.clone(), blob);
    let headers = [(header::LOCATION, location), (CONTENT_DIGEST, found)];
    Ok((StatusCode::CREATED, headers).into_response())
}

async fn read(body: Body) -> Result<Bytes, Refusal> {
    to_bytes(body, MAX_BLOB).await.map_err(|error| {
        let message = format!("the upload cannot be read, or has over {MAX_BLOB} bytes: {error}");
        Refusal::bad_request("BLOB_UPLOAD_INVALID", message)
    })
}

fn progress(status: StatusCode, repository: &str, id: &str, size: usize) -> Response {
    let location = format!("/v2/{repository}/blobs/uploads/{id}");
    let range = format!("0-{}", size.saturating_sub(1));
    (
        status,
        [(header::LOCATION, location), (header::RANGE, range)],
    )
        .into_response()
}

fn unknown(id: &str) -> Refusal {
    Refusal::not_found("BLOB_UPLOAD_UNKNOWN", format!("there is no upload {id}"))
}
