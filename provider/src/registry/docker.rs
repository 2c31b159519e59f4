//! Docker's `config.json`, which Secrets of type `kubernetes.io/dockerconfigjson` hold, too.
//!
//! Hosts match exactly: a credential for `ghcr.io` is none for `ghcr.io.evil.example`,
//! `xghcr.io` or `ghcr.io:444`. `ghcr.io:443` is another spelling of it. An entry may name a path (`r.example.com/team`) and then is for
//! the repositories below it; the longest counts. Wildcards match nothing.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sealgate_core::json;
use sealgate_core::reference::{RegistryHost, Repository};
use serde::Deserialize;

use super::credential::Credential;
use crate::files::kept::ReadError;

/// What helpers know Docker Hub by.
const DOCKER_HUB_SERVER: &str = "https://index.docker.io/v1/";

/// A configuration, checked.
#[derive(Debug)]
pub(crate) struct DockerConfig {
    entries: Vec<(Place, Credential)>,
    helpers: BTreeMap<String, String>,
    store: Option<String>,
}

/// What an entry is for.
#[derive(Debug)]
struct Place {
    host: String,
    path: String,
}

/// What the configuration has for a repository.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// The credential itself.
    Credential(Credential),
    /// A program that knows it.
    Helper {
        /// The program, to be found in the path.
        program: String,
        /// What to ask it for.
        server: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfigWire {
    #[serde(default)]
    auths: BTreeMap<String, AuthWire>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Deserialize)]
struct AuthWire {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

impl DockerConfig {
    /// Reads a configuration.
    pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, ReadError> {
        let wrong = |why: DockerError| ReadError::new(path, why);
        // The error would quote what was found, and that may be a password.
        let wire: ConfigWire = json::parse(bytes).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            wrong(DockerError::NoConfig { line, column })
        })?;
        let mut entries = Vec::new();
        for (key, auth) in wire.auths {
            let credential = auth.credential(&key).map_err(wrong)?;
            entries.extend(credential.map(|credential| (Place::parse(&key), credential)));
        }
        let helpers = wire.cred_helpers.into_iter();
        let helpers =
            helpers.map(|(key, name)| program(&name).map(|name| (Place::parse(&key).host, name)));
        Ok(Self {
            entries,
            helpers: helpers.collect::<Result<_, _>>().map_err(wrong)?,
            store: wire
                .creds_store
                .filter(|name| !name.is_empty())
                .map(|name| program(&name))
                .transpose()
                .map_err(wrong)?,
        })
    }

    /// What there is for this repository: the helper of its host, else the entry with the
    /// longest path, else the general helper.
    pub(crate) fn find(&self, repository: &Repository) -> Option<Entry> {
        let helper = |program: &String| Entry::Helper {
            program: program.clone(),
            server: server(repository.host()),
        };
        if let Some(program) = self.helpers.get(repository.host()) {
            return Some(helper(program));
        }
        let covering = self
            .entries
            .iter()
            .filter(|(place, _)| place.covers(repository));
        let longest = covering.max_by_key(|(place, _)| place.path.len());
        match longest {
            Some((_, credential)) => Some(Entry::Credential(credential.clone())),
            None => self.store.as_ref().map(helper),
        }
    }
}

/// Why a configuration cannot be used. Never holds credentials.
#[derive(Debug, thiserror::Error)]
enum DockerError {
    #[error("expected Docker's config.json, found something else at line {line} column {column}")]
    NoConfig { line: usize, column: usize },
    #[error("cannot decode the field auth of the entry {0:?}")]
    Auth(String),
    #[error("expected the name of a credential helper, found {0:?}")]
    Helper(String),
}

impl AuthWire {
    /// `None` for the empty entries that Docker leaves behind when a helper has the credential.
    fn credential(self, key: &str) -> Result<Option<Credential>, DockerError> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        if let Some(token) = given(self.identitytoken) {
            return Ok(Some(Credential::IdentityToken(token)));
        }
        if let Some(token) = given(self.registrytoken) {
            return Ok(Some(Credential::RegistryToken(token)));
        }
        if let Some(auth) = given(self.auth) {
            let pair = lenient_base64().decode(auth).ok();
            let pair = pair.and_then(|pair| String::from_utf8(pair).ok());
            let pair = pair.as_deref().and_then(|pair| pair.split_once(':'));
            let (username, password) = pair.ok_or_else(|| DockerError::Auth(key.to_owned()))?;
            return Ok(Some(Credential::basic(
                username,
                password.trim_end_matches('\0'),
            )));
        }
        Ok(match (given(self.username), given(self.password)) {
            (Some(username), Some(password)) => Some(Credential::basic(username, password)),
            _ => None,
        })
    }
}

impl Place {
    /// `host`, `host/path`, or a URL as old versions of Docker wrote it.
    fn parse(key: &str) -> Self {
        let bare = key.strip_prefix("https://").or(key.strip_prefix("http://"));
        let (host, path) = bare
            .unwrap_or(key)
            .split_once('/')
            .unwrap_or((bare.unwrap_or(key), ""));
        let path = path.trim_end_matches('/');
        Self {
            host: canonical(host),
            path: match path {
                "v1" | "v2" => String::new(),
                path => path.to_owned(),
            },
        }
    }

