//! Registries and credentials.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A registry that differs from the usual.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Registry {
    /// Host and port, as in image names: `registry.example.com:5000`.
    pub host: String,
    /// Whether it is spoken to without TLS. Never for a host that is not listed.
    #[serde(default)]
    pub plain_http: bool,
    /// Its certificate authorities, PEM, instead of the public ones.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Its credentials; absent: those of `credentials`.
    #[serde(default)]
    pub auth: Option<Auth>,
    /// Hosts (`auth.example.com`) that may get its credentials in exchange for a token,
    /// beside the registry itself.
    #[serde(default)]
    pub token_hosts: Vec<String>,
    /// Hosts that it redirects to for blobs, and that may be at private addresses. They
    /// never get credentials.
    #[serde(default)]
    pub redirect_hosts: Vec<String>,
}

/// The credentials of one registry: `{anonymous: true}`, `{username, passwordFile}` or
/// `{dockerConfig}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "AuthWire", into = "AuthWire")]
pub enum Auth {
    /// None, whatever `credentials` say.
    Anonymous,
    /// A user name and a password.
    Basic {
        /// The user name.
        username: String,
        /// A file with the password; a line break at its end is cut off.
        password_file: PathBuf,
    },
    /// A `config.json` of Docker with an entry for this host.
    DockerConfig(PathBuf),
}

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct AuthWire {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    anonymous: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    docker_config: Option<PathBuf>,
}

/// Not one of the three ways.
#[derive(Debug, thiserror::Error)]
#[error("expected one of {{anonymous: true}}, {{username, passwordFile}} and {{dockerConfig}}")]
struct AuthError;

impl TryFrom<AuthWire> for Auth {
    type Error = AuthError;

    fn try_from(wire: AuthWire) -> Result<Self, Self::Error> {
        match (
            wire.anonymous,
            wire.username,
            wire.password_file,
            wire.docker_config,
        ) {
            (true, None, None, None) => Ok(Self::Anonymous),
            (false, Some(username), Some(password_file), None) => Ok(Self::Basic {
                username,
                password_file,
            }),
            (false, None, None, Some(file)) => Ok(Self::DockerConfig(file)),
            _ => Err(AuthError),
        }
    }
}

impl From<Auth> for AuthWire {
    fn from(auth: Auth) -> Self {
        let none = Self::default();
        match auth {
            Auth::Anonymous => Self {
                anonymous: true,
                ..none
            },
            Auth::Basic {
                username,
                password_file,
            } => Self {
                username: Some(username),
                password_file: Some(password_file),
                ..none
            },
            Auth::DockerConfig(file) => Self {
                docker_config: Some(file),
                ..none
            },
        }
    }
}

/// Where credentials come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Credentials {
    /// A `config.json` of Docker, with its credential helpers; absent: anonymous.
    pub docker_config: Option<PathBuf>,
}

impl Registry {
    /// Every path, to be made absolute.
    pub(super) fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let auth = match &mut self.auth {
            Some(Auth::Basic { password_file, .. }) => Some(password_file),
            Some(Auth::DockerConfig(file)) => Some(file),
            Some(Auth::Anonymous) | None => None,
        };
        self.ca.iter_mut().chain(auth)
    }
}
