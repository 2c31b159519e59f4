//! Manifests, blobs and referrers from a registry (OCI distribution specification v1.1).

use std::fmt::{self, Display};
use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use sealgate_core::digest::DigestError;
use sealgate_core::evidence::Blob;
use sealgate_core::reference::Repository;
use sealgate_core::{Digest, limits};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::auth::{Authenticator, Purpose};
use super::config::Registries;
use super::error::{Cause, RegistryError};
use super::exchange::{Answer, Ask};
use super::peer::Peer;
use super::transport::{Room, Transport, no_room};
use crate::net::client::SetupError;
use crate::shares::{Crowded, Standing};

/// Bodies from here on are hashed beside the threads that serve requests.
const HASHED_ASIDE: usize = 256 << 10;

pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

const ANY_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json";

/// A client for all registries: connections, tokens and limits are shared.
///
/// Each call ends at its deadline. Answers are bounded in bytes before they are read, and
/// hashed here: what comes back has the digest it says.
#[derive(Clone)]
pub struct RegistryClient {
    inner: Arc<Inner>,
}

struct Inner {
    transport: Transport,
    auth: Authenticator,
}

/// A manifest as the registry gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The digest: the one asked by, or that of the bytes under SHA-256.
    pub digest: Digest,
    /// The media type that the registry gave, without parameters.
    pub media_type: String,
    /// The bytes.
    pub blob: Blob,
}

