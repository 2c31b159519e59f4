//! Who may do what: Basic credentials, and bearer tokens from a token endpoint
//! (the "Docker token authentication" that registries share).

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::response::{IntoResponse, Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{Method, StatusCode, header};
use serde_json::json;
use tokio::time::Instant;

use super::error::Refusal;
use super::misbehave::set_header;
use super::request::{Call, Endpoint};

const SERVICE: &str = "sealgate-test-registry";
/// Of all registries in the process, so that no token is good at two of them.
static TOKENS_ISSUED: AtomicU64 = AtomicU64::new(1);
const MAX_FORM: usize = 64 * 1024;

/// How clients prove who they are.
#[derive(Debug, Clone, Default)]
pub enum Auth {
    /// Everybody may do everything.
    #[default]
    Open,
    /// Basic credentials with every request.
    Basic(Credentials),
    /// Bearer tokens.
    Token(TokenAuth),
}

/// A user's name and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    username: String,
    password: String,
}

impl Credentials {
    /// Credentials; the name must not contain a colon.
    pub fn new(username: &str, password: &str) -> Self {
        Self {
            username: username.to_owned(),
            password: password.to_owned(),
        }
    }

    /// The `Authorization` header that carries them.
    pub fn basic_header(&self) -> String {
        format!(
            "Basic {}",
            STANDARD.encode(format!("{}:{}", self.username, self.password))
        )
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.username)
    }
}

/// How tokens are issued.
#[derive(Debug, Clone)]
pub struct TokenAuth {
    /// Who gets a token for everything they ask for.
    pub users: Vec<Credentials>,
    /// Whether those without credentials get a token to pull.
    pub anonymous_pull: bool,
    /// A refresh token accepted by `POST /token`, as an identity token in a docker config.
    pub identity_token: Option<String>,
    /// Where clients are sent for their token.
    pub realm: Realm,
    /// How long a token is good for, in tokio's time.
    pub lifetime: Duration,
}

impl TokenAuth {
    /// Tokens for anonymous pulls from this server, good for five minutes.
    pub fn anonymous() -> Self {
        Self {
            users: Vec::new(),
            anonymous_pull: true,
            identity_token: None,
            realm: Realm::SameServer,
            lifetime: Duration::from_secs(300),
        }
    }

    /// Tokens for this user alone.
    pub fn user(credentials: Credentials) -> Self {
        Self {
            users: vec![credentials],
            anonymous_pull: false,
            ..Self::anonymous()
        }
    }
}

/// The address of the token endpoint, as the challenge names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Realm {
    /// `/token` on the registry itself.
    SameServer,
    /// `/token` on a listener of its own, another port of 127.0.0.1.
    OwnServer,
    /// This URL, whatever is there.
    Url(String),
}

/// The authentication of a running registry.
#[derive(Debug)]
pub(crate) struct Gatekeeper {
    auth: Auth,
    realm: OnceLock<String>,
    issued: Mutex<HashMap<String, Grant>>,
}

#[derive(Debug)]
struct Grant {
    /// `pull NAME`, `push NAME`, `delete NAME`.
    permissions: BTreeSet<String>,
    expires: Instant,
}

impl Gatekeeper {
    pub(crate) fn new(auth: Auth) -> Self {
        Self {
            auth,
            realm: OnceLock::new(),
            issued: Mutex::default(),
        }
    }

    /// The realm that was asked for; `None` without tokens.
    pub(crate) fn realm(&self) -> Option<&Realm> {
        match &self.auth {
            Auth::Token(tokens) => Some(&tokens.realm),
            Auth::Open | Auth::Basic(_) => None,
        }
    }

    /// Fixes the realm's URL, once the listeners have their ports.
    pub(crate) fn set_realm(&self, url: String) {
        self.realm.get_or_init(|| url);
    }

    /// Makes every token issued so far worthless.
    pub(crate) fn revoke(&self) {
        self.tokens().clear();
    }

    /// 401 with a challenge, unless the caller may do this.
    pub(crate) fn refusal(&self, call: &Call) -> Option<Response> {
        let authorization = call.header(header::AUTHORIZATION).unwrap_or_default();
        let allowed = match &self.auth {
            Auth::Open => true,
            _ if call.endpoint == Endpoint::Token => true,
            Auth::Basic(credentials) => credentials.basic_header() == authorization,
            Auth::Token(_) => self.token_allows(authorization, call),
        };
        (!allowed).then(|| self.challenge(call))
    }

    /// 401 with the registry's own challenge, if it has one.
    pub(crate) fn challenge(&self, call: &Call) -> Response {
        let refusal = Refusal::new(
            StatusCode::UNAUTHORIZED,
            "UNAUTHORIZED",
            format!("{} needs authentication", call.path()),
        );
        let mut answer = refusal.into_response();
        if let Some(challenge) = self.challenge_header(call) {
            set_header(&mut answer, header::WWW_AUTHENTICATE, &challenge);
        }
        answer
    }

