//! One request and its answer: what is sent, and how much is read.

use std::fmt::Display;
use std::time::Duration;

use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, LOCATION, RETRY_AFTER,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use reqwest::{Client, Response};
use sealgate_core::json;
use sealgate_core::reference::Repository;
use tokio::time::Instant;
use url::Url;

use super::entries::{self, Entries};
use super::error::{Cause, RegistryError};
use super::listing::{IndexReader, NoIndex};
use super::peer::{Peer, origin};
use crate::net::body::{Body, BodyError, Broken, Pace, announced};
use crate::net::causes::{causes, root_cause};
use crate::net::guard::Forbidden;

/// The longest pause that a registry may ask for, or that its refusals add up to.
pub(crate) const LONGEST_THROTTLED: Duration = Duration::from_secs(60);
/// Bytes of an error's body, for the message, and how long they are waited for.
const ERROR_BYTES: usize = 4 << 10;
const ERROR_TIME: Duration = Duration::from_millis(300);

/// One thing to ask a registry for.
pub(crate) struct Ask<'a> {
    /// The registry in whose name this is asked.
    pub(crate) peer: &'a Peer,
    /// The repository that this is about.
    pub(crate) repository: &'a Repository,
    /// Where.
    pub(crate) url: Url,
    /// The `Accept` header.
    pub(crate) accept: &'static str,
    /// The `Authorization` header. Never leaves the host of `url`.
    pub(crate) authorization: Option<HeaderValue>,
    /// A form to post; without, it is a GET.
    pub(crate) form: Option<String>,
    /// The most bytes that the answer may have. Of a list no more are read.
    pub(crate) most: usize,
    /// Whether the answer is a list of referrers: its entries are read, and no bytes are kept.
    pub(crate) list: bool,
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
    /// The list that was asked for, of a success; or how it is none.
    pub(crate) listed: Result<Listed, NoIndex>,
    /// Whether a redirect led to another host, and this is its answer.
    pub(crate) elsewhere: bool,
}

/// What was read of a list.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) entries: Entries,
    /// How many bytes were read.
    pub(crate) bytes: usize,
    /// Whether it goes on.
    pub(crate) cut_off: bool,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No byte came for too long.
    Silent(RegistryError),
    /// The bytes came too slowly.
    Slow(RegistryError),
    /// Anything else.
    Other(RegistryError),
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        Self::Other(error)
    }
}

impl From<Failure> for RegistryError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Silent(error) | Failure::Slow(error) | Failure::Other(error) => error,
        }
    }
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

    /// Nothing came for so long.
    pub(crate) fn silent(&self, time: Duration) -> Failure {
        Failure::Silent(self.error(Cause::Unreachable, Broken::Silent(time)))
    }

    /// A body that could not be read.
    fn unread(&self, error: BodyError) -> Failure {
        match error {
            BodyError::Broken(Broken::Connection(error)) => self.broken(&error).into(),
            BodyError::Broken(Broken::Silent(time)) => self.silent(time),
            BodyError::Broken(slow @ Broken::Slow { .. }) => {
                Failure::Slow(self.error(Cause::Unreachable, slow))
            }
            BodyError::TooLarge(size) => {
                let found = format!("{size} bytes, more than the {} allowed", self.most);
                self.error(Cause::TooLarge, found).into()
            }
        }
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

    /// As [`retry_after`].
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        retry_after(self.status, &self.headers)
    }
}

/// How long a registry wants to be left alone (RFC 9110 section 10.2.3).
pub(crate) fn retry_after(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    if !matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    ) {
        return None;
    }
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
            Duration::try_from(until.duration_since(jiff::Timestamp::now())).unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST_THROTTLED))
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
    match announced(response) {
        _ if !response.status().is_success() => ERROR_BYTES,
        _ if ask.list => entries::MOST_BYTES,
        // It is not read.
        Some(length) if length > ask.most => ERROR_BYTES,
        Some(length) => length,
        None => ask.most,
    }
}

/// Reads an answer: all of a success, the beginning of an error.
///
/// A body that stops for `pace.hesitation` is a [`Failure::Silent`]; one that comes slower than
/// `pace` is a [`Failure::Slow`].
pub(crate) async fn read(ask: &Ask<'_>, response: Response, pace: Pace) -> Result<Answer, Failure> {
    let status = response.status();
    let headers = response.headers().clone();
    let mut answer = Answer {
        status,
        headers,
        body: Vec::new(),
        listed: Err(NoIndex::Other("was not asked for")),
        elsewhere: false,
    };
    if !status.is_success() {
        if !answer.headers.contains_key(CONTENT_ENCODING) {
            let body = Body::new(response, None);
            answer.body = body.beginning(ERROR_BYTES, ERROR_TIME).await;
        }
        return Ok(answer);
    }
    check_encoding(ask, &answer.headers)?;
    let body = Body::new(response, Some(pace));
    match ask.list {
        true => answer.listed = list(ask, body).await?,
        false => {
            let whole = body.whole(ask.most).await;
            answer.body = whole.map_err(|error| ask.unread(error))?;
        }
    }
    Ok(answer)
}

fn check_encoding(ask: &Ask<'_>, headers: &HeaderMap) -> Result<(), RegistryError> {
    match headers.get(CONTENT_ENCODING) {
        Some(encoding) if encoding.as_bytes() != b"identity" => {
            let found = format!("an answer encoded as {encoding:?}, which was not asked for");
            Err(ask.error(Cause::Malformed, found))
        }
        _ => Ok(()),
    }
}

/// Reads no further than it has to: to the end, to where it is no list, or to the limit.
async fn list(ask: &Ask<'_>, mut body: Body) -> Result<Result<Listed, NoIndex>, Failure> {
    let mut reader = IndexReader::new();
    while let Some(piece) = body
        .piece()
        .await
        .map_err(|error| ask.unread(error.into()))?
    {
        if let Err(why) = reader.push(&piece) {
            return Ok(Err(why));
        }
        if body.bytes() >= ask.most {
            let entries = reader.cut_off();
            return Ok(entries.map(|entries| Listed {
                entries,
                bytes: body.bytes(),
                cut_off: true,
            }));
        }
    }
    Ok(reader.finish().map(|entries| Listed {
        entries,
        bytes: body.bytes(),
        cut_off: false,
    }))
}

#[cfg(test)]
impl<'a> Ask<'a> {
    /// Something to ask this registry for.
    pub(crate) fn for_tests(peer: &'a Peer, repository: &'a Repository) -> Self {
        Self {
            peer,
            repository,
            url: peer.url(repository, "manifests/v1"),
            accept: "*/*",
            authorization: None,
            form: None,
            most: 0,
            list: false,
            reserved: true,
            what: repository,
            deadline: Instant::now(),
        }
    }
}