/// What a request asks for.
#[derive(Clone, Copy)]
pub(crate) enum Want<'a> {
    Tag(&'a str),
    Manifest(&'a Digest),
    Blob(&'a Digest),
    Referrers(&'a Digest),
}

/// The place and the time of a request.
#[derive(Clone, Copy)]
pub(crate) struct Errand<'a> {
    pub(crate) repository: &'a Repository,
    pub(crate) want: Want<'a>,
    pub(crate) most: usize,
    pub(crate) reserved: bool,
    /// Whether it is a list of referrers, whose entries are read on their way.
    pub(crate) list: bool,
    pub(crate) deadline: Instant,
}

impl<'a> Errand<'a> {
    /// Asks for something whose bytes are counted while they are read.
    pub(crate) fn new(
        repository: &'a Repository,
        want: Want<'a>,
        most: usize,
        deadline: Instant,
    ) -> Self {
        Self {
            repository,
            want,
            most,
            reserved: false,
            list: false,
            deadline,
        }
    }

    /// The same for bytes that are [`reserve`](RegistryClient::reserve)d already.
    fn reserved(self) -> Self {
        Self {
            reserved: true,
            ..self
        }
    }

    /// The same for a list.
    pub(crate) fn listed(self) -> Self {
        Self { list: true, ..self }
    }
}

impl RegistryClient {
    /// Sets up a client. Cheap enough to do anew when the configuration changes.
    ///
    /// # Errors
    /// If a registry's certificate authorities cannot be used.
    pub fn new(registries: &Registries) -> Result<Self, SetupError> {
        Ok(Self {
            inner: Arc::new(Inner {
                transport: Transport::new(registries)?,
                auth: Authenticator::new(registries),
            }),
        })
    }

    /// The manifest (or index) under a tag, at most [`limits::MANIFEST_BYTES`].
    ///
    /// # Errors
    /// [`Cause::NotFound`] if there is none; any other cause says nothing about the tag. A
    /// `Docker-Content-Digest` that the bytes do not have is [`Cause::DigestMismatch`].
    pub async fn tag(
        &self,
        repository: &Repository,
        tag: &str,
        deadline: Instant,
    ) -> Result<Fetched, RegistryError> {
        let want = Want::Tag(tag);
        let errand = Errand::new(repository, want, limits::MANIFEST_BYTES, deadline);
        let answer = self.get(&errand).await?;
        let media_type = media_type(&answer.headers);
        let announced = announced_digest(&answer.headers);
        let blob = hash(answer.body).await;
        let digest = match announced {
            None => blob.digest(),
            Some(announced) => {
                let announced = announced.map_err(|error| {
                    let found = format!("the header Docker-Content-Digest: {error}");
                    errand.error(Cause::Malformed, found)
                })?;
                let found = blob.digest_like(&announced);
                if found != announced {
                    let text = format!("bytes with the digest {found}, announced as {announced}");
                    return Err(errand.error(Cause::DigestMismatch, text));
                }
                blob.digest()
            }
        };
        Ok(Fetched {
            digest,
            media_type,
            blob,
        })
    }

    /// The manifest with this digest, at most `most` bytes.
    ///
    /// # Errors
    /// As [`tag`](Self::tag); other bytes than those asked for are [`Cause::DigestMismatch`].
    pub async fn manifest(
        &self,
        repository: &Repository,
        digest: &Digest,
        most: usize,
        deadline: Instant,
    ) -> Result<Fetched, RegistryError> {
        let errand = Errand::new(repository, Want::Manifest(digest), most, deadline);
        self.manifest_of(&errand, digest).await
    }

    /// The same for bytes that are [`reserve`](Self::reserve)d already.
    pub(crate) async fn reserved_manifest(
        &self,
        repository: &Repository,
        digest: &Digest,
        most: usize,
        deadline: Instant,
    ) -> Result<Fetched, RegistryError> {
        let errand = Errand::new(repository, Want::Manifest(digest), most, deadline).reserved();
        self.manifest_of(&errand, digest).await
    }

    async fn manifest_of(
        &self,
        errand: &Errand<'_>,
        digest: &Digest,
    ) -> Result<Fetched, RegistryError> {
        let answer = self.get(errand).await?;
        let media_type = media_type(&answer.headers);
        Ok(Fetched {
            digest: *digest,
            media_type,
            blob: errand.hashed(digest, answer.body).await?,
        })
    }

    /// The blob with this digest, at most `most` bytes. They are not counted against the bytes
    /// in flight: [`reserve`](Self::reserve) them before.
    ///
    /// # Errors
    /// As [`manifest`](Self::manifest).
    pub async fn blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        most: usize,
        deadline: Instant,
    ) -> Result<Blob, RegistryError> {
        let errand = Errand::new(repository, Want::Blob(digest), most, deadline).reserved();
        let answer = self.get(&errand).await?;
        errand.hashed(digest, answer.body).await
    }

    /// Waits until `bytes` more may be held, and counts them until the room is dropped. More
    /// than a registry's share counts as all of it.
    ///
    /// # Errors
    /// [`Cause::Overloaded`] if others hold them for longer than [`Limits::longest_wait`], or until
    /// the deadline.
    ///
    /// [`Limits::longest_wait`]: super::Limits::longest_wait
    pub async fn reserve(
        &self,
        repository: &Repository,
        bytes: usize,
        deadline: Instant,
    ) -> Result<Room, RegistryError> {
        let host = repository.host();
        let room = self.inner.transport.reserve(host, bytes, deadline).await;
        room.map_err(|Crowded| RegistryError::overloaded(host, bytes))
    }

    /// Counts bytes that are held already.
    ///
    /// # Errors
    /// [`Cause::Overloaded`] if there is no room for them: then they must be let go.
    pub(crate) fn count(
        &self,
        repository: &Repository,
        bytes: usize,
    ) -> Result<Room, RegistryError> {
        let host = repository.host();
        let room = self.inner.transport.count(host, bytes);
        room.map_err(|Crowded| RegistryError::overloaded(host, bytes))
    }

    /// Which registries are known.
    pub(crate) fn standing(&self) -> &Arc<Standing> {
        self.inner.transport.standing()
    }

    /// The most bytes to fetch beside one image.
    pub(crate) fn bytes_per_image(&self) -> usize {
        let limits = self.inner.transport.limits();
        limits.bytes_per_image.min(limits.bytes_in_flight)
    }

    /// A successful answer, or the class of failure.
    async fn get(&self, errand: &Errand<'_>) -> Result<Answer, RegistryError> {
        let answer = self.get_any(errand).await?;
        match errand.refusal(&answer) {
            None => Ok(answer),
            Some(error) => Err(error),
        }
    }

    /// An answer of any status but the 401 that credentials can mend.
    pub(crate) async fn get_any(&self, errand: &Errand<'_>) -> Result<Answer, RegistryError> {
        let peer = self.inner.transport.peer(errand.repository.host())?;
        let url = peer.url(errand.repository, &errand.want.path());
        self.get_url(errand, &peer, url).await
    }

    /// As [`get_any`](Self::get_any), at this URL of the same registry.
    pub(crate) async fn get_url(
        &self,
        errand: &Errand<'_>,
        peer: &Peer,
        url: Url,
    ) -> Result<Answer, RegistryError> {
        timeout_at(errand.deadline, self.get_shown(errand, peer, url))
            .await
            .unwrap_or_else(|_| {
                let found = "no answer before the deadline";
                Err(errand.error(Cause::DeadlineExceeded, found))
            })
    }

    /// Asks, and asks again with the credentials that the registry wants to be shown.
    async fn get_shown(
        &self,
        errand: &Errand<'_>,
        peer: &Peer,
        url: Url,
    ) -> Result<Answer, RegistryError> {
        let Inner { transport, auth } = &*self.inner;
        let purpose = Purpose {
            peer,
            repository: errand.repository,
            what: errand,
            deadline: errand.deadline,
        };
        let shown = match auth.known(transport, &purpose).await {
            Ok(shown) => shown,
            Err(error) if !error.spoils_challenge() => return Err(error),
            // One answer of the registry named an issuer that is of no use. What does it say now?
            Err(_) => {
                auth.forget_challenge(peer.host()).await;
                None
            }
        };
        let header = shown.as_ref().map(|shown| shown.header.clone());
        let ask = errand.ask(peer, url.clone(), header);
        let answer = transport.get(&ask).await?;
        // Where a redirect leads has no say in how the registry is shown credentials.
        if answer.status != StatusCode::UNAUTHORIZED || answer.elsewhere {
            return Ok(answer);
        }
        let better = auth
            .after_refusal(transport, &purpose, &answer, shown.as_ref())
            .await?;
        let ask = errand.ask(peer, url, Some(better.header.clone()));
        let answer = transport.get(&ask).await?;
        match answer.status {
            StatusCode::UNAUTHORIZED => Err(auth.refused(&purpose, &answer, &better).await),
            _ => Ok(answer),
        }
    }

    /// The registry of a repository.
    pub(crate) fn peer(&self, repository: &Repository) -> Result<Arc<Peer>, RegistryError> {
        self.inner.transport.peer(repository.host())
    }
}

impl RegistryError {
    fn overloaded(host: &str, bytes: usize) -> Self {
        Self::new(Cause::Overloaded, host, "signatures", no_room(bytes))
    }
}

impl fmt::Debug for RegistryClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RegistryClient")
    }
}

