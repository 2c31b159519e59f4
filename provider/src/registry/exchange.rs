//! One request and its answer: what is sent, and how much is read.

use std::fmt::Display;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, LOCATION, RETRY_AFTER,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use reqwest::{Client, Response};
use sealgate_core::json;
use sealgate_core::reference::Repository;
use tokio::time::{Instant, timeout};
use url::Url;

use super::entries::{self, Entries};
use super::error::{Cause, RegistryError};
use super::listing::{IndexReader, NoIndex};
use super::peer::{Peer, origin};
use crate::net::body::{causes, root_cause};
use crate::net::guard::Forbidden;

/// The longest pause that a registry may ask for, or that its refusals add up to.
pub(crate) const LONGEST_THROTTLED: Duration = Duration::from_secs(60);
/// Bytes of an error's body, for the message, and how long they are waited for.
const ERROR_BYTES: usize = 4 << 10;
const ERROR_TIME: Duration = Duration::from_millis(300);
/// Bytes a second that a body has on average, from the time on that a silent registry gets.
const LEAST_PACE: f64 = 16_384.0;

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
        let found = format!("silence for {} ms", time.as_millis());
        Failure::Silent(self.error(Cause::Unreachable, found))
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
    let announced = response
        .content_length()
        .map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    match announced {
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
/// After `hesitation` without a byte it is a [`Failure::Silent`]; a body that comes slower than
/// 16 KiB a second is given up once it took `silence` longer.
pub(crate) async fn read(
    ask: &Ask<'_>,
    mut response: Response,
    hesitation: Duration,
    silence: Duration,
) -> Result<Answer, Failure> {
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
        answer.body = read_error_body(response).await;
        return Ok(answer);
    }
    check_encoding(ask, &answer.headers)?;
    let mut pieces = Pieces {
        ask,
        response: &mut response,
        hesitation,
        silence,
        began: Instant::now(),
        bytes: 0,
    };
    match ask.list {
        true => answer.listed = pieces.list().await?,
        false => answer.body = pieces.whole().await?,
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

/// A body on its way.
struct Pieces<'a> {
    ask: &'a Ask<'a>,
    response: &'a mut Response,
    hesitation: Duration,
    silence: Duration,
    began: Instant,
    bytes: usize,
}

impl Pieces<'_> {
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let Ok(piece) = timeout(self.hesitation, self.response.chunk()).await else {
            return Err(self.ask.silent(self.hesitation));
        };
        let piece = piece.map_err(|error| self.ask.broken(&error))?;
        self.bytes += piece.as_ref().map_or(0, Bytes::len);
        let patience = self.silence.as_secs_f64() + self.bytes as f64 / LEAST_PACE;
        let took = self.began.elapsed().as_secs_f64();
        if piece.is_some() && took > patience {
            let found = format!("{} bytes in {took:.1} s", self.bytes);
            return Err(Failure::Slow(self.ask.error(Cause::Unreachable, found)));
        }
        Ok(piece)
    }

    async fn whole(&mut self) -> Result<Vec<u8>, Failure> {
        let most = self.ask.most;
        let too_large = |found: &dyn Display| {
            let found = format!("{found} bytes, more than the {most} allowed");
            self.ask.error(Cause::TooLarge, found)
        };
        let length = self.response.content_length();
        let length = length.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        if let Some(length) = length.filter(|length| *length > most) {
            return Err(too_large(&length).into());
        }
        let mut body = Vec::with_capacity(length.unwrap_or_default());
        while let Some(piece) = self.next().await? {
            if self.bytes > most {
                return Err(too_large(&format!("at least {}", self.bytes)).into());
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    /// Reads no further than it has to: to the end, to where it is no list, or to the limit.
    async fn list(&mut self) -> Result<Result<Listed, NoIndex>, Failure> {
        let mut reader = IndexReader::new();
        while let Some(piece) = self.next().await? {
            if let Err(why) = reader.push(&piece) {
                return Ok(Err(why));
            }
            if self.bytes >= self.ask.most {
                let entries = reader.cut_off();
                return Ok(entries.map(|entries| Listed {
                    entries,
                    bytes: self.bytes,
                    cut_off: true,
                }));
            }
        }
        Ok(reader.finish().map(|entries| Listed {
            entries,
            bytes: self.bytes,
            cut_off: false,
        }))
    }
}

/// The beginning of an error's body. It is for a message only, so neither a failure nor one that
/// never ends costs anything else.
async fn read_error_body(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    if response.headers().contains_key(CONTENT_ENCODING) {
        return body;
    }
    let read = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() > ERROR_BYTES {
                body.clear();
                break;
            }
        }
    };
    // What came in time will do.
    drop(timeout(ERROR_TIME, read).await);
    body
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
