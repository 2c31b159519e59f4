//! `/v2/NAME/referrers/DIGEST`.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, header};
use serde_json::json;

use super::descriptor::{Descriptor, ManifestFacts};
use super::error::Refusal;
use super::fault::{Fault, Firing};
use super::misbehave::set_header;
use super::page::Page;
use super::request::{Call, is_digest};
use super::shared::Shared;
use super::store::Manifest;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

/// An image index of the manifests whose subject is `digest`; 404 without the API.
pub(crate) fn list(
    shared: &Shared,
    call: &Call,
    repository: &str,
    digest: &str,
    faults: &[Firing],
) -> Result<Response, Refusal> {
    if !shared.has_referrers_api() {
        return Err(Refusal::not_found(
            "NOT_FOUND",
            "this registry has no referrers API",
        ));
    }
    if !is_digest(digest) {
        return Err(Refusal::bad_request(
            "DIGEST_INVALID",
            format!("{digest} is no digest"),
        ));
    }
    let has = |wanted: fn(&Fault) -> bool| faults.iter().any(|firing| wanted(&firing.fault));
    let mislabelled = has(|fault| matches!(fault, Fault::Mislabelled));
    let empty = has(|fault| matches!(fault, Fault::EmptyReferrers));
    let unfiltered = has(|fault| matches!(fault, Fault::Unfiltered));

    let store = shared.store();
    let found = store
        .repository(repository)
        .into_iter()
        .flat_map(|one| one.referrers(digest));
    let mut referrers: Vec<_> = found.map(|one| describe(one, mislabelled)).collect();
    if empty {
        referrers.clear();
    }
    let filter = call.query("artifactType").filter(|_| !unfiltered);
    if let Some(wanted) = filter {
        referrers.retain(|one| one.artifact_type.as_deref() == Some(wanted));
    }
    let last = call.query("last");
    let start = referrers
        .iter()
        .position(|one| Some(one.digest.as_str()) == last);
    let rest = referrers
        .get(start.map_or(0, |start| start + 1)..)
        .unwrap_or_default();
    let page = Page::cut(rest, |one| &one.digest, shared.page_size);
    let body = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": page.entries});
    let mut answer = ([(header::CONTENT_TYPE, INDEX)], body.to_string()).into_response();
    if filter.is_some() {
        set_header(&mut answer, FILTERS_APPLIED, "artifactType");
    }
    Ok(page.link(answer, call))
}

/// The descriptor of a referrer. Without an artifact type of its own, an image manifest has that
/// of its config.
fn describe(manifest: &Manifest, mislabelled: bool) -> Descriptor {
    let facts = ManifestFacts::read(&manifest.bytes);
    let own = facts.artifact_type.filter(|_| !mislabelled);
    Descriptor {
        media_type: manifest.media_type.clone(),
        digest: manifest.digest.clone(),
        size: manifest.bytes.len() as u64,
        artifact_type: own.or(facts.config_media_type),
        annotations: facts.annotations,
    }
}
