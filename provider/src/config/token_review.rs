//! Callers that show a token of Kubernetes in place of a client certificate.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::units;

/// Who may ask with a token, and which API server knows whose token it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TokenReview {
    /// The audiences of which a token must have one. At least one is needed: a token without an
    /// audience of its own opens the API server, too, and must not be sent elsewhere.
    pub audiences: Vec<String>,
    /// The users that may ask, as Kubernetes names them:
    /// `system:serviceaccount:NAMESPACE:NAME`. At least one is needed.
    pub users: Vec<String>,
    /// The API server, `https://HOST:PORT`; absent: the one of the cluster this runs in.
    pub api_server: Option<String>,
    /// The certificate authorities of the API server, PEM; read again when they change.
    pub ca: PathBuf,
    /// Our own token, which must be allowed to create TokenReviews; read for every review.
    pub token_file: PathBuf,
    /// How long one review may take.
    #[serde(with = "units::duration")]
    pub timeout: Duration,
    /// How long the API server's answers are kept.
    pub cache: TokenCache,
}

/// How long the API server's answers are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TokenCache {
    /// That a token is good. As long may one be used that was withdrawn or has expired.
    #[serde(with = "units::duration")]
    pub allow: Duration,
    /// That a token is not.
    #[serde(with = "units::duration")]
    pub deny: Duration,
}

impl TokenReview {
    /// Every path, to be made absolute.
    pub(super) fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        [&mut self.ca, &mut self.token_file].into_iter()
    }
}

impl Default for TokenReview {
    fn default() -> Self {
        let mounted = PathBuf::from("/var/run/secrets/kubernetes.io/serviceaccount");
        Self {
            audiences: Vec::new(),
            users: Vec::new(),
            api_server: None,
            ca: mounted.join("ca.crt"),
            token_file: mounted.join("token"),
            timeout: Duration::from_secs(1),
            cache: TokenCache::default(),
        }
    }
}

impl Default for TokenCache {
    fn default() -> Self {
        Self {
            allow: Duration::from_secs(60),
            deny: Duration::from_secs(10),
        }
    }
}
