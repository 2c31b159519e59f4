//! HTTP as a hostile network allows it: bounded in bytes, time, hops and connections.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Client;
use sealgate_core::limits;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use url::Url;

use super::config::{Limits, Registries};
use super::connect::{SetupError, listed_peer, public_client};
use super::error::{Cause, RegistryError};
use super::exchange::{Answer, Ask, expected, next_hop, read};
use super::guard::Guard;
use super::peer::{Peer, origin};
use crate::shares::{Bounds, Crowded, Share, Shares, Standing};

/// Redirects of one request that are followed.
const MOST_HOPS: usize = 3;
/// The pause before a request is repeated whose connection broke.
const BACKOFF: Duration = Duration::from_millis(50);
/// Repetitions for a registry that says when to come again.
const MOST_REPETITIONS: usize = 2;
/// Registries are remembered only as long as they are spoken to, and no more than these.
const MOST_HOSTS: u64 = 1024;
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
    public: Client,
    hosts: moka::future::Cache<String, Arc<HostState>>,
    memory: Arc<Shares>,
    standing: Arc<Standing>,
    limits: Limits,
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
    /// When it is willing to be asked again.
    not_before: Mutex<Instant>,
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
            public: public_client()?,
            hosts: moka::future::Cache::builder()
                .max_capacity(MOST_HOSTS)
                .time_to_idle(Duration::from_secs(600))
                .build(),
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
                let elsewhere = url.origin() != ask.url.origin();
                return Ok(Answer {
                    elsewhere,
                    ..answer
                });
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
        let Ok(_slot) = state.slots.acquire().await else {
            return Err(ask.error(Cause::Unreachable, "the client is closed"));
        };
        let client = self.client_for(ask, url)?;
        let response = ask.send(client, url).await?;
        // A slot before memory: who waits for this host holds nobody's bytes.
        let _room = match ask.reserved {
            true => None,
            false => Some(self.room(ask, expected(ask, &response)).await?),
        };
        let answer = read(ask, response).await?;
        tracing::debug!(host = ask.peer.host(), what = %ask.what, status = answer.status.as_u16(), bytes = answer.body.len(), "registry answered");
        if let Some(wait) = answer.retry_after() {
            state.pause(wait);
        }
        Ok(answer)
    }

    async fn room(&self, ask: &Ask<'_>, bytes: usize) -> Result<Room, RegistryError> {
        let room = self.reserve(ask.peer.host(), bytes, ask.deadline).await;
        room.map_err(|Crowded| ask.error(Cause::Overloaded, no_room(bytes)))
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

/// Why there is no answer although the registry gave one.
pub(crate) fn no_room(bytes: usize) -> String {
    format!("no room for {bytes} bytes in memory within limits.fetchBytes")
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
