//! HTTP as a hostile network allows it: bounded in bytes, time, hops and connections.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::select_ok;
use http::StatusCode;
use reqwest::Response;
use sealgate_core::limits;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use url::Url;

use super::config::{Limits, Patience, Registries};
use super::error::{Cause, RegistryError};
use super::exchange::{Answer, Ask, Failure, expected, next_hop, read, retry_after};
use super::health::{Health, Turn};
use super::peer::{Peer, listed_peer, origin};
use crate::net::body::Pace;
use crate::net::client::{Clients, SetupError, public_clients};
use crate::net::guard::Guard;
use crate::remembered::{Key, Remembered};
use crate::shares::{Bounds, Crowded, Share, Shares, Standing};

/// Redirects of one request that are followed.
const MOST_HOPS: usize = 3;
/// The pause before a request is repeated whose connection broke.
const BACKOFF: Duration = Duration::from_millis(50);
/// Repetitions for a registry that says when to come again.
const MOST_REPETITIONS: usize = 2;
/// Registries are remembered only as long as they are spoken to, and no more than these.
const MOST_HOSTS: u64 = 1024;
const SPOKEN_TO: Duration = Duration::from_secs(600);
/// What bytes are counted in.
const UNIT: usize = 1 << 10;
/// Bytes of all manifests of one image, its own included.
const MANIFESTS: usize = 5 * limits::MANIFEST_BYTES;
/// Answers up to this size never wait behind larger ones.
const SMALL: usize = 1 << 20;
/// Answers that wait for room in memory.
const MOST_WAITING: usize = 4096;

/// The HTTP side of the client.
pub(crate) struct Transport {
    listed: HashMap<String, Arc<Peer>>,
    public: Clients,
    hosts: Remembered<Arc<HostState>>,
    /// Repositories that failed or refused lately.
    ill: Remembered<Arc<Health>>,
    memory: Arc<Shares>,
    standing: Arc<Standing>,
    limits: Limits,
    patience: Patience,
}

/// Bytes of a registry's answers that are counted until this is dropped.
#[derive(Debug)]
pub struct Room(Share);

impl Room {
    /// Counts no more than so many bytes from now on.
    pub fn shrink(&mut self, bytes: usize) {
        self.0.shrink(bytes.div_ceil(UNIT));
    }
}

/// What is shared by all requests to one host.
struct HostState {
    slots: Semaphore,
    health: Health,
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
            public: public_clients()?,
            hosts: Remembered::while_used(MOST_HOSTS, SPOKEN_TO),
            ill: Remembered::while_used(MOST_HOSTS, SPOKEN_TO),
            memory: Shares::new(Bounds::bytes(
                limits.bytes_in_flight / UNIT,
                limits.bytes_per_image.saturating_add(MANIFESTS) / UNIT,
                SMALL / UNIT,
                MOST_WAITING,
            )),
            standing: Arc::new(Standing::new(
                registries.iter().map(|config| config.host().to_owned()),
            )),
            limits,
            patience: registries.patience,
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

    /// Which registries are known.
    pub(crate) fn standing(&self) -> &Arc<Standing> {
        &self.standing
    }

    /// Waits until `bytes` more of this host may be held in memory.
    pub(crate) async fn reserve(
        &self,
        host: &str,
        bytes: usize,
        deadline: Instant,
    ) -> Result<Room, Crowded> {
        let party = self.standing.party(host);
        let until = deadline.min(Instant::now() + self.limits.longest_wait);
        let units = bytes.div_ceil(UNIT);
        self.memory.take(&party, units, until).await.map(Room)
    }

