//! Showing credentials to a registry, and to nobody else.

use std::fmt::Display;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode};
use sealgate_core::reference::Repository;
use sealgate_core::{Digest, json};
use serde::Deserialize;
use tokio::time::Instant;
use url::{Url, form_urlencoded};

use super::challenge::Challenge;
use super::config::Registries;
use super::credential::{Credential, secret_header};
use super::credentials::Credentials;
use super::error::{Cause, RegistryError};
use super::exchange::{Answer, Ask};
use super::peer::{Peer, RealmTrust, origin};
use super::transport::Transport;
use crate::remembered::{Key, Remembered};

/// Bytes of a token endpoint's answer.
const TOKEN_BYTES: usize = 64 << 10;
/// How long a token lives that does not say so (Token Authentication Specification).
const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);
const LONGEST_LIFETIME: Duration = Duration::from_secs(3600);
/// Bytes of one token. Those of clouds have two or three thousand, and together with other headers
/// more than this is refused by most registries.
const MOST_TOKEN: usize = 16 << 10;
/// Bytes of what a challenge names; real realms and services have less than a hundred.
const MOST_NAMED: usize = 2 << 10;
/// Bytes of tokens, and of challenges, that are kept.
const TOKENS_BYTES: u64 = 16 << 20;
const CHALLENGES_BYTES: u64 = 2 << 20;
/// What an entry of a cache takes beside its bytes, roughly.
const ENTRY: usize = 400;
/// How long a registry is taken to want to be shown credentials in the same way.
const CHALLENGE_LIFETIME: Duration = Duration::from_secs(600);

/// Knows how each registry wants to be shown credentials, and keeps the tokens.
pub(crate) struct Authenticator {
    credentials: Credentials,
    challenges: Remembered<Challenge>,
    tokens: Remembered<Token>,
}

/// A request that may need credentials.
pub(crate) struct Purpose<'a> {
    pub(crate) peer: &'a Peer,
    pub(crate) repository: &'a Repository,
    pub(crate) what: &'a (dyn Display + Sync),
    pub(crate) deadline: Instant,
}

