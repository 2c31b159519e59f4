//! One request and its answer: what is sent, and how much is read.

use std::fmt::Display;
use std::time::Duration;

use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, LOCATION, RETRY_AFTER,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use reqwest::{Client, Response};
use sealgate_core::json;
use tokio::time::Instant;
use url::Url;

use super::error::{Cause, RegistryError};
use super::guard::Forbidden;
use super::peer::{Peer, origin};
use crate::response::{BodyError, causes, read_body, root_cause};

/// The longest that a registry may make everybody wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Bytes of an error's body, for the message.
const ERROR_BYTES: usize = 4 << 10;

/// One thing to ask a registry for.
pub(crate) struct Ask<'a> {
    /// The registry in whose name this is asked.
    pub(crate) peer: &'a Peer,
    /// Where.
    pub(crate) url: Url,
    /// The `Accept` header.
    pub(crate) accept: &'static str,
    /// The `Authorization` header. Never leaves the host of `url`.
    pub(crate) authorization: Option<HeaderValue>,
    /// A form to post; without, it is a GET.
    pub(crate) form: Option<String>,
    /// The most bytes that the answer may have.
    pub(crate) most: usize,
    /// Whether the caller has reserved these bytes already.
    pub(crate) reserved: bool,
    /// In words.
    pub(crate) what: &'a (dyn Display + Sync),
    /// Until when.
    pub(crate) deadline: Instant,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Whether a redirect led to another host, and this is its answer.
    pub(crate) elsewhere: bool,
}

impl Ask<'_> {
    /// An error about this.
    pub(crate) fn error(&self, cause: Cause, found: impl Display) -> RegistryError {
        RegistryError::new(cause, self.peer.host(), self.what, found)
    }

    /// Sends it to this URL, which a redirect may have led to.
    pub(crate) async fn send(&self, client: &Client, url: &Url) -> Result<Response, RegistryError> {
        let request = match &self.form {
            None => client.get(url.clone()),
            Some(form) => client
                .post(url.clone())
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form.clone()),
        };
        let request = request
            .header(ACCEPT, self.accept)
            .header(ACCEPT_ENCODING, "identity");
        let request = match &self.authorization {
            Some(value) if url.origin() == self.url.origin() => {
                request.header(AUTHORIZATION, value.clone())
            }
            _ => request,
        };
        request.send().await.map_err(|error| self.broken(&error))
    }

    /// Tells a forbidden address from a connection that failed.
    fn broken(&self, error: &reqwest::Error) -> RegistryError {
        if let Some(forbidden) = causes(error).find_map(|cause| cause.downcast_ref::<Forbidden>()) {
            return self.error(Cause::AddressForbidden, forbidden);
        }
        let innermost = root_cause(error);
        let what = match (error.is_timeout(), error.is_connect()) {
            (true, _) => "no connection in time".to_owned(),
            (false, true) => format!("no connection: {innermost}"),
            (false, false) => format!("the connection broke: {innermost}"),
        };
        self.error(Cause::Unreachable, what)
    }
}

impl Answer {
    /// What the error says about itself, for messages.
    pub(crate) fn describe(&self) -> String {
        let wire: Option<ErrorsWire> = json::parse(&self.body).ok();
        let first = wire.and_then(|wire| wire.errors.into_iter().next());
        match first {
            Some(error) => format!("{} ({}: {})", self.status, error.code, error.message),
            None => self.status.to_string(),
        }
    }

    /// Whether it leads elsewhere.
    pub(crate) fn is_redirect(&self) -> bool {
        matches!(self.status.as_u16(), 301 | 302 | 303 | 307 | 308)
    }

    /// How long the host wants to be left alone (RFC 9110 section 10.2.3).
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        if !matches!(
            self.status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        ) {
            return None;
        }
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        let wait = match text.parse() {
            Ok(seconds) => Duration::from_secs(seconds),
            Err(_) => {
                let until = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
                Duration::try_from(until.duration_since(jiff::Timestamp::now())).unwrap_or_default()
            }
        };
        Some(wait.min(LONGEST_WAIT))
    }
}

#[derive(serde::Deserialize)]
struct ErrorsWire {
    errors: Vec<ErrorWire>,
}

#[derive(serde::Deserialize)]
struct ErrorWire {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// Judges where a redirect leads, but for its address.
pub(crate) fn next_hop(ask: &Ask<'_>, from: &Url, answer: &Answer) -> Result<Url, RegistryError> {
    let refused = |found: String| ask.error(Cause::RedirectRefused, found);
    let location = answer
        .headers
        .get(LOCATION)
        .and_then(|value| value.to_str().ok());
    let location = location.ok_or_else(|| refused("a redirect to nowhere".to_owned()))?;
    let url = from
        .join(location)
        .map_err(|error| refused(format!("a redirect to no URL: {error}")))?;
    let downgrade = from.scheme() == "https" && url.scheme() != "https";
    if downgrade || !ask.peer.allows_scheme(&url) {
        let found = format!("a redirect to {}, which is not https", origin(&url));
        return Err(refused(found));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused(format!(
            "a redirect to {} with a user name in it",
            origin(&url)
        )));
    }
    Ok(url)
}

/// How many bytes reading this answer may take.
pub(crate) fn expected(ask: &Ask<'_>, response: &Response) -> usize {
    let announced = response
        .content_length()
        .map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    match announced {
        _ if !response.status().is_success() => ERROR_BYTES,
        // It is not read.
        Some(length) if length > ask.most => ERROR_BYTES,
        Some(length) => length,
        None => ask.most,
    }
}

/// Reads an answer: all of a success, the beginning of an error.
pub(crate) async fn read(ask: &Ask<'_>, response: Response) -> Result<Answer, RegistryError> {
    let status = response.status();
    let headers = response.headers().clone();
    let body = match status.is_success() {
        true => read_success(ask, response).await?,
        false => read_error_body(response).await,
    };
    Ok(Answer {
        status,
        headers,
        body,
        elsewhere: false,
    })
}

async fn read_success(ask: &Ask<'_>, response: Response) -> Result<Vec<u8>, RegistryError> {
    if let Some(encoding) = response.headers().get(CONTENT_ENCODING)
        && encoding.as_bytes() != b"identity"
    {
        let found = format!("an answer encoded as {encoding:?}, which was not asked for");
        return Err(ask.error(Cause::Malformed, found));
    }
    let length = response
        .content_length()
        .map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    let too_large = |found: &dyn Display| {
        let found = format!("{found} bytes, more than the {} allowed", ask.most);
        ask.error(Cause::TooLarge, found)
    };
    if let Some(length) = length.filter(|length| *length > ask.most) {
        return Err(too_large(&length));
    }
    read_body(response, ask.most)
        .await
        .map_err(|error| match error {
            BodyError::Broken(error) => ask.broken(&error),
            BodyError::TooLarge(found) => too_large(&format!("at least {found}")),
        })
}

/// The beginning of an error's body. It is for a message only, so a failure costs nothing else.
async fn read_error_body(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    if response.headers().contains_key(CONTENT_ENCODING) {
        return body;
    }
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > ERROR_BYTES {
            body.clear();
            break;
        }
    }
    body
}
