//! One registry as the client sees it: where it is, and whom it may send us to.

use sealgate_core::reference::Repository;
use url::Url;

use super::config::RegistryConfig;
use crate::net::client::{Clients, SetupError, own_roots, public_roots};
use crate::net::guard::Guard;

/// Token endpoints of well-known registries that are on another host. Most registries issue
/// their tokens themselves.
const TOKEN_PARTNERS: [(&str, &str); 4] = [
    ("docker.io", "auth.docker.io"),
    ("registry.gitlab.com", "gitlab.com"),
    ("registry.digitalocean.com", "api.digitalocean.com"),
    ("docker.elastic.co", "docker-auth.elastic.co"),
];

/// A registry, listed or not.
#[derive(Debug)]
pub(crate) struct Peer {
    host: String,
    base: Url,
    /// The ways to the hosts below, with their certificate authorities and guard. None for a
    /// registry that is not listed.
    ways: Option<Clients>,
    plain_http: bool,
    token_hosts: Vec<String>,
    redirect_hosts: Vec<String>,
}

/// Whether a token endpoint may see credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RealmTrust {
    /// It may.
    Credentials,
    /// It is a stranger.
    AnonymousOnly,
}

/// Why a token endpoint is not asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RealmError {
    #[error("its realm is no URL: {0}")]
    NoUrl(#[from] url::ParseError),
    #[error("its realm has a user name in it")]
    UserName,
    #[error("expected a realm over https, found {0}")]
    NotHttps(String),
}

impl Peer {
    /// A registry that the configuration does not list.
    pub(crate) fn unlisted(host: &str) -> Result<Self, url::ParseError> {
        Ok(Self {
            host: host.to_owned(),
            base: base(host, "https")?,
            ways: None,
            plain_http: false,
            token_hosts: Vec::new(),
            redirect_hosts: Vec::new(),
        })
    }

    /// A listed registry, with its own ways there.
    pub(crate) fn listed(config: &RegistryConfig, ways: Clients) -> Result<Self, url::ParseError> {
        let scheme = if config.plain_http { "http" } else { "https" };
        Ok(Self {
            host: config.host().to_owned(),
            base: base(config.host(), scheme)?,
            ways: Some(ways),
            plain_http: config.plain_http,
            token_hosts: config.token_hosts.clone(),
            redirect_hosts: config.redirect_hosts.clone(),
        })
    }

    /// The host, as image references have it.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The URL of `rest` (`manifests/latest`) in a repository of this registry.
    pub(crate) fn url(&self, repository: &Repository, rest: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("/v2/{}/{rest}", repository.path()));
        url
    }

    /// The ways to this URL if the configuration of this registry covers it.
    pub(crate) fn ways_to(&self, url: &Url) -> Option<&Clients> {
        let covered = self.is_own(url)
            || any_names(&self.token_hosts, url)
            || any_names(&self.redirect_hosts, url);
        self.ways.as_ref().filter(|_| covered)
    }

    /// Whether this URL may be spoken to as far as its scheme goes.
    pub(crate) fn allows_scheme(&self, url: &Url) -> bool {
        match url.scheme() {
            "https" => true,
            "http" => self.plain_http && self.ways_to(url).is_some(),
            _ => false,
        }
    }

    /// Judges the token endpoint that this registry names. Its address is judged later, when
    /// it is spoken to.
    pub(crate) fn judge_realm(&self, realm: &str) -> Result<(Url, RealmTrust), RealmError> {
        let url = Url::parse(realm)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(RealmError::UserName);
        }
        if !self.allows_scheme(&url) {
            return Err(RealmError::NotHttps(origin(&url)));
        }
        let partners = TOKEN_PARTNERS.iter().filter(|(host, _)| *host == self.host);
        let known = partners
            .into_iter()
            .any(|(_, partner)| names(partner, &url));
        let trust = match known || self.is_own(&url) || any_names(&self.token_hosts, &url) {
            true => RealmTrust::Credentials,
            false => RealmTrust::AnonymousOnly,
        };
        Ok((url, trust))
    }

    fn is_own(&self, url: &Url) -> bool {
        self.base.host() == url.host()
            && self.base.port_or_known_default() == url.port_or_known_default()
    }
}

