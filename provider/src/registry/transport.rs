//! HTTP as a hostile network allows it: bounded in bytes, time, hops and connections.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, LOCATION, RETRY_AFTER,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use reqwest::{Client, Response};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use url::Url;

use super::config::{Limits, Registries, RegistryConfig};
use super::error::{Cause, RegistryError};
use super::guard::{Forbidden, Guard};
use super::peer::{Peer, origin};

/// Redirects of one request that are followed.
const MOST_HOPS: usize = 3;
/// The pause before a request is repeated whose connection broke.
const BACKOFF: Duration = Duration::from_millis(50);
/// Repetitions for a registry that says when to come again.
const MOST_REPETITIONS: usize = 2;
/// The longest that a registry may make everybody wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of an error's body, for the message.
const ERROR_BYTES: usize = 4 << 10;
/// Registries are remembered only as long as they are spoken to, and no more than these.
const MOST_HOSTS: u64 = 1024;
/// What the semaphore of bytes counts in.
const UNIT: usize = 1 << 10;

/// The HTTP side of the client.
pub(crate) struct Transport {
    listed: HashMap<String, Arc<Peer>>,
    public: Client,
    hosts: moka::future::Cache<String, Arc<HostState>>,
    memory: Arc<Semaphore>,
    limits: Limits,
}

/// What is shared by all requests to one host.
struct HostState {
    slots: Semaphore,
    /// When it is willing to be asked again.
    not_before: Mutex<Instant>,
}

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
}

/// The client cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The certificate authorities of a registry are not usable.
    #[error("the certificate authorities of the registry {host} cannot be used: {source}")]
    Authorities {
        /// The registry.
        host: String,
        /// Why.
        source: rustls::Error,
    },
    /// The TLS library refuses.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP library refuses.
    #[error("cannot set up HTTP: {0}")]
    Http(#[from] reqwest::Error),
    /// The host of a registry makes no URL.
    #[error("cannot make a URL of the registry {host}: {source}")]
    Url {
        /// The registry.
        host: String,
        /// Why.
        source: url::ParseError,
    },
}

