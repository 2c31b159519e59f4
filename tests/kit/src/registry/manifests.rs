//! `/v2/NAME/manifests/REFERENCE`.

use axum::body::{Body, Bytes, to_bytes};
use axum::response::{IntoResponse, Response};
use http::{HeaderName, Method, StatusCode, header};

use super::descriptor::ManifestFacts;
use super::digest::same_algorithm;
use super::error::Refusal;
use super::fault::{Fault, Firing};
use super::misbehave::CONTENT_DIGEST;
use super::request::{Call, is_digest};
use super::routes::unsupported;
use super::shared::Shared;
use super::store::{Manifest, Repository};

/// The least that a registry should accept, by the specification.
const MAX_MANIFEST: usize = 4 * 1024 * 1024;
const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

pub(crate) async fn serve(
    shared: &Shared,
    call: &Call,
    repository: &str,
    reference: &str,
    body: Body,
    faults: &[Firing],
) -> Result<Response, Refusal> {
    match call.method {
        Method::GET | Method::HEAD => get(shared, repository, reference, faults),
        Method::PUT => put(shared, call, repository, reference, body).await,
        Method::DELETE => delete(shared, repository, reference),
        _ => Err(unsupported(call)),
    }
}

fn get(
    shared: &Shared,
    repository: &str,
    reference: &str,
    faults: &[Firing],
) -> Result<Response, Refusal> {
    let moved = faults
        .iter()
        .filter(|_| !is_digest(reference))
        .find_map(moved_tag);
    let reference = moved.unwrap_or(reference);
    let manifest = shared.store().manifest(repository, reference).cloned();
    let manifest = manifest.ok_or_else(|| unknown(repository, reference))?;
    let headers = [
        (header::CONTENT_TYPE, manifest.media_type),
        (CONTENT_DIGEST, manifest.digest),
    ];
    Ok((headers, manifest.bytes).into_response())
}

/// What the tag names this time, when it moves.
fn moved_tag(firing: &Firing) -> Option<&str> {
    let Fault::TagMoves(digests) = &firing.fault else {
        return None;
    };
    let turn = usize::try_from(firing.earlier).unwrap_or(usize::MAX);
    digests.get(turn).or(digests.last()).map(String::as_str)
}

async fn put(
    shared: &Shared,
    call: &Call,
    repository: &str,
    reference: &str,
    body: Body,
) -> Result<Response, Refusal> {
    let bytes = to_bytes(body, MAX_MANIFEST).await.map_err(|_| {
        let message = format!("a manifest may have at most {MAX_MANIFEST} bytes");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID", message)
    })?;
    let content_type = call.header(header::CONTENT_TYPE).unwrap_or_default();
    let facts = checked_facts(content_type, &bytes)?;
    let mut manifest = Manifest::new(content_type, bytes);
    if is_digest(reference) {
        manifest.digest = checked_digest(reference, &manifest.bytes)?;
    }
    let digest = manifest.digest.clone();

    let mut store = shared.store();
    let repository_data = store.repository_mut(repository);
    require_content(repository_data, &facts)?;
    repository_data.put_manifest(manifest);
    if !is_digest(reference) {
        repository_data.tag(reference, &digest);
    }
    let location = format!("/v2/{repository}/manifests/{digest}");
    let created = [(header::LOCATION, location), (CONTENT_DIGEST, digest)];
    let subject = facts.subject.filter(|_| shared.has_referrers_api());
    let subject = subject.map(|subject| [(OCI_SUBJECT, subject)]);
    Ok(match subject {
        Some(subject) => (StatusCode::CREATED, created, subject).into_response(),
        None => (StatusCode::CREATED, created).into_response(),
    })
}

fn delete(shared: &Shared, repository: &str, reference: &str) -> Result<Response, Refusal> {
    if shared
        .store()
        .repository_mut(repository)
        .remove_manifest(reference)
    {
        Ok(StatusCode::ACCEPTED.into_response())
    } else {
        Err(unknown(repository, reference))
    }
}

fn checked_facts(content_type: &str, bytes: &Bytes) -> Result<ManifestFacts, Refusal> {
    let facts = ManifestFacts::parse(bytes)
        .ok_or_else(|| Refusal::bad_request("MANIFEST_INVALID", "the manifest is no manifest"))?;
    match &facts.media_type {
        Some(inside) if inside != content_type => Err(Refusal::bad_request(
            "MANIFEST_INVALID",
            format!("the manifest says mediaType {inside}, Content-Type says {content_type}"),
        )),
        _ => Ok(facts),
    }
}

fn checked_digest(expected: &str, bytes: &[u8]) -> Result<String, Refusal> {
    let found = same_algorithm(expected, bytes).unwrap_or_default();
    if found == expected {
        return Ok(found);
    }
    let message = format!("the bytes have the digest {found:?}, the request says {expected}");
    Err(Refusal::bad_request("DIGEST_INVALID", message))
}

/// Everything a manifest links to must be there, but for its subject.
fn require_content(repository: &Repository, facts: &ManifestFacts) -> Result<(), Refusal> {
    let blob = facts
        .blobs
        .iter()
        .find(|digest| !repository.has_blob(digest));
    let child = facts
        .children
        .iter()
        .find(|digest| repository.manifest(digest).is_none());
    match blob.or(child) {
        None => Ok(()),
        Some(missing) => Err(Refusal::bad_request(
            "MANIFEST_BLOB_UNKNOWN",
            format!("the manifest links to {missing}, which this repository does not have"),
        )),
    }
}

fn unknown(repository: &str, reference: &str) -> Refusal {
    Refusal::not_found(
        "MANIFEST_UNKNOWN",
        format!("{repository} has no manifest {reference}"),
    )
}
