//! The ways in which the registry misbehaves on request.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};

use super::gate::Gate;
use super::request::{Call, Route};

/// One kind of misbehaviour.
///
/// The first group takes the place of the registry: it acts on every request of the route, with
/// or without valid credentials. All others act on answers to requests that the registry would
/// have served.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Waits, in tokio's time, then goes on.
    Latency(Duration),
    /// Waits until the gate opens, then goes on.
    Gate(Gate),
    /// Never answers.
    Hang,
    /// Resets the connection instead of answering.
    Reset,
    /// Answers with this status and an error body; 401 with the challenge of the registry.
    Status(StatusCode),
    /// Answers with this status and `Retry-After` in seconds.
    RetryAfter(StatusCode, u64),
    /// Answers 401 with this `WWW-Authenticate`.
    Challenge(String),
    /// Answers with this status, `Content-Type` and body.
    Answer(StatusCode, String, Bytes),
    /// Answers with this status and the beginning of a body that never goes on.
    Unfinished(StatusCode),
    /// Sends these bytes instead of an answer in HTTP, and closes the connection.
    Raw(Bytes),
    /// Answers 307 with this `Location`.
    Redirect(String),
    /// Answers 307 to the same path and query at this origin, `http://127.0.0.1:1`.
    RedirectOrigin(String),

    /// A tag names these digests in turn, one per request, and the last of them from then on.
    TagMoves(Vec<String>),
    /// Referrers are listed with their config's media type as artifact type, as
    /// go-containerregistry does.
    Mislabelled,
    /// The list of referrers is empty, as on registries that accept the call without support.
    EmptyReferrers,
    /// The filter by artifact type is ignored, and not claimed to be applied.
    Unfiltered,

    /// The body is replaced; every header stays what it was.
    Body(Bytes),
    /// `Docker-Content-Digest` says this, or is missing.
    ContentDigest(Option<String>),
    /// `Content-Type` says this.
    ContentType(String),
    /// A header says this, whatever else it says.
    Header(String, String),
    /// `Content-Length` says this. Of a longer body the rest is not sent; after a shorter one
    /// the connection closes.
    ContentLength(u64),
    /// The connection closes after this many bytes of the body.
    Truncate(usize),
    /// The body stops after this many bytes, and the connection stays open.
    Stall(usize),
    /// The body is followed by this many spaces, in chunks without a length.
    Padding(u64),
    /// The body is followed by spaces for ever.
    Endless,
    /// The body arrives one byte at a time, at this interval.
    Trickle(Duration),
    /// The body, followed by this many spaces, compressed with gzip.
    GzipBomb(u64),
    /// A list links to itself as its next page.
    SelfLink,
    /// A list has this URL as its next page.
    NextLink(String),
}

impl Fault {
    /// When the fault acts.
    pub(crate) fn phase(&self) -> Phase {
        match self {
            Self::Latency(_)
            | Self::Gate(_)
            | Self::Hang
            | Self::Reset
            | Self::Status(_)
            | Self::RetryAfter(..)
            | Self::Challenge(_)
            | Self::Answer(..)
            | Self::Unfinished(_)
            | Self::Raw(_)
            | Self::Redirect(_)
            | Self::RedirectOrigin(_) => Phase::Before,
            _ => Phase::Answer,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Before the registry looks at the request.
    Before,
    /// While it answers a request that it accepts.
    Answer,
}

/// A fault, and the requests it happens to.
#[derive(Debug, Clone)]
pub struct Rule {
    fault: Fault,
    route: Option<Route>,
    method: Option<Method>,
    repository: Option<String>,
    ending: Option<String>,
    skip: u64,
    times: Option<u64>,
}

impl Rule {
    /// `fault` on every request of `route`, for ever.
    pub fn on(route: Route, fault: Fault) -> Self {
        Self {
            route: Some(route),
            ..Self::everywhere(fault)
        }
    }

    /// `fault` on every request, for ever.
    pub fn everywhere(fault: Fault) -> Self {
        Self {
            fault,
            route: None,
            method: None,
            repository: None,
            ending: None,
            skip: 0,
            times: None,
        }
    }

    /// Only requests with this method.
    pub fn method(self, method: Method) -> Self {
        Self {
            method: Some(method),
            ..self
        }
    }

    /// Only requests to this repository.
    pub fn repository(self, repository: &str) -> Self {
        Self {
            repository: Some(repository.to_owned()),
            ..self
        }
    }

    /// Only requests whose path and query end like this.
    pub fn ending(self, ending: &str) -> Self {
        Self {
            ending: Some(ending.to_owned()),
            ..self
        }
    }

    /// Leaves the first `count` of these requests alone.
    pub fn skip(self, count: u64) -> Self {
        Self {
            skip: count,
            ..self
        }
    }

    /// Ends after `count` requests.
    pub fn times(self, count: u64) -> Self {
        Self {
            times: Some(count),
            ..self
        }
    }

    fn matches(&self, call: &Call) -> bool {
        self.route
            .is_none_or(|route| route == call.endpoint.route())
            && self
                .method
                .as_ref()
                .is_none_or(|method| method == call.method)
            && self
                .repository
                .as_deref()
                .is_none_or(|name| call.endpoint.repository() == Some(name))
            && self
                .ending
                .as_deref()
                .is_none_or(|ending| call.target.ends_with(ending))
    }
}

/// The rules in force, with what they have done so far.
#[derive(Debug, Default)]
pub(crate) struct Rules(Vec<Active>);

#[derive(Debug)]
struct Active {
    rule: Rule,
    /// Matching requests so far, those skipped included.
    seen: u64,
}

/// A fault that happens to the request at hand.
#[derive(Debug)]
pub(crate) struct Firing {
    pub(crate) fault: Fault,
    /// How often it happened before.
    pub(crate) earlier: u64,
}

impl Rules {
    pub(crate) fn add(&mut self, rule: Rule) {
        self.0.push(Active { rule, seen: 0 });
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The faults that happen to `call` in `phase`, in the order they were injected. Each call
    /// counts once per phase.
    pub(crate) fn take(&mut self, call: &Call, phase: Phase) -> Vec<Firing> {
        let concerned =
            |active: &&mut Active| active.rule.fault.phase() == phase && active.rule.matches(call);
        self.0
            .iter_mut()
            .filter(concerned)
            .filter_map(Active::fire)
            .collect()
    }
}

impl Active {
    fn fire(&mut self) -> Option<Firing> {
        let earlier = self.seen.checked_sub(self.rule.skip);
        self.seen += 1;
        let earlier = earlier.filter(|earlier| self.rule.times.is_none_or(|max| *earlier < max))?;
        Some(Firing {
            fault: self.rule.fault.clone(),
            earlier,
        })
    }
}
