//! Image references, normalised as containerd and Docker do.
//!
//! `nginx` becomes `docker.io/library/nginx:latest`. The grammar is that of
//! `distribution/reference`: ASCII only, lower-case repositories, bounded length.
//! Look-alike names (Unicode, upper case, a trailing dot) are refused, not folded.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, DigestError};

/// The most bytes a reference may have: 255 for the name, 128 for the tag, the
/// rest for a digest.
pub const MAX_BYTES: usize = 255 + 1 + 128 + 1 + 135;

/// A fully qualified image reference: repository with a tag, a digest or both.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference {
    repository: Repository,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Where an image lives: registry host, optional port, and path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    host: String,
    path: String,
}

impl Reference {
    /// The repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The tag, `latest` if neither tag nor digest was given.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if the reference has one.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The same repository and tag, at this digest.
    pub fn at(&self, digest: Digest) -> Self {
        Self {
            digest: Some(digest),
            ..self.clone()
        }
    }
}

impl Repository {
    /// The registry: host and optional port, as `registry.example.com:5000`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path inside the registry, as `library/nginx`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The reference to `digest` in this repository.
    pub fn at(&self, digest: Digest) -> Reference {
        Reference {
            repository: self.clone(),
            tag: None,
            digest: Some(digest),
        }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.is_empty() {
            return Err(ReferenceError::Empty);
        }
        if text.len() > MAX_BYTES {
            return Err(ReferenceError::TooLong(text.len()));
        }
        if let Some(odd) = text.chars().find(|c| !c.is_ascii_graphic()) {
            return Err(ReferenceError::Character(odd.escape_default().to_string()));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (text, None),
        };
        let (name, tag) = split_tag(rest);
        if let Some(tag) = tag {
            check_tag(tag)?;
        }
        let tag = match (tag, &digest) {
            (Some(tag), _) => Some(tag.to_owned()),
            (None, None) => Some("latest".to_owned()),
            (None, Some(_)) => None,
        };
        Ok(Self {
            repository: name.parse()?,
            tag,
            digest,
        })
    }
}

impl FromStr for Repository {
    type Err = ReferenceError;

    fn from_str(name: &str) -> Result<Self, ReferenceError> {
        let (host, path) = match name.split_once('/') {
            Some((first, path)) if is_host(first) => (first, path),
            _ => ("docker.io", name),
        };
        check_host(host)?;
        check_path(path)?;
        let docker_hub = matches!(host, "docker.io" | "index.docker.io");
        let path = if docker_hub && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_owned()
        };
        let host = if docker_hub { "docker.io" } else { host }.to_owned();
        if host.len() + 1 + path.len() > 255 {
            return Err(ReferenceError::TooLong(host.len() + 1 + path.len()));
        }
        Ok(Self { host, path })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.path)
    }
}

impl TryFrom<String> for Reference {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.to_string()
    }
}

/// Why a text is not an image reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// Nothing at all.
    #[error("expected an image such as registry.example.com/app:1.0, found an empty string")]
    Empty,
    /// More bytes than any real reference has.
    #[error("expected an image name of at most 255 bytes, found {0} bytes")]
    TooLong(usize),
    /// White space, control characters or anything beyond ASCII.
    #[error("an image reference is printable ASCII without spaces, found {0:?}")]
    Character(String),
    /// A malformed registry host.
    #[error("expected a registry host such as registry.example.com:5000, found {0:?}")]
    Host(String),
    /// A malformed repository path.
    #[error(
        "expected a repository of lower-case letters, digits and single separators, found {0:?}"
    )]
    Path(String),
    /// A malformed tag.
    #[error("expected a tag of at most 128 letters, digits, '_', '.' or '-', found {0:?}")]
    Tag(String),
    /// A malformed digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

/// Splits off the tag: what follows the last colon, unless that belongs to a port.
fn split_tag(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (text, None),
    }
}

/// Docker's rule: the first component is a host if it could not be a path.
fn is_host(component: &str) -> bool {
    component == "localhost" || component.contains(['.', ':'])
}