    /// Serves `/token`.
    pub(crate) async fn issue(&self, call: &Call, body: Body) -> Result<Response, Refusal> {
        let Auth::Token(auth) = &self.auth else {
            return Err(Refusal::not_found(
                "NOT_FOUND",
                "this registry issues no tokens",
            ));
        };
        let form = to_bytes(body, MAX_FORM).await.unwrap_or_default();
        let request = TokenRequest::new(call, &form);
        let actions = auth.actions_for(&request).ok_or_else(|| {
            Refusal::new(
                StatusCode::UNAUTHORIZED,
                "UNAUTHORIZED",
                "the credentials are wrong",
            )
        })?;
        let token = self.remember(request.permissions(actions), auth.lifetime);
        let body = json!({
            "token": token, "access_token": token, "expires_in": auth.lifetime.as_secs(),
        });
        Ok((
            [(header::CONTENT_TYPE, "application/json")],
            body.to_string(),
        )
            .into_response())
    }

    fn token_allows(&self, authorization: &str, call: &Call) -> bool {
        let Some(token) = authorization.strip_prefix("Bearer ") else {
            return false;
        };
        let tokens = self.tokens();
        let Some(grant) = tokens.get(token) else {
            return false;
        };
        let needed = call
            .endpoint
            .repository()
            .map(|name| format!("{} {name}", action(call)));
        Instant::now() < grant.expires
            && needed.is_none_or(|permission| grant.permissions.contains(&permission))
    }

    fn challenge_header(&self, call: &Call) -> Option<String> {
        let realm = match &self.auth {
            Auth::Open => return None,
            Auth::Basic(_) => return Some(format!("Basic realm=\"{SERVICE}\"")),
            Auth::Token(_) => self.realm.get()?,
        };
        let scope = call.endpoint.repository().map_or_else(String::new, |name| {
            let actions = match action(call) {
                "push" => "pull,push",
                action => action,
            };
            format!(",scope=\"repository:{name}:{actions}\"")
        });
        Some(format!(
            "Bearer realm=\"{realm}\",service=\"{SERVICE}\"{scope}"
        ))
    }

    fn remember(&self, permissions: BTreeSet<String>, lifetime: Duration) -> String {
        let token = format!(
            "test-token-{}",
            TOKENS_ISSUED.fetch_add(1, Ordering::Relaxed)
        );
        let grant = Grant {
            permissions,
            expires: Instant::now() + lifetime,
        };
        self.tokens().insert(token.clone(), grant);
        token
    }

    fn tokens(&self) -> MutexGuard<'_, HashMap<String, Grant>> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenAuth {
    /// What the requester may do, or `None` if the credentials are wrong or missing.
    fn actions_for(&self, request: &TokenRequest) -> Option<&'static [&'static str]> {
        match &request.proof {
            Proof::Nothing if self.anonymous_pull => Some(&["pull"]),
            Proof::Basic(header) => {
                let known = self.users.iter().any(|user| user.basic_header() == *header);
                known.then_some(&["pull", "push", "delete"])
            }
            Proof::Refresh(token) if self.identity_token.as_ref() == Some(token) => {
                Some(&["pull", "push", "delete"])
            }
            Proof::Nothing | Proof::Refresh(_) => None,
        }
    }
}

/// A request to the token endpoint: GET with a query, or POST with a form (OAuth 2).
struct TokenRequest {
    proof: Proof,
    scopes: Vec<String>,
}

enum Proof {
    Nothing,
    /// A whole `Authorization` header.
    Basic(String),
    Refresh(String),
}

impl TokenRequest {
    fn new(call: &Call, form: &[u8]) -> Self {
        let form: HashMap<String, String> =
            url::form_urlencoded::parse(form).into_owned().collect();
        let proof = match (
            call.header(header::AUTHORIZATION),
            form.get("refresh_token"),
        ) {
            (Some(header), _) => Proof::Basic(header.to_owned()),
            (None, Some(token)) => Proof::Refresh(token.clone()),
            (None, None) => match (form.get("username"), form.get("password")) {
                (Some(user), Some(word)) => {
                    Proof::Basic(Credentials::new(user, word).basic_header())
                }
                _ => Proof::Nothing,
            },
        };
        let scopes = call
            .queries("scope")
            .chain(form.get("scope").map(String::as_str));
        Self {
            proof,
            scopes: scopes
                .flat_map(|all| all.split(' '))
                .map(str::to_owned)
                .collect(),
        }
    }

    /// What was asked for, as far as `actions` permits.
    fn permissions(&self, actions: &[&str]) -> BTreeSet<String> {
        let mut permissions = BTreeSet::new();
        for scope in &self.scopes {
            let mut parts = scope
                .strip_prefix("repository:")
                .unwrap_or_default()
                .rsplitn(2, ':');
            let (Some(wanted), Some(name)) = (parts.next(), parts.next()) else {
                continue;
            };
            let granted = wanted.split(',').filter(|action| actions.contains(action));
            permissions.extend(granted.map(|action| format!("{action} {name}")));
        }
        permissions
    }
}

fn action(call: &Call) -> &'static str {
    match call.method {
        Method::GET | Method::HEAD => "pull",
        Method::DELETE => "delete",
        _ => "push",
    }
}
