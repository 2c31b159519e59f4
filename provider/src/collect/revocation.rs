//! Fetches what OCSP responders and revocation lists say about certificates.
//!
//! The URLs come from certificates below a certificate of a configured trust store; nothing else
//! that an image carries is ever followed. Still they lead where their author wants: plain HTTP,
//! public addresses only unless allowed, no redirects, bounded bytes and time.
//!
//! Whatever fails is part of the evidence, too: whether it matters is for the policy to say.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::join_all;
use reqwest::{Client, StatusCode};
use sealgate_core::evidence::{Blob, Evidence, NoAnswer, RevocationAnswer, RevocationKind};
use sealgate_core::{RevocationRequest, revocation_requests};
use sealgate_core::{TrustMaterial, UnixTime, limits};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::net::body::{Body, BodyError, Broken};
use crate::net::causes::root_cause;
use crate::net::client::{SetupError, plain_client};
use crate::net::guard::{Forbidden, Guard};
use crate::remembered::{Key, Remembered};

/// Bytes of one OCSP response, as in notation-go.
const OCSP_BYTES: usize = 20_480;
/// How long one responder may take, as in notation-go.
const OCSP_TIMEOUT: Duration = Duration::from_secs(2);
/// How long one list may take, as in notation-go.
const CRL_TIMEOUT: Duration = Duration::from_secs(5);
/// A request that makes a URL longer than this is posted (RFC 6960 appendix A.1).
const GET_BYTES: usize = 255;
/// How long an answer serves others. Its own validity is judged anew each time.
const ANSWER_LIFETIME: Duration = Duration::from_secs(600);
/// How long a failure spares the responder.
const FAILURE_LIFETIME: Duration = Duration::from_secs(10);
/// Bytes of answers kept.
const CACHE_BYTES: u64 = 32 << 20;
/// What one takes beside its bytes, roughly.
const ENTRY: usize = 256;

/// Fetches answers about revocation, and keeps them for a while.
#[derive(Clone, Debug)]
pub struct RevocationClient {
    http: Client,
    private_hosts: Arc<BTreeSet<String>>,
    cache: Remembered<Answer>,
}

/// The bytes, or why there are none, and when that was.
#[derive(Clone, Debug)]
struct Answer {
    fetched_at: UnixTime,
    outcome: Result<Blob, NoAnswer>,
}