fn check_host(host: &str) -> Result<(), ReferenceError> {
    let wrong = || ReferenceError::Host(host.to_owned());
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest.split_once(']').ok_or_else(wrong)?;
            address.parse::<std::net::Ipv6Addr>().map_err(|_| wrong())?;
            let port = match after {
                "" => None,
                _ => Some(after.strip_prefix(':').ok_or_else(wrong)?),
            };
            (None, port)
        }
        None => match host.split_once(':') {
            Some((name, port)) => (Some(name), Some(port)),
            None => (Some(host), None),
        },
    };
    if let Some(name) = name {
        let label = |l: &str| {
            !l.is_empty()
                && l.len() <= 63
                && !l.starts_with('-')
                && !l.ends_with('-')
                && l.bytes()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
        };
        if !name.split('.').all(label) {
            return Err(wrong());
        }
    }
    if let Some(port) = port {
        let digits = !port.is_empty() && port.bytes().all(|c| c.is_ascii_digit());
        if !digits || !port.parse::<u16>().is_ok_and(|p| p > 0) || port.starts_with('0') {
            return Err(wrong());
        }
    }
    Ok(())
}

/// `path-component *("/" path-component)`, where a component is runs of `[a-z0-9]`
/// joined by one of `.`, `_`, `__` or dashes.
fn check_path(path: &str) -> Result<(), ReferenceError> {
    let component = |text: &str| {
        let mut rest = text;
        loop {
            let run = rest
                .find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit()))
                .unwrap_or(rest.len());
            if run == 0 {
                return false;
            }
            rest = rest.split_at(run).1;
            if rest.is_empty() {
                return true;
            }
            let separator = rest
                .find(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
                .unwrap_or(rest.len());
            let (separator, after) = rest.split_at(separator);
            let dashes = separator.bytes().all(|c| c == b'-');
            if !(dashes || matches!(separator, "." | "_" | "__")) {
                return false;
            }
            rest = after;
        }
    };
    if path.is_empty() || !path.split('/').all(component) {
        return Err(ReferenceError::Path(path.to_owned()));
    }
    Ok(())
}

fn check_tag(tag: &str) -> Result<(), ReferenceError> {
    let word = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    let starts_well = tag.bytes().next().is_some_and(word);
    let rest_well = tag.bytes().all(|c| word(c) || c == b'.' || c == b'-');
    if starts_well && rest_well && tag.len() <= 128 {
        Ok(())
    } else {
        Err(ReferenceError::Tag(tag.chars().take(140).collect()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn normal(text: &str) -> String {
        text.parse::<Reference>().unwrap().to_string()
    }

    #[test]
    fn names_are_normalised_as_containerd_does() {
        let digest = Digest::sha256(b"x");
        for (given, expected) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("nginx:1.2", "docker.io/library/nginx:1.2"),
            ("acme/app", "docker.io/acme/app:latest"),
            ("index.docker.io/nginx", "docker.io/library/nginx:latest"),
            ("localhost/app", "localhost/app:latest"),
            ("localhost:5000/app:v1", "localhost:5000/app:v1"),
            (
                "127.0.0.1:5000/a/b__c-d.e",
                "127.0.0.1:5000/a/b__c-d.e:latest",
            ),
            ("[::1]:5000/app", "[::1]:5000/app:latest"),
            ("r.example.com/a--b/c", "r.example.com/a--b/c:latest"),
        ] {
            assert_eq!(normal(given), expected);
            assert_eq!(normal(expected), expected, "normal forms stay");
        }
        assert_eq!(
            normal(&format!("nginx@{digest}")),
            format!("docker.io/library/nginx@{digest}")
        );
        assert_eq!(
            normal(&format!("nginx:1@{digest}")),
            format!("docker.io/library/nginx:1@{digest}")
        );
    }

    #[test]
    fn look_alike_and_malformed_names_are_refused() {
        for bad in [
            "",
            " nginx",
            "nginx ",
            "ngi\u{7}nx",
            "nginx\n",
            "NGINX",
            "r.example.com/App",
            "R.example.com/app",
            "r.example.com./app",
            "exämple.com/app",
            "r.example.com/a//b",
            "r.example.com/",
            "r.example.com/../app",
            "r.example.com/a___b",
            "r.example.com/-a",
            "r.example.com:0/app",
            "r.example.com:99999/app",
            "r.example.com:/app",
            "-r.example.com/app",
            "[::zz]/app",
            "user@r.example.com/app",
            "nginx:",
            "nginx:-x",
            "nginx@sha256:abc",
            "https://r.example.com/app",
            &format!("nginx:{}", "a".repeat(129)),
            &"a".repeat(4096),
        ] {
            assert!(bad.parse::<Reference>().is_err(), "{bad:?}");
        }
    }
}