impl Want<'_> {
    pub(crate) fn path(self) -> String {
        match self {
            Self::Tag(tag) => format!("manifests/{tag}"),
            Self::Manifest(digest) => format!("manifests/{digest}"),
            Self::Blob(digest) => format!("blobs/{digest}"),
            Self::Referrers(digest) => format!("referrers/{digest}"),
        }
    }

    fn accept(self) -> &'static str {
        match self {
            Self::Tag(_) | Self::Manifest(_) => ANY_MANIFEST,
            Self::Blob(_) => "application/octet-stream, */*",
            Self::Referrers(_) => INDEX,
        }
    }
}

impl Errand<'_> {
    pub(crate) fn error(&self, cause: Cause, found: impl Display) -> RegistryError {
        RegistryError::new(cause, self.repository.host(), self, found)
    }

    /// The class of an answer that is not a success.
    pub(crate) fn refusal(&self, answer: &Answer) -> Option<RegistryError> {
        let cause = match answer.status {
            StatusCode::OK => return None,
            StatusCode::NOT_FOUND => Cause::NotFound,
            StatusCode::UNAUTHORIZED => Cause::Unauthorized,
            StatusCode::FORBIDDEN => Cause::Forbidden,
            StatusCode::TOO_MANY_REQUESTS => Cause::Throttled,
            status if status.is_server_error() => Cause::ServerError,
            _ => Cause::UnexpectedStatus,
        };
        Some(self.error(cause, answer.describe()))
    }

    fn ask<'a>(&'a self, peer: &'a Peer, url: Url, authorization: Option<HeaderValue>) -> Ask<'a> {
        Ask {
            peer,
            repository: self.repository,
            url,
            accept: self.want.accept(),
            authorization,
            form: None,
            most: self.most,
            list: self.list,
            reserved: self.reserved,
            what: self,
            deadline: self.deadline,
        }
    }

    /// The bytes, if they have the digest.
    async fn hashed(&self, digest: &Digest, bytes: Vec<u8>) -> Result<Blob, RegistryError> {
        let blob = hash(bytes).await;
        let found = blob.digest_like(digest);
        match found == *digest {
            true => Ok(blob),
            false => {
                let text = format!("{} bytes with the digest {found}", blob.bytes().len());
                Err(self.error(Cause::DigestMismatch, text))
            }
        }
    }
}

/// `the manifest app:1.0`.
impl Display for Errand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.repository.path();
        match self.want {
            Want::Tag(tag) => write!(f, "the manifest {path}:{tag}"),
            Want::Manifest(digest) => write!(f, "the manifest {path}@{digest}"),
            Want::Blob(digest) => write!(f, "the blob {path}@{digest}"),
            Want::Referrers(digest) => write!(f, "the referrers of {path}@{digest}"),
        }
    }
}

/// Whether this is the media type of a manifest or an index.
pub(crate) fn is_manifest(media_type: &str) -> bool {
    ANY_MANIFEST.split(", ").any(|known| known == media_type)
}

/// The media type without its parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = value
        .and_then(|value| value.split(';').next())
        .unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

fn announced_digest(headers: &HeaderMap) -> Option<Result<Digest, DigestError>> {
    let value = headers.get("docker-content-digest")?;
    let text = value.to_str().unwrap_or("something that is not text");
    Some(text.parse())
}

/// Hashes large bodies where it holds up nobody.
async fn hash(bytes: Vec<u8>) -> Blob {
    if bytes.len() < HASHED_ASIDE {
        return Blob::new(bytes);
    }
    let shared: Arc<[u8]> = bytes.into();
    let aside = shared.clone();
    match tokio::task::spawn_blocking(move || Blob::new(aside)).await {
        Ok(blob) => blob,
        // The runtime is shutting down.
        Err(_) => Blob::new(shared),
    }
}
