//! An OCI distribution server inside the process, true to the specification until told to
//! misbehave.
//!
//! ```
//! # use sealgate_testkit::registry::{Fault, Registry, RegistryOptions, Route, Rule};
//! # use http::StatusCode;
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let registry = Registry::start(RegistryOptions::default()).await?;
//! let media_type = "application/vnd.oci.image.index.v1+json";
//! let digest = registry.push_manifest("app", "latest", media_type, r#"{"manifests":[]}"#);
//! let image = format!("{}/app@{digest}", registry.host());
//!
//! // One answer of 503, then everything is well again.
//! let fault = Fault::Status(StatusCode::SERVICE_UNAVAILABLE);
//! registry.inject(Rule::on(Route::ManifestByDigest, fault).times(1));
//! # drop(image);
//! # Ok(()) }
//! ```
//!
//! It implements manifests, blobs, uploads (in one request, in two, in chunks, by mounting), tags
//! and the referrers API of distribution-spec v1.1, with Basic or token authentication, over
//! HTTP/1.1 with or without TLS. `cargo run -p sealgate-testkit --example registry` serves it to
//! other programs.

mod auth;
mod blobs;
mod descriptor;
mod digest;
mod error;
mod fault;
mod gate;
mod manifests;
mod misbehave;
mod page;
mod referrers;
mod request;
mod routes;
pub(crate) mod server;
mod shared;
mod store;
mod tags;
pub(crate) mod tls;
mod upload;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use auth::{Auth, Credentials, Realm, TokenAuth};
pub use descriptor::Descriptor;
pub use digest::sha256;
pub use fault::{Fault, Rule};
pub use gate::Gate;
pub use request::{RecordedRequest, Route};

use auth::Gatekeeper;
use server::Power;
use shared::Shared;
use store::Manifest;

/// How a registry is set up. The default is plain HTTP on a port chosen by the system, open to
/// everybody, with the referrers API and lists in one page.
#[derive(Debug, Clone)]
pub struct RegistryOptions {
    /// Where to listen.
    pub address: SocketAddr,
    /// Whether there is a referrers API; without it clients write the fallback tag.
    pub referrers_api: bool,
    /// The most entries of one page, for tags and referrers.
    pub page_size: Option<usize>,
    /// How clients prove who they are.
    pub auth: Auth,
    /// Whether to serve TLS, with a certificate from a CA made for this registry.
    pub tls: bool,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            referrers_api: true,
            page_size: None,
            auth: Auth::Open,
            tls: false,
        }
    }
}

/// Why a registry could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The certificates cannot be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The certificates cannot be used.
    #[error("cannot use the certificate: {0}")]
    Tls(#[from] rustls::Error),
}

/// A running registry. Dropping it closes its ports and connections.
#[derive(Debug)]
pub struct Registry {
    shared: Arc<Shared>,
    power: watch::Sender<Power>,
    address: SocketAddr,
    ca_pem: Option<String>,
    /// Aborted on drop.
    _listeners: JoinSet<()>,
}

impl Registry {
    /// Starts a registry on the current tokio runtime. It answers as soon as this returns.
    pub async fn start(options: RegistryOptions) -> Result<Self, StartError> {
        let (acceptor, ca_pem) = match options.tls {
            true => Some(tls::self_issued()?).unzip(),
            false => (None, None),
        };
        let gatekeeper = Gatekeeper::new(options.auth);
        let shared = Shared::new(gatekeeper, options.page_size, options.referrers_api);
        let shared = Arc::new(shared);
        let power = watch::Sender::new(Power::Up);
        let mut listeners = JoinSet::new();
        let mut listen = async |address| {
            let (listener, address) = bind(address).await?;
            let router = routes::router(shared.clone());
            listeners.spawn(server::run(
                listener,
                acceptor.clone(),
                router,
                power.subscribe(),
                shared.sent.clone(),
            ));
            Ok::<_, StartError>(address)
        };
        let address = listen(options.address).await?;
        if let Some(realm) = shared.gatekeeper.realm() {
            let scheme = if options.tls { "https" } else { "http" };
            let url = match realm {
                Realm::SameServer => format!("{scheme}://{address}/token"),
                Realm::OwnServer => {
                    let other = listen(SocketAddr::from((address.ip(), 0))).await?;
                    format!("{scheme}://{other}/token")
                }
                Realm::Url(url) => url.clone(),
            };
            shared.gatekeeper.set_realm(url);
        }
        Ok(Self {
            shared,
            power,
            address,
            ca_pem,
            _listeners: listeners,
        })
    }