    /// The same for bytes that are there already: at once, or not at all.
    pub(crate) fn count(&self, host: &str, bytes: usize) -> Result<Room, Crowded> {
        let party = self.standing.party(host);
        self.memory.try_take(&party, bytes.div_ceil(UNIT)).map(Room)
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
                // One that was silent was asked twice already.
                Err(Failure::Other(error)) if error.cause() == Cause::Unreachable && !broken => {
                    broken = true;
                    sleep(BACKOFF).await;
                }
                Ok(answer) if repetitions < MOST_REPETITIONS => match answer.retry_after() {
                    // Its health has the time before which it is not asked again.
                    Some(wait) if Instant::now() + wait < ask.deadline => repetitions += 1,
                    _ => return Ok(answer),
                },
                other => return Ok(other?),
            }
        }
    }

    /// Asks, and follows redirects by hand, so that each hop is judged.
    async fn follow(&self, ask: &Ask<'_>) -> Result<Answer, Failure> {
        let mut url = ask.url.clone();
        for _ in 0..=MOST_HOPS {
            let answer = self.hop(ask, &url).await?;
            if !answer.is_redirect() {
                let elsewhere = url.origin() != ask.url.origin();
                return Ok(Answer {
                    elsewhere,
                    ..answer
                });
            }
            if ask.form.is_some() {
                let found = "a redirect of a form with credentials";
                return Err(ask.error(Cause::RedirectRefused, found).into());
            }
            url = next_hop(ask, &url, &answer)?;
        }
        let found = format!("more than {MOST_HOPS} redirects");
        Err(ask.error(Cause::RedirectRefused, found).into())
    }

    /// One request and its answer.
    async fn hop(&self, ask: &Ask<'_>, url: &Url) -> Result<Answer, Failure> {
        let state = self.host_state(url).await;
        let patient = Patient {
            transport: self,
            ask,
            url,
            health: &state.health,
            turns: self.admit(ask, url, &state.health).await?,
        };
        let Ok(_slot) = state.slots.acquire().await else {
            return Err(ask.error(Cause::Unreachable, "the client is closed").into());
        };
        // Boxed: the futures around it are large and nested enough without it.
        let answer = Box::pin(patient.get(self.ways_to(ask, url)?)).await?;
        tracing::debug!(host = ask.peer.host(), what = %ask.what, status = answer.status.as_u16(), bytes = answer.body.len(), "registry answered");
        Ok(answer)
    }

    async fn room(&self, ask: &Ask<'_>, bytes: usize) -> Result<Room, RegistryError> {
        let room = self.reserve(ask.peer.host(), bytes, ask.deadline).await;
        room.map_err(|Crowded| ask.error(Cause::Overloaded, no_room(bytes)))
    }

    /// Waits until the host is willing to be asked, and the repository there.
    async fn admit(
        &self,
        ask: &Ask<'_>,
        url: &Url,
        health: &Health,
    ) -> Result<Vec<Turn>, RegistryError> {
        let mut turns = vec![health.admit(ask, &origin(url)).await?];
        if let Some(ill) = self.ill.get(&repository_at(url, ask)).await {
            let who = format!("{} at {}", ask.repository, origin(url));
            turns.push(ill.admit(ask, &who).await?);
        }
        Ok(turns)
    }

    /// The ways to this URL whose guard and certificate authorities fit.
    fn ways_to<'a>(&'a self, ask: &Ask<'a>, url: &Url) -> Result<&'a Clients, RegistryError> {
        let listed = ask.peer.ways_to(url);
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
                health: Health::new(Cause::Unreachable),
            })
        };
        let host = Key::new([&origin(url)]);
        self.hosts.get_with(&host, Box::pin(state)).await
    }
}

/// Why there is no answer although the registry gave one.
pub(crate) fn no_room(bytes: usize) -> String {
    format!("no room for {bytes} bytes in memory within limits.fetchBytes")
}

/// What a repository is remembered by: redirected, it is one of another host.
fn repository_at(url: &Url, ask: &Ask<'_>) -> Key {
    Key::new([&origin(url), ask.repository.host(), ask.repository.path()])
}

/// One request, made again if the registry hangs.
struct Patient<'a> {
    transport: &'a Transport,
    ask: &'a Ask<'a>,
    url: &'a Url,
    health: &'a Health,
    /// The right to ask.
    turns: Vec<Turn>,
}