/// A registry with the HTTP client that fits it.
pub(crate) fn listed_peer(config: &RegistryConfig) -> Result<Peer, SetupError> {
    let roots = match &config.ca {
        None => public_roots(),
        Some(authorities) => own_roots(authorities).map_err(|source| SetupError::Authorities {
            host: config.host().to_owned(),
            source,
        })?,
    };
    let hosts = [config.host()].into_iter();
    let hosts = hosts.chain(config.token_hosts.iter().map(String::as_str));
    let hosts = hosts.chain(config.redirect_hosts.iter().map(String::as_str));
    let guard = Guard::allowing(hosts.map(name));
    Peer::listed(config, Clients::new(roots, guard)?).map_err(|source| SetupError::Url {
        host: config.host().to_owned(),
        source,
    })
}

/// The name without the port.
fn name(host: &str) -> String {
    let parsed = Url::parse(&format!("https://{host}"));
    let name = parsed.as_ref().ok().and_then(Url::host_str);
    name.unwrap_or(host).to_owned()
}

/// The host and port of a URL, for messages and for limits by host.
pub(crate) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn base(host: &str, scheme: &str) -> Result<Url, url::ParseError> {
    let host = match host {
        "docker.io" => "registry-1.docker.io",
        host => host,
    };
    Url::parse(&format!("{scheme}://{host}"))
}

fn any_names(hosts: &[String], url: &Url) -> bool {
    hosts.iter().any(|host| names(host, url))
}

/// Whether `host[:port]` is exactly the host of the URL; without a port, at the usual one.
fn names(host: &str, url: &Url) -> bool {
    let listed = Url::parse(&format!("{}://{host}", url.scheme()));
    listed.is_ok_and(|listed| listed.origin() == url.origin())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn peer(config: &RegistryConfig) -> Peer {
        listed_peer(config).unwrap()
    }

    fn trust(peer: &Peer, realm: &str) -> Option<RealmTrust> {
        peer.judge_realm(realm).ok().map(|(_, trust)| trust)
    }

    #[test]
    fn credentials_go_to_the_registry_and_its_known_partner_only_adv_57() {
        let hub = Peer::unlisted("docker.io").unwrap();
        let known = Some(RealmTrust::Credentials);
        let stranger = Some(RealmTrust::AnonymousOnly);
        assert_eq!(trust(&hub, "https://auth.docker.io/token"), known);
        for other in [
            "https://auth.docker.io.evil.test/token",
            "https://auth.docker.io:444/token",
            "https://evil.test/auth.docker.io",
            "https://gitlab.com/jwt/auth",
        ] {
            assert_eq!(trust(&hub, other), stranger, "{other}");
        }
        let own = Peer::unlisted("ghcr.io").unwrap();
        assert_eq!(trust(&own, "https://ghcr.io/token"), known);
        assert_eq!(trust(&own, "https://ghcr.io:8443/token"), stranger);
    }

    #[test]
    fn realms_without_tls_or_with_a_user_are_refused_adv_58_adv_60_adv_62() {
        let hub = Peer::unlisted("docker.io").unwrap();
        for bad in [
            "http://auth.docker.io/token",
            "http://registry-1.docker.io/token",
            "https://user@auth.docker.io/token",
            "https://:word@auth.docker.io/token",
            "file:///etc/passwd",
            "ftp://auth.docker.io",
            "/token",
            "",
        ] {
            assert!(hub.judge_realm(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn plain_http_is_for_the_hosts_that_are_listed_with_it() {
        let mut config = RegistryConfig::new("r.test:5000").unwrap();
        config.plain_http = true;
        config.token_hosts = vec!["auth.test:81".into()];
        let peer = peer(&config);
        let known = Some(RealmTrust::Credentials);
        assert_eq!(trust(&peer, "http://r.test:5000/token"), known);
        assert_eq!(trust(&peer, "http://auth.test:81/token"), known);
        for bad in [
            "http://r.test/token",
            "http://auth.test/token",
            "http://evil.test/token",
        ] {
            assert_eq!(trust(&peer, bad), None, "{bad}");
        }
    }

    #[test]
    fn docker_hub_is_at_another_name() {
        let hub = Peer::unlisted("docker.io").unwrap();
        let nginx = "nginx".parse().unwrap();
        let url = hub.url(&nginx, "manifests/1.0");
        assert_eq!(
            url.as_str(),
            "https://registry-1.docker.io/v2/library/nginx/manifests/1.0"
        );
    }
}