/// Why a service gave no answer.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error("no answer before the deadline")]
    Deadline,
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
    #[error("not a URL: {0}")]
    NoUrl(#[from] url::ParseError),
    #[error("expected a URL of http, found one of {0}")]
    Scheme(String),
    #[error("the URL has no host")]
    NoHost,
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    #[error("{}", root_cause(.0))]
    Unreachable(#[from] reqwest::Error),
    #[error("{}", root_cause(.0))]
    Broken(#[from] Broken),
    #[error("expected the status 200, found {0}")]
    Status(StatusCode),
    #[error("more than the {0} bytes allowed")]
    TooLarge(usize),
}

impl From<AskError> for NoAnswer {
    fn from(error: AskError) -> Self {
        Self(error.to_string())
    }
}

impl RevocationClient {
    /// OCSP, then lists, then their deltas, and one for what changed between.
    pub(crate) const ROUNDS: usize = 4;

    /// A client that reaches public addresses, and these hosts wherever they are.
    ///
    /// # Errors
    /// If the HTTP library refuses to be set up.
    pub fn new(private_hosts: impl IntoIterator<Item = String>) -> Result<Self, SetupError> {
        let private_hosts: BTreeSet<_> = private_hosts.into_iter().collect();
        Ok(Self {
            http: plain_client(Guard::allowing(private_hosts.iter().cloned()))?,
            private_hosts: Arc::new(private_hosts),
            cache: Remembered::for_lifetimes(
                CACHE_BYTES,
                |question, answer| ENTRY + question.len() + answer.bytes(),
                Answer::lifetime,
            ),
        })
    }

    /// Completes evidence with all answers that its signatures need. Never fails: an answer that
    /// cannot be had is recorded as such. Verifies chains where it is called: for one image at a
    /// time, on the command line.
    pub async fn complete(
        &self,
        mut evidence: Evidence,
        trust: &TrustMaterial,
        now: UnixTime,
        deadline: Instant,
    ) -> Evidence {
        for _ in 0..Self::ROUNDS {
            let requests = revocation_requests(&evidence, trust, now);
            if requests.is_empty() {
                break;
            }
            let answers = self.answers(requests, now, deadline).await;
            evidence.revocation.extend(answers);
        }
        evidence
    }

    /// What is answered to these requests, in their order.
    pub(crate) async fn answers(
        &self,
        requests: Vec<RevocationRequest>,
        now: UnixTime,
        deadline: Instant,
    ) -> Vec<RevocationAnswer> {
        let answers = requests
            .into_iter()
            .map(|request| self.answer(request, now, deadline));
        join_all(answers).await
    }

    async fn answer(
        &self,
        request: RevocationRequest,
        now: UnixTime,
        deadline: Instant,
    ) -> RevocationAnswer {
        let question = question(&request);
        let fetch = self
            .cache
            .get_with(&question, Box::pin(self.fetch(&request, now)));
        let answer = timeout_at(deadline, fetch)
            .await
            .unwrap_or_else(|_| Answer {
                fetched_at: now,
                outcome: Err(AskError::Deadline.into()),
            });
        RevocationAnswer {
            kind: request.kind,
            url: request.url,
            certificate: request.certificate,
            fetched_at: answer.fetched_at,
            outcome: answer.outcome,
        }
    }

    async fn fetch(&self, request: &RevocationRequest, now: UnixTime) -> Answer {
        let (most, timeout) = match request.kind {
            RevocationKind::Ocsp => (OCSP_BYTES, OCSP_TIMEOUT),
            RevocationKind::Crl => (limits::BLOB_BYTES, CRL_TIMEOUT),
        };
        let ask = tokio::time::timeout(timeout, self.ask(request, most));
        let outcome = ask
            .await
            .unwrap_or_else(|_| Err(AskError::Timeout(timeout)));
        let outcome = outcome.map(Blob::new).map_err(NoAnswer::from);
        let error = outcome.as_ref().err().map(|why| &why.0);
        tracing::debug!(url = request.url, kind = ?request.kind, error, "revocation service asked");
        Answer {
            fetched_at: now,
            outcome,
        }
    }

    async fn ask(&self, request: &RevocationRequest, most: usize) -> Result<Vec<u8>, AskError> {
        let url = Url::parse(&request.url)?;
        self.check(&url)?;
        let request = match &request.ocsp_request {
            None => self.http.get(url),
            Some(der) => match get_url(&url, der) {
                Some(url) => self.http.get(url),
                None => self
                    .http
                    .post(url)
                    .header(http::header::CONTENT_TYPE, "application/ocsp-request")
                    .body(der.clone()),
            },
        };
        let response = request.send().await?;
        if response.status() != StatusCode::OK {
            return Err(AskError::Status(response.status()));
        }
        let body = Body::new(response, None).whole(most).await;
        body.map_err(|error| match error {
            BodyError::Broken(error) => AskError::Broken(error),
            BodyError::TooLarge(_) => AskError::TooLarge(most),
        })
    }

    fn check(&self, url: &Url) -> Result<(), AskError> {
        if url.scheme() != "http" {
            return Err(AskError::Scheme(url.scheme().to_owned()));
        }
        let host = url.host().ok_or(AskError::NoHost)?;
        let listed = self.private_hosts.contains(&host.to_string());
        Ok(Guard::check_literal(&host, listed)?)
    }
}

/// What an answer is remembered by.
fn question(request: &RevocationRequest) -> Key {
    let kind = match request.kind {
        RevocationKind::Crl => "crl",
        RevocationKind::Ocsp => "ocsp",
    };
    Key::new([kind, &request.url, &request.certificate.to_string()])
}

impl Answer {
    fn lifetime(&self) -> Duration {
        match self.outcome {
            Ok(_) => ANSWER_LIFETIME,
            Err(_) => FAILURE_LIFETIME,
        }
    }

    fn bytes(&self) -> usize {
        match &self.outcome {
            Ok(blob) => blob.bytes().len(),
            Err(NoAnswer(why)) => why.len(),
        }
    }
}

/// The URL of a request that is small enough to be cached on its way.
fn get_url(responder: &Url, der: &[u8]) -> Option<Url> {
    let encoded = STANDARD.encode(der);
    let escaped: String = url::form_urlencoded::byte_serialize(encoded.as_bytes()).collect();
    if escaped.len() >= GET_BYTES {
        return None;
    }
    let base = responder.as_str().trim_end_matches('/');
    Url::parse(&format!("{base}/{escaped}")).ok()
}