    /// `127.0.0.1:PORT`, the host part of image references.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// `http://127.0.0.1:PORT`, or `https://…`.
    pub fn url(&self) -> String {
        let scheme = if self.ca_pem.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", self.address)
    }

    /// The certificate of the CA, if the registry serves TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }
}

/// What the registry holds, past HTTP and its checks: whatever is pushed here is served.
impl Registry {
    /// Keeps a manifest and returns its digest. `tag` names it, unless it is `None`.
    pub fn push_manifest<'a>(
        &self,
        repository: &str,
        tag: impl Into<Option<&'a str>>,
        media_type: &str,
        bytes: impl Into<Bytes>,
    ) -> String {
        let manifest = Manifest::new(media_type, bytes.into());
        let digest = manifest.digest.clone();
        let mut store = self.shared.store();
        let repository = store.repository_mut(repository);
        repository.put_manifest(manifest);
        if let Some(tag) = tag.into() {
            repository.tag(tag, &digest);
        }
        digest
    }

    /// Keeps a blob and returns its digest.
    pub fn push_blob(&self, repository: &str, bytes: impl Into<Bytes>) -> String {
        let bytes = bytes.into();
        let digest = sha256(&bytes);
        self.shared
            .store()
            .repository_mut(repository)
            .put_blob(digest.clone(), bytes);
        digest
    }

    /// Makes `tag` name `digest`, whether that manifest is there or not.
    pub fn tag(&self, repository: &str, tag: &str, digest: &str) {
        self.shared
            .store()
            .repository_mut(repository)
            .tag(tag, digest);
    }

    /// The media type and bytes of a manifest, by tag or digest.
    pub fn manifest(&self, repository: &str, reference: &str) -> Option<(String, Bytes)> {
        let store = self.shared.store();
        let manifest = store.manifest(repository, reference)?;
        Some((manifest.media_type.clone(), manifest.bytes.clone()))
    }

    /// The bytes of a blob.
    pub fn blob(&self, repository: &str, digest: &str) -> Option<Bytes> {
        self.shared.store().blob(repository, digest)
    }

    /// The tags of a repository, in lexical order.
    pub fn tags(&self, repository: &str) -> Vec<String> {
        let store = self.shared.store();
        let tags = store
            .repository(repository)
            .into_iter()
            .flat_map(|one| one.tags());
        tags.map(str::to_owned).collect()
    }

    /// Removes a tag, or a manifest with its tags. Whether it was there.
    pub fn remove_manifest(&self, repository: &str, reference: &str) -> bool {
        self.shared
            .store()
            .repository_mut(repository)
            .remove_manifest(reference)
    }

    /// Removes a blob. Whether it was there.
    pub fn remove_blob(&self, repository: &str, digest: &str) -> bool {
        self.shared
            .store()
            .repository_mut(repository)
            .remove_blob(digest)
    }

    /// Serves other bytes under the digest of a manifest or blob. Whether there was one.
    pub fn tamper(&self, repository: &str, digest: &str, bytes: impl Into<Bytes>) -> bool {
        self.shared
            .store()
            .repository_mut(repository)
            .tamper(digest, &bytes.into())
    }
}

/// How the registry behaves, and what it has seen.
impl Registry {
    /// Injects a fault into every request of a route, until the faults are cleared.
    pub fn fault(&self, route: Route, fault: Fault) {
        self.inject(Rule::on(route, fault));
    }

    /// Injects a fault where and as often as the rule says. Rules add up.
    pub fn inject(&self, rule: Rule) {
        self.shared.inject(rule);
    }

    /// Ends all faults. Requests that they hold up already stay so.
    pub fn clear_faults(&self) {
        self.shared.clear_faults();
    }

    /// A total outage: connections, open or new, are reset until [`up`](Self::up).
    pub fn down(&self) {
        self.power.send_replace(Power::Down);
    }

    /// Ends an outage, with everything that was there before it.
    pub fn up(&self) {
        self.power.send_replace(Power::Up);
    }

    /// Adds or removes the referrers API. What has a subject is remembered either way.
    pub fn set_referrers_api(&self, present: bool) {
        self.shared.set_referrers_api(present);
    }

    /// Makes every token issued so far worthless.
    pub fn revoke_tokens(&self) {
        self.shared.gatekeeper.revoke();
    }

    /// Every request since the start or [`clear_requests`](Self::clear_requests), in order of
    /// arrival.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.requests()
    }

    /// The bytes of all answers that were handed to the system so far, headers included: what
    /// a client has read, and what lies on its way.
    pub fn bytes_sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.shared.clear_requests();
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    bound
        .await
        .map_err(|source| StartError::Listen { address, source })
}