impl Transport {
    pub(crate) fn new(registries: &Registries) -> Result<Self, SetupError> {
        let limits = registries.limits;
        let mut listed = HashMap::new();
        for config in registries.iter() {
            let peer = listed_peer(config)?;
            listed.insert(config.host().to_owned(), Arc::new(peer));
        }
        Ok(Self {
            listed,
            public: http_client(public_roots(), Guard::default())?,
            hosts: moka::future::Cache::builder()
                .max_capacity(MOST_HOSTS)
                .time_to_idle(Duration::from_secs(600))
                .build(),
            memory: Arc::new(Semaphore::new((limits.bytes_in_flight / UNIT).max(1))),
            limits,
        })
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// The registry of this name.
    pub(crate) fn peer(&self, host: &str) -> Result<Arc<Peer>, RegistryError> {
        match self.listed.get(host) {
            Some(peer) => Ok(peer.clone()),
            None => Peer::unlisted(host)
                .map(Arc::new)
                .map_err(|error| RegistryError::new(Cause::Unreachable, host, "anything", error)),
        }
    }

    /// Waits until `bytes` more may be held in memory.
    pub(crate) async fn reserve(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let most = self.limits.bytes_in_flight / UNIT;
        let units = bytes.div_ceil(UNIT).min(most.max(1));
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        self.memory.clone().acquire_many_owned(units).await.ok()
    }

    /// Asks, follows redirects, and tries again where that may help, all before the deadline.
    pub(crate) async fn get(&self, ask: &Ask<'_>) -> Result<Answer, RegistryError> {
        timeout_at(ask.deadline, self.get_patiently(ask))
            .await
            .unwrap_or_else(|_| {
                Err(ask.error(
                    Cause::DeadlineExceeded,
                    "no complete answer before the deadline",
                ))
            })
    }

    async fn get_patiently(&self, ask: &Ask<'_>) -> Result<Answer, RegistryError> {
        let mut broken = false;
        let mut repetitions = 0;
        loop {
            match self.follow(ask).await {
                Err(error) if error.cause() == Cause::Unreachable && !broken => {
                    broken = true;
                    sleep(BACKOFF).await;
                }
                Ok(answer) if repetitions < MOST_REPETITIONS => match answer.retry_after() {
                    // The host's state has the time before which it is not asked again.
                    Some(wait) if Instant::now() + wait < ask.deadline => repetitions += 1,
                    _ => return Ok(answer),
                },
                other => return other,
            }
        }
    }

    /// Asks, and follows redirects by hand, so that each hop is judged.
    async fn follow(&self, ask: &Ask<'_>) -> Result<Answer, RegistryError> {
        let mut url = ask.url.clone();
        for _ in 0..=MOST_HOPS {
            let answer = self.hop(ask, &url).await?;
            if !answer.is_redirect() {
                return Ok(answer);
            }
            if ask.form.is_some() {
                return Err(ask.error(
                    Cause::RedirectRefused,
                    "a redirect of a form with credentials",
                ));
            }
            url = next_hop(ask, &url, &answer)?;
        }
        let found = format!("more than {MOST_HOPS} redirects");
        Err(ask.error(Cause::RedirectRefused, found))
    }

    /// One request and its answer.
    async fn hop(&self, ask: &Ask<'_>, url: &Url) -> Result<Answer, RegistryError> {
        let state = self.host_state(url).await;
        state.wait_until_willing(ask, url).await?;
        // Memory before a slot: who holds a slot waits for nothing but the network.
        let _room = match ask.reserved {
            true => None,
            false => self.reserve(ask.most).await,
        };
        let Ok(_slot) = state.slots.acquire().await else {
            return Err(ask.error(Cause::Unreachable, "the client is closed"));
        };
        let client = self.client_for(ask, url)?;
        let response = ask.send(client, url).await?;
        let answer = read(ask, response).await?;
        tracing::debug!(host = ask.peer.host(), what = %ask.what, status = answer.status.as_u16(), bytes = answer.body.len(), "registry answered");
        if let Some(wait) = answer.retry_after() {
            state.pause(wait);
        }
        Ok(answer)
    }

    /// The client whose guard and certificate authorities fit this URL.
    fn client_for<'a>(&'a self, ask: &Ask<'a>, url: &Url) -> Result<&'a Client, RegistryError> {
        let listed = ask.peer.client_for(url);
        if let Some(host) = url.host() {
            Guard::check_literal(&host, listed.is_some())
                .map_err(|forbidden| ask.error(Cause::AddressForbidden, forbidden))?;
        }
        Ok(listed.unwrap_or(&self.public))
    }

    async fn host_state(&self, url: &Url) -> Arc<HostState> {
        let state = async {
            Arc::new(HostState {
                slots: Semaphore::new(self.limits.requests_per_host.max(1)),
                not_before: Mutex::new(Instant::now()),
            })
        };
        self.hosts.get_with(origin(url), state).await
    }
}

impl HostState {
    /// Waits until the host is willing to be asked, if that is before the deadline.
    async fn wait_until_willing(&self, ask: &Ask<'_>, url: &Url) -> Result<(), RegistryError> {
        let until = *self
            .not_before
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if until <= now {
            return Ok(());
        }
        if until >= ask.deadline {
            let seconds = (until - now).as_secs() + 1;
            let found = format!("{} wants to be left alone for {seconds} s", origin(url));
            return Err(ask.error(Cause::Throttled, found));
        }
        sleep_until(until).await;
        Ok(())
    }