/// What a registry is shown.
pub(crate) struct Shown {
    pub(crate) header: HeaderValue,
    /// Of a token: where it is kept, and the issuer that was not shown the credentials there are.
    token: Option<(Key, Option<String>)>,
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
            challenges: Remembered::for_lifetimes(
                CHALLENGES_BYTES,
                |host, challenge| ENTRY + host.len() + challenge.bytes(),
                |_| CHALLENGE_LIFETIME,
            ),
            tokens: Remembered::for_lifetimes(
                TOKENS_BYTES,
                |key, token| ENTRY + key.len() + token.bytes(),
                Token::use_for,
            ),
        }
    }

    /// What to show at once, as the registry wanted it before.
    pub(crate) async fn known(
        &self,
        transport: &Transport,
        purpose: &Purpose<'_>,
    ) -> Result<Option<Shown>, RegistryError> {
        match self.challenges.get(&Key::new([purpose.peer.host()])).await {
            None => Ok(None),
            Some(challenge) => self.meet(transport, purpose, &challenge).await,
        }
    }

    /// Forgets how the registry wanted it before.
    pub(crate) async fn forget_challenge(&self, host: &str) {
        self.challenges.forget(&Key::new([host])).await;
    }

    /// What to show after a 401 to `shown`.
    pub(crate) async fn after_refusal(
        &self,
        transport: &Transport,
        purpose: &Purpose<'_>,
        answer: &Answer,
        shown: Option<&Shown>,
    ) -> Result<Shown, RegistryError> {
        let challenge = purpose.challenge(&answer.headers)?;
        self.challenges
            .insert(Key::new([purpose.peer.host()]), challenge.clone())
            .await;
        if let Some(shown) = shown {
            self.forget(purpose, shown).await;
        }
        let before = shown.map(|shown| &shown.header);
        match self.meet(transport, purpose, &challenge).await? {
            Some(better) if Some(&better.header) != before => Ok(better),
            Some(_) => Err(purpose.unauthorized("it refuses the credentials for this host")),
            None => {
                Err(purpose.unauthorized("it wants credentials, and there are none for this host"))
            }
        }
    }

    /// The error for a second 401, to `shown`.
    pub(crate) async fn refused(
        &self,
        purpose: &Purpose<'_>,
        answer: &Answer,
        shown: &Shown,
    ) -> RegistryError {
        let found = match &shown.token {
            Some((_, Some(issuer))) => {
                format!("{}; {}", answer.describe(), withheld_from(issuer))
            }
            _ => answer.describe(),
        };
        self.forget(purpose, shown).await;
        purpose.error(Cause::Unauthorized, found)
    }

    /// Forgets a token that was refused, and what helpers said: they may have newer.
    ///
    /// By their keys: to look through a cache for them would let whoever refuses tokens choose how
    /// long that takes.
    async fn forget(&self, purpose: &Purpose<'_>, shown: &Shown) {
        self.credentials.refused(purpose.repository).await;
        if let Some((key, _)) = &shown.token {
            // Somebody else may have a newer one by now.
            let same = |token: &Token| token.header == shown.header;
            if self.tokens.get(key).await.is_some_and(|token| same(&token)) {
                self.tokens.forget(key).await;
            }
        }
    }

    async fn meet(
        &self,
        transport: &Transport,
        purpose: &Purpose<'_>,
        challenge: &Challenge,
    ) -> Result<Option<Shown>, RegistryError> {
        let credential = self.credentials.find(purpose.repository).await;
        let credential =
            credential.map_err(|error| purpose.error(Cause::CredentialsUnavailable, error))?;
        match (challenge, credential) {
            (_, Some(token @ Credential::RegistryToken(_))) => Ok(token.header().map(Shown::plain)),
            (Challenge::Basic, credential) => {
                let header = credential.and_then(|known| known.header());
                Ok(header.map(Shown::plain))
            }
            (Challenge::Bearer { realm, service }, credential) => {
                let token = self.token(transport, purpose, realm, service.as_deref(), credential);
                Ok(Some(token.await?))
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
    ) -> Result<Shown, RegistryError> {
        let (url, trust) = purpose
            .peer
            .judge_realm(realm)
            .map_err(|why| purpose.error(Cause::TokenRefused, why))?;
        let withheld = credential.is_some() && trust == RealmTrust::AnonymousOnly;
        let credential = credential.filter(|_| trust == RealmTrust::Credentials);
        let key = token_key(purpose, realm, credential.as_ref());
        let request = TokenRequest {
            url,
            service,
            credential,
            withheld,
        };
        let token = self
            .tokens
            .try_get_with(&key, Box::pin(request.send(transport, purpose)))
            .await;
        match token {
            Ok(token) => Ok(Shown {
                header: token.header,
                token: Some((key, token.withheld)),
            }),
            Err(error) => {
                if error.cause() == Cause::Unauthorized {
                    self.credentials.refused(purpose.repository).await;
                }
                Err(RegistryError::clone(&error))
            }
        }
    }
}

impl Shown {
    fn plain(header: HeaderValue) -> Self {
        Self {
            header,
            token: None,
        }
    }
}

/// A token is good for one repository, one credential and one issuer.
fn token_key(purpose: &Purpose<'_>, realm: &str, credential: Option<&Credential>) -> Key {
    let credential = credential.map(|known| known.fingerprint().to_string());
    Key::new([
        purpose.peer.host(),
        purpose.repository.path(),
        &Digest::sha256(realm.as_bytes()).to_string(),
        credential.as_deref().unwrap_or_default(),
    ])
}

impl Token {
    fn bytes(&self) -> usize {
        self.header.len() + self.withheld.as_ref().map_or(0, String::len)
    }

    /// Until a tenth of its lifetime is left, so that none expires on its way.
    fn use_for(&self) -> Duration {
        self.lifetime.min(LONGEST_LIFETIME).mul_f32(0.9)
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
        let challenge = Challenge::read(headers).ok_or_else(|| {
            self.unauthorized(
                "it names no kind of authentication that sealgate knows (Basic, Bearer)",
            )
        })?;
        match challenge.bytes() {
            0..=MOST_NAMED => Ok(challenge),
            bytes => Err(self.error(
                Cause::TokenRefused,
                format!("it names a token endpoint in {bytes} bytes, more than {MOST_NAMED}"),
            )),
        }
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
            repository: purpose.repository,
            url: self.url.clone(),
            accept: "application/json",
            authorization: None,
            form: None,
            most: TOKEN_BYTES,
            list: false,
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
    if token.len() > MOST_TOKEN {
        let found = format!("a token of {} bytes, more than {MOST_TOKEN}", token.len());
        return Err(ask.error(Cause::TokenRefused, found));
    }
    Ok(Token {
        header: secret_header(&format!("Bearer {token}")).ok_or_else(malformed)?,
        lifetime: wire
            .expires_in
            .map_or(DEFAULT_LIFETIME, Duration::from_secs),
        withheld,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tokens_and_challenges_are_kept_by_bytes_f4_l_8() {
        let auth = Authenticator::new(&Registries::default());
        let header = secret_header(&"t".repeat(MOST_TOKEN)).unwrap();
        for number in 0..3000 {
            let realm = Digest::sha256(b"realm").to_string();
            let key = Key::new(["r.test", &format!("app{number}"), &realm, ""]);
            let token = Token {
                header: header.clone(),
                lifetime: LONGEST_LIFETIME,
                withheld: None,
            };
            auth.tokens.insert(key, token).await;
            let challenge = Challenge::Bearer {
                realm: "r".repeat(MOST_NAMED),
                service: None,
            };
            let host = Key::new([&format!("r{number}.test")]);
            auth.challenges.insert(host, challenge).await;
        }
        for (size, most) in [
            (auth.tokens.size().await, TOKENS_BYTES),
            (auth.challenges.size().await, CHALLENGES_BYTES),
        ] {
            let (entries, bytes) = size;
            assert!((1..=1024).contains(&entries), "{entries}");
            assert!(bytes <= most, "{bytes}");
        }
    }
}
