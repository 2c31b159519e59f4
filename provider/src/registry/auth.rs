//! Showing credentials to a registry, and to nobody else.

use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant as StdInstant};

use http::{HeaderMap, HeaderValue, StatusCode};
use moka::Expiry;
use moka::future::Cache;
use sealgate_core::reference::Repository;
use sealgate_core::{Digest, json};
use serde::Deserialize;
use tokio::time::Instant;
use url::{Url, form_urlencoded};

use super::challenge::Challenge;
use super::config::Registries;
use super::credentials::{Credential, Credentials, secret_header};
use super::error::{Cause, RegistryError};
use super::exchange::{Answer, Ask};
use super::peer::{Peer, RealmTrust, origin};
use super::transport::Transport;

/// Bytes of a token endpoint's answer.
const TOKEN_BYTES: usize = 64 << 10;
/// How long a token lives that does not say so (Token Authentication Specification).
const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);
const LONGEST_LIFETIME: Duration = Duration::from_secs(3600);
const MOST_TOKENS: u64 = 16_384;
const MOST_CHALLENGES: u64 = 1024;

/// Knows how each registry wants to be shown credentials, and keeps the tokens.
pub(crate) struct Authenticator {
    credentials: Credentials,
    challenges: Cache<String, Challenge>,
    tokens: Cache<TokenKey, Token>,
}

/// A request that may need credentials.
pub(crate) struct Purpose<'a> {
    pub(crate) peer: &'a Peer,
    pub(crate) repository: &'a Repository,
    pub(crate) what: &'a (dyn Display + Sync),
    pub(crate) deadline: Instant,
}

/// A token is good for one repository, one credential and one issuer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct TokenKey {
    host: String,
    path: String,
    realm: String,
    credential: Option<Digest>,
}

#[derive(Clone)]
struct Token {
    header: HeaderValue,
    lifetime: Duration,
    /// The issuer that was not shown the credentials there are.
    withheld: Option<String>,
}

impl Authenticator {
    pub(crate) fn new(registries: &Registries) -> Self {
        Self {
            credentials: Credentials::new(registries),
            challenges: Cache::new(MOST_CHALLENGES),
            tokens: Cache::builder()
                .max_capacity(MOST_TOKENS)
                .support_invalidation_closures()
                .expire_after(AsIssued)
                .build(),
        }
    }

    /// What to show at once, as the registry wanted it before.
    pub(crate) async fn known(
        &self,
        transport: &Transport,
        purpose: &Purpose<'_>,
    ) -> Result<Option<HeaderValue>, RegistryError> {
        match self.challenges.get(purpose.peer.host()).await {
            None => Ok(None),
            Some(challenge) => self.meet(transport, purpose, &challenge).await,
        }
    }

    /// What to show after a 401 to `shown`.
    pub(crate) async fn after_refusal(
        &self,
        transport: &Transport,
        purpose: &Purpose<'_>,
        answer: &Answer,
        shown: Option<&HeaderValue>,
    ) -> Result<HeaderValue, RegistryError> {
        let challenge = purpose.challenge(&answer.headers)?;
        self.challenges
            .insert(purpose.peer.host().to_owned(), challenge.clone())
            .await;
        if let Some(shown) = shown {
            self.forget(purpose, shown);
        }
        match self.meet(transport, purpose, &challenge).await? {
            Some(header) if Some(&header) != shown => Ok(header),
            Some(_) => Err(purpose.unauthorized("it refuses the credentials for this host")),
            None => {
                Err(purpose.unauthorized("it wants credentials, and there are none for this host"))
            }
        }
    }

    /// The error for a second 401, to `shown`.
    pub(crate) fn refused(
        &self,
        purpose: &Purpose<'_>,
        answer: &Answer,
        shown: &HeaderValue,
    ) -> RegistryError {
        let token = self.tokens.iter().find(|(_, token)| token.header == *shown);
        let found = match token.and_then(|(_, token)| token.withheld) {
            Some(issuer) => format!("{}; {}", answer.describe(), withheld_from(&issuer)),
            None => answer.describe(),
        };
        self.forget(purpose, shown);
        purpose.error(Cause::Unauthorized, found)
    }

    /// Forgets a token that was refused, and what helpers said: they may have newer.
    fn forget(&self, purpose: &Purpose<'_>, shown: &HeaderValue) {
        self.credentials.forget_helpers(purpose.peer.host());
        let shown = shown.clone();
        // An error would mean that the cache was built without support for this.
        drop(
            self.tokens
                .invalidate_entries_if(move |_, token| token.header == shown),
        );
    }

    async fn meet(
        &self,
        transport: &Transport,
        purpose: &Purpose<'_>,
        challenge: &Challenge,
    ) -> Result<Option<HeaderValue>, RegistryError> {
        let credential = self.credentials.find(purpose.repository).await;
        let credential =
            credential.map_err(|error| purpose.error(Cause::CredentialsUnavailable, error))?;
        match (challenge, credential) {
            (_, Some(token @ Credential::RegistryToken(_))) => Ok(token.header()),
            (Challenge::Basic, credential) => Ok(credential.and_then(|known| known.header())),
            (Challenge::Bearer { realm, service }, credential) => {
                let token = self.token(transport, purpose, realm, service.as_deref(), credential);
                Ok(Some(token.await?.header))
            }
        }
    }