    fn covers(&self, repository: &Repository) -> bool {
        let rest = repository.path().strip_prefix(self.path.as_str());
        let at_a_boundary = rest
            .is_some_and(|rest| self.path.is_empty() || rest.is_empty() || rest.starts_with('/'));
        self.host == repository.host() && at_a_boundary
    }
}

/// The one spelling of a host. What is none (a wildcard, say) stays as it is, and matches nothing.
fn canonical(host: &str) -> String {
    match host.parse::<RegistryHost>() {
        Ok(host) => host.to_string(),
        Err(_) => host.to_owned(),
    }
}

/// What helpers know a host by.
pub(crate) fn server(host: &str) -> String {
    match host {
        "docker.io" => DOCKER_HUB_SERVER.to_owned(),
        host => host.to_owned(),
    }
}

/// The name is a suffix, not a path to anything.
fn program(name: &str) -> Result<String, DockerError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    match !name.is_empty() && name.chars().all(plain) {
        true => Ok(format!("docker-credential-{name}")),
        false => Err(DockerError::Helper(name.to_owned())),
    }
}

fn lenient_base64() -> GeneralPurpose {
    let config = GeneralPurposeConfig::new();
    GeneralPurpose::new(
        &STANDARD,
        config.with_decode_padding_mode(DecodePaddingMode::Indifferent),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn config(json: &str) -> DockerConfig {
        DockerConfig::parse(Path::new("config.json"), json.as_bytes()).unwrap()
    }

    fn user(config: &DockerConfig, repository: &str) -> Option<String> {
        match config.find(&repository.parse().unwrap())? {
            Entry::Credential(Credential::Basic { username, .. }) => Some(username),
            other => Some(format!("{other:?}")),
        }
    }

    #[test]
    fn hosts_match_exactly_adv_22() {
        let config = config(r#"{"auths":{"ghcr.io":{"username":"u","password":"p"}}}"#);
        assert_eq!(user(&config, "ghcr.io/a"), Some("u".into()));
        assert_eq!(user(&config, "ghcr.io:443/a"), Some("u".into()));
        for other in [
            "ghcr.io.evil.test/a",
            "xghcr.io/a",
            "ghcr.io:444/a",
            "evil.test/ghcr.io",
        ] {
            assert_eq!(user(&config, other), None, "{other}");
        }
    }

    #[test]
    fn docker_hub_has_several_names() {
        for key in [
            "https://index.docker.io/v1/",
            "docker.io",
            "index.docker.io",
            "registry-1.docker.io:443",
            "registry.hub.docker.com",
        ] {
            let config = config(&format!(r#"{{"auths":{{"{key}":{{"auth":"dTpw"}}}}}}"#));
            assert_eq!(user(&config, "nginx"), Some("u".into()), "{key}");
            assert_eq!(user(&config, "docker.io.evil.test/nginx"), None);
        }
    }

    #[test]
    fn the_entry_with_the_longest_path_counts_l_06() {
        let config = config(
            r#"{"auths":{
                "r.test":{"username":"all","password":"p"},
                "r.test/team":{"username":"team","password":"p"},
                "https://r.test/team/app":{"username":"app","password":"p"}}}"#,
        );
        for (repository, expected) in [
            ("r.test/x", "all"),
            ("r.test/teams/x", "all"),
            ("r.test/team/x", "team"),
            ("r.test/team/app", "app"),
            ("r.test/team/app/sub", "app"),
        ] {
            assert_eq!(
                user(&config, repository).as_deref(),
                Some(expected),
                "{repository}"
            );
        }
    }

    #[test]
    fn wildcards_match_nothing() {
        let config = config(r#"{"auths":{"*.test":{"username":"u","password":"p"}}}"#);
        assert_eq!(user(&config, "r.test/a"), None);
    }

    #[test]
    fn helpers_come_first_and_the_store_last() {
        let config = config(
            r#"{"auths":{"a.test":{"username":"u","password":"p"},"b.test":{"username":"u","password":"p"},"c.test":{}},
                "credHelpers":{"a.test":"ecr-login"},"credsStore":"pass"}"#,
        );
        let helper = |program: &str, server: &str| Entry::Helper {
            program: program.into(),
            server: server.into(),
        };
        let found = |name: &str| config.find(&name.parse().unwrap()).unwrap();
        assert_eq!(
            found("a.test/x"),
            helper("docker-credential-ecr-login", "a.test")
        );
        assert_eq!(
            found("b.test/x"),
            Entry::Credential(Credential::basic("u", "p"))
        );
        assert_eq!(
            found("c.test/x"),
            helper("docker-credential-pass", "c.test")
        );
        assert_eq!(
            found("nginx"),
            helper("docker-credential-pass", DOCKER_HUB_SERVER)
        );
    }

    #[test]
    fn errors_name_the_entry_and_no_secret() {
        for bad in [
            r#"{"auths":{"r.test":{"auth":"aHVudGVyMg=="}}}"#,
            r#"{"auths":{"r.test":"aHVudGVyMg=="}}"#,
            r#"{"credsStore":"../aHVudGVyMg"}"#,
        ] {
            let error = DockerConfig::parse(Path::new("c.json"), bad.as_bytes()).unwrap_err();
            let text = error.to_string();
            assert!(text.contains("c.json"), "{text}");
            assert!(!text.contains("aHVudGVyMg=="), "{text}");
        }
    }
}
