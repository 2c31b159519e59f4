//! `/v2/NAME/tags/list`.

use axum::response::{IntoResponse, Response};
use http::header;
use serde_json::json;

use super::error::Refusal;
use super::page::Page;
use super::request::Call;
use super::shared::Shared;

pub(crate) fn list(shared: &Shared, call: &Call, repository: &str) -> Result<Response, Refusal> {
    let store = shared.store();
    let known = store.repository(repository);
    let known = known
        .ok_or_else(|| Refusal::not_found("NAME_UNKNOWN", format!("no repository {repository}")))?;
    let last = call.query("last").unwrap_or_default();
    let tags: Vec<&str> = known.tags().filter(|tag| *tag > last).collect();
    let wanted = call.query("n").and_then(|n| n.parse().ok());
    let size = [wanted, shared.page_size].into_iter().flatten().min();
    let page = Page::cut(&tags, |tag| tag, size);
    let body = json!({"name": repository, "tags": page.entries});
    let answer = (
        [(header::CONTENT_TYPE, "application/json")],
        body.to_string(),
    )
        .into_response();
    Ok(page.link(answer, call))
}