    /// A token from the cache or from its issuer. Those who want the same wait for one request.
    async fn token(
        &self,
        transport: &Transport,
        purpose: &Purpose<'_>,
        realm: &str,
        service: Option<&str>,
        credential: Option<Credential>,
    ) -> Result<Token, RegistryError> {
        let (url, trust) = purpose
            .peer
            .judge_realm(realm)
            .map_err(|why| purpose.error(Cause::TokenRefused, why))?;
        let withheld = credential.is_some() && trust == RealmTrust::AnonymousOnly;
        let credential = credential.filter(|_| trust == RealmTrust::Credentials);
        let key = TokenKey {
            host: purpose.peer.host().to_owned(),
            path: purpose.repository.path().to_owned(),
            realm: realm.to_owned(),
            credential: credential.as_ref().map(Credential::fingerprint),
        };
        let request = TokenRequest {
            url,
            service,
            credential,
            withheld,
        };
        self.tokens
            .try_get_with(key, request.send(transport, purpose))
            .await
            .map_err(|error: Arc<RegistryError>| (*error).clone())
    }
}

impl Purpose<'_> {
    fn error(&self, cause: Cause, found: impl Display) -> RegistryError {
        RegistryError::new(cause, self.peer.host(), self.what, found)
    }

    fn unauthorized(&self, found: &str) -> RegistryError {
        self.error(Cause::Unauthorized, format!("401 Unauthorized: {found}"))
    }

    fn challenge(&self, headers: &HeaderMap) -> Result<Challenge, RegistryError> {
        Challenge::read(headers).ok_or_else(|| {
            self.unauthorized(
                "it names no kind of authentication that sealgate knows (Basic, Bearer)",
            )
        })
    }
}

/// A request to a token endpoint.
struct TokenRequest<'a> {
    url: Url,
    service: Option<&'a str>,
    credential: Option<Credential>,
    /// There is a credential, but not for this endpoint.
    withheld: bool,
}

impl TokenRequest<'_> {
    async fn send(
        self,
        transport: &Transport,
        purpose: &Purpose<'_>,
    ) -> Result<Token, RegistryError> {
        let what = format!("a token for {} from {}", purpose.what, origin(&self.url));
        let scope = format!("repository:{}:pull", purpose.repository.path());
        let mut ask = Ask {
            peer: purpose.peer,
            url: self.url.clone(),
            accept: "application/json",
            authorization: None,
            form: None,
            most: TOKEN_BYTES,
            // Little enough to ask for while bytes are held for blobs already.
            reserved: true,
            what: &what,
            deadline: purpose.deadline,
        };
        match &self.credential {
            Some(Credential::IdentityToken(token)) => {
                ask.form = Some(self.form(&scope, token));
            }
            other => {
                let mut query = ask.url.query_pairs_mut();
                query.extend_pairs(self.service.map(|service| ("service", service)));
                query.append_pair("scope", &scope);
                drop(query);
                ask.authorization = other.as_ref().and_then(Credential::header);
            }
        }
        let answer = transport
            .get(&ask)
            .await
            .map_err(|error| match error.cause() {
                Cause::AddressForbidden | Cause::RedirectRefused => {
                    ask.error(Cause::TokenRefused, error)
                }
                _ => error,
            })?;
        self.read(&ask, &answer)
    }

    /// RFC 6749 section 6, as distribution's "OAuth 2 Token Specification" has it.
    fn form(&self, scope: &str, token: &str) -> String {
        form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "refresh_token")
            .extend_pairs(self.service.map(|service| ("service", service)))
            .append_pair("client_id", "sealgate")
            .append_pair("scope", scope)
            .append_pair("refresh_token", token)
            .finish()
    }

    fn read(&self, ask: &Ask<'_>, answer: &Answer) -> Result<Token, RegistryError> {
        let cause = match answer.status {
            StatusCode::OK => {
                let withheld = self.withheld.then(|| origin(&self.url));
                return read_token(ask, &answer.body, withheld);
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Cause::Unauthorized,
            StatusCode::TOO_MANY_REQUESTS => Cause::Throttled,
            status if status.is_server_error() => Cause::ServerError,
            _ => Cause::TokenRefused,
        };
        let mut found = answer.describe();
        if self.withheld {
            found = format!("{found}; {}", withheld_from(&origin(&self.url)));
        }
        Err(ask.error(cause, found))
    }
}

#[derive(Deserialize)]
struct TokenWire {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

fn withheld_from(issuer: &str) -> String {
    format!(
        "the credentials for this registry were withheld from {issuer}, which is not listed under its tokenHosts"
    )
}

fn read_token(
    ask: &Ask<'_>,
    body: &[u8],
    withheld: Option<String>,
) -> Result<Token, RegistryError> {
    let malformed = || {
        let found = "expected {token, expires_in} as JSON, found something else";
        ask.error(Cause::Malformed, found)
    };
    let wire: TokenWire = json::parse(body).map_err(|_| malformed())?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let token = given(wire.token)
        .or(given(wire.access_token))
        .ok_or_else(malformed)?;
    Ok(Token {
        header: secret_header(&format!("Bearer {token}")).ok_or_else(malformed)?,
        lifetime: wire
            .expires_in
            .map_or(DEFAULT_LIFETIME, Duration::from_secs),
        withheld,
    })
}

/// Tokens are used until a tenth of their lifetime is left, so that none expires on its way.
struct AsIssued;

impl Expiry<TokenKey, Token> for AsIssued {
    fn expire_after_create(&self, _: &TokenKey, token: &Token, _: StdInstant) -> Option<Duration> {
        Some(token.lifetime.min(LONGEST_LIFETIME).mul_f32(0.9))
    }
}