    fn pause(&self, wait: Duration) {
        let mut not_before = self
            .not_before
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *not_before = (*not_before).max(Instant::now() + wait);
    }
}

impl Ask<'_> {
    /// An error about this.
    pub(crate) fn error(&self, cause: Cause, found: impl Display) -> RegistryError {
        RegistryError::new(cause, self.peer.host(), self.what, found)
    }

    async fn send(&self, client: &Client, url: &Url) -> Result<Response, RegistryError> {
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
        let mut innermost: &dyn std::error::Error = error;
        while let Some(source) = innermost.source() {
            if let Some(forbidden) = source.downcast_ref::<Forbidden>() {
                return self.error(Cause::AddressForbidden, forbidden);
            }
            innermost = source;
        }
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
        let wire: Option<ErrorsWire> = serde_json::from_slice(&self.body).ok();
        let first = wire.and_then(|wire| wire.errors.into_iter().next());
        match first {
            Some(error) => format!("{} ({}: {})", self.status, error.code, error.message),
            None => self.status.to_string(),
        }
    }

    fn is_redirect(&self) -> bool {
        matches!(self.status.as_u16(), 301 | 302 | 303 | 307 | 308)
    }

    /// How long the host wants to be left alone (RFC 9110 section 10.2.3).
    fn retry_after(&self) -> Option<Duration> {
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
fn next_hop(ask: &Ask<'_>, from: &Url, answer: &Answer) -> Result<Url, RegistryError> {
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

/// Reads an answer: all of a success, the beginning of an error.
async fn read(ask: &Ask<'_>, response: Response) -> Result<Answer, RegistryError> {
    let status = response.status();
    let headers = response.headers().clone();
    let body = match status.is_success() {
        true => read_body(ask, response).await?,
        false => read_error_body(response).await,
    };
    Ok(Answer {
        status,
        headers,
        body,
    })
}

async fn read_body(ask: &Ask<'_>, mut response: Response) -> Result<Vec<u8>, RegistryError> {
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
    let mut body = Vec::with_capacity(length.unwrap_or_default());
    while let Some(chunk) = response.chunk().await.map_err(|error| ask.broken(&error))? {
        if body.len() + chunk.len() > ask.most {
            return Err(too_large(&format!("at least {}", body.len() + chunk.len())));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
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

/// A registry with the HTTP client that fits it.
pub(crate) fn listed_peer(config: &RegistryConfig) -> Result<Peer, SetupError> {
    let roots = match &config.ca {
        None => public_roots(),
        Some(authorities) => own_roots(authorities).map_err(|source| SetupError::Authorities {
            host: config.host().to_owned(),
            source,
        })?,
    };
    let hosts = [config.host()].into_iter();
    let hosts = hosts.chain(config.token_hosts.iter().map(String::as_str));
    let hosts = hosts.chain(config.redirect_hosts.iter().map(String::as_str));
    let guard = Guard::allowing(hosts.map(name));
    let http = http_client(roots, guard)?;
    Peer::listed(config, http).map_err(|source| SetupError::Url {
        host: config.host().to_owned(),
        source,
    })
}

/// The name without the port.
fn name(host: &str) -> String {
    let parsed = Url::parse(&format!("https://{host}"));
    let name = parsed.as_ref().ok().and_then(Url::host_str);
    name.unwrap_or(host).to_owned()
}

fn public_roots() -> RootCertStore {
    RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    }
}

fn own_roots(authorities: &[CertificateDer<'static>]) -> Result<RootCertStore, rustls::Error> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.clone())?;
    }
    Ok(roots)
}

/// An HTTP client for services that are no registries: under the same guard, without redirects.
pub(crate) fn plain_client(guard: Guard) -> Result<Client, SetupError> {
    http_client(public_roots(), guard)
}

fn http_client(roots: RootCertStore, guard: Guard) -> Result<Client, SetupError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(Arc::new(guard))
        // A proxy would resolve names out of the guard's sight.
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .user_agent(concat!("sealgate/", env!("CARGO_PKG_VERSION")))
        .build()?)
}