impl Patient<'_> {
    /// Asks. After [`Patience::hesitation`] without a byte it asks once more on a connection of
    /// its own, for what hangs is often the connection. A form is sent once.
    async fn get(mut self, ways: &Clients) -> Result<Answer, Failure> {
        let Patience {
            hesitation,
            silence,
        } = self.transport.patience;
        let (response, again) = self.response(ways).await?;
        let first = match again {
            true => hesitation,
            false => silence,
        };
        match self.read(response, first).await {
            Err(Failure::Silent(_)) if again => {
                let response = self.response_of(ways).await?;
                self.read(response, silence).await
            }
            answer => answer,
        }
    }

    /// The answer with its body, of which each piece comes within this time.
    async fn read(&self, response: Response, hesitation: Duration) -> Result<Answer, Failure> {
        // A slot before memory: who waits for this host holds nobody's bytes.
        let _room = match self.ask.reserved {
            true => None,
            false => {
                let bytes = expected(self.ask, &response);
                Some(self.transport.room(self.ask, bytes).await?)
            }
        };
        let silence = self.transport.patience.silence;
        let pace = Pace {
            hesitation,
            silence,
        };
        read(self.ask, response, pace).await
    }

    /// The headers of the answer, and whether to ask again if its body hangs.
    async fn response(&mut self, ways: &Clients) -> Result<(Response, bool), Failure> {
        let Patience {
            hesitation,
            silence,
        } = self.transport.patience;
        let ask = self.ask;
        let began = Instant::now();
        let mut first = pin!(ask.send(&ways.usual, self.url));
        let (response, again) = match timeout(hesitation, &mut first).await {
            Ok(response) => (response.map_err(Failure::Other), ask.form.is_none()),
            Err(_) if ask.form.is_none() => {
                let second = pin!(ask.send(&ways.fresh, self.url));
                // Whichever answers first: a slow registry is not made slower.
                let either = async { Ok(select_ok([first, second]).await?.0) };
                (self.in_time(silence, either).await, false)
            }
            Err(_) => (self.in_time(silence, first).await, false),
        };
        Ok((self.noted(began, response).await?, again))
    }

    /// The same on a connection of its own, without another try.
    async fn response_of(&mut self, ways: &Clients) -> Result<Response, Failure> {
        let began = Instant::now();
        let silence = self.transport.patience.silence;
        let sent = self.ask.send(&ways.fresh, self.url);
        let response = self.in_time(silence, sent).await;
        self.noted(began, response).await
    }

    async fn in_time(
        &self,
        time: Duration,
        sent: impl Future<Output = Result<Response, RegistryError>>,
    ) -> Result<Response, Failure> {
        match timeout(time, sent).await {
            Ok(response) => Ok(response?),
            Err(_) => Err(self.ask.silent(time)),
        }
    }

    /// Remembers how the host answered; what comes after the headers is of no account.
    async fn noted(
        &mut self,
        began: Instant,
        response: Result<Response, Failure>,
    ) -> Result<Response, Failure> {
        match &response {
            Ok(response) => {
                let wait = retry_after(response.status(), response.headers());
                match response.status() {
                    StatusCode::TOO_MANY_REQUESTS => self.health.refused(wait),
                    _ => self.health.well(),
                }
                self.note_repository(began, response.status(), wait).await;
            }
            Err(Failure::Other(error)) if error.cause() != Cause::Unreachable => {}
            Err(_) => self.health.failed(began),
        }
        self.turns.clear();
        response
    }

    /// Others at the same host have no part in what one repository does.
    async fn note_repository(&self, began: Instant, status: StatusCode, wait: Option<Duration>) {
        let ill = &self.transport.ill;
        let key = repository_at(self.url, self.ask);
        if !status.is_server_error() {
            if status != StatusCode::TOO_MANY_REQUESTS
                && let Some(ill) = ill.get(&key).await
            {
                ill.well();
            }
            return;
        }
        let new = async { Arc::new(Health::new(Cause::ServerError)) };
        let health = ill.get_with(&key, Box::pin(new)).await;
        health.failed(began);
        if status == StatusCode::SERVICE_UNAVAILABLE && wait.is_some() {
            health.refused(wait);
        }
    }
}
