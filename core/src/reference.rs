//! Image references, normalised as containerd and Docker do.
//!
//! `nginx` becomes `docker.io/library/nginx:latest`. The grammar is that of
//! `distribution/reference`: ASCII only, lower-case repositories, bounded length.
//! Look-alike names (Unicode, upper case, a trailing dot) are refused, not folded.
//!
//! One place has one spelling: [`RegistryHost`] has the rule. Image names, policies, scopes and
//! credentials all go through it, so that no other spelling of a registry leaves a policy or
//! finds another credential.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, DigestError};
use crate::limits;

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
    host: RegistryHost,
    path: String,
}

/// A registry, as image names begin with it: host and optional port, `r.example.com:5000`.
///
/// Whatever its spelling was, it is the one of its place:
/// * the port 443 is left out, unless nothing else shows that a name is a host (`registry:443`);
/// * the names by which Docker Hub is reached are `docker.io`;
/// * IPv6 addresses are as RFC 5952 writes them, and IPv4 addresses in them are IPv4 addresses.
///
/// Refused, since it would be another spelling: upper case, a dot at the end, ports with leading
/// zeros, numbers that resolvers take for IPv4 addresses (`127.1`, `0x7f.0.0.1`), and labels
/// that are Punycode of plain ASCII (`xn--example-`, RUSTSEC-2024-0421).
///
/// Not known here: which registries are spoken to without TLS. Their usual port is 80, and
/// `r.example.com:80` stays what it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistryHost(String);

/// The names by which Docker Hub is reached.
const DOCKER_HUB: [&str; 4] = [
    "docker.io",
    "index.docker.io",
    "registry-1.docker.io",
    "registry.hub.docker.com",
];

impl RegistryHost {
    /// The one spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is Docker Hub.
    pub fn is_docker_hub(&self) -> bool {
        self.0 == "docker.io"
    }

    fn docker_hub() -> Self {
        Self("docker.io".to_owned())
    }
}

impl fmt::Display for RegistryHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RegistryHost {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let wrong = || ReferenceError::Host(text.chars().take(300).collect());
        if !is_host(text) {
            return Err(wrong());
        }
        let (name, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, after) = rest.split_once(']').ok_or_else(wrong)?;
                let address: Ipv6Addr = address.parse().map_err(|_| wrong())?;
                let name = match address.to_ipv4_mapped() {
                    Some(address) => address.to_string(),
                    None => format!("[{address}]"),
                };
                let port = match after {
                    "" => None,
                    _ => Some(after.strip_prefix(':').ok_or_else(wrong)?),
                };
                (name, port)
            }
            None => {
                let (name, port) = match text.split_once(':') {
                    Some((name, port)) => (name, Some(port)),
                    None => (text, None),
                };
                if !is_host_name(name) {
                    return Err(wrong());
                }
                (name.to_owned(), port)
            }
        };
        let port = port
            .map(|port| read_port(port).ok_or_else(wrong))
            .transpose()?;
        let usual = port.is_none_or(|port| port == 443);
        if usual && DOCKER_HUB.contains(&name.as_str()) {
            return Ok(Self::docker_hub());
        }
        Ok(Self(match port {
            Some(port) if !usual || !is_host(&name) => format!("{name}:{port}"),
            _ => name,
        }))
    }
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
        self.host.as_str()
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
        if text.len() > limits::REFERENCE_BYTES {
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
            Some((first, path)) if is_host(first) => (first.parse()?, path),
            _ => (RegistryHost::docker_hub(), name),
        };
        check_path(path)?;
        let path = if host.is_docker_hub() && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_owned()
        };
        let bytes = host.0.len() + 1 + path.len();
        if bytes > 255 {
            return Err(ReferenceError::TooLong(bytes));
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
pub(crate) fn is_host(component: &str) -> bool {
    component == "localhost" || component.contains(['.', ':'])
}

/// A DNS name of lower-case letters, digits and dashes, or an IPv4 address.
fn is_host_name(name: &str) -> bool {
    let label = |l: &str| {
        !l.is_empty()
            && l.len() <= 63
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
    };
    // What ends in a number is an IPv4 address to URL parsers and resolvers, in every form.
    let last = name.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last
        .strip_prefix("0x")
        .is_some_and(|digits| digits.bytes().all(|c| c.is_ascii_hexdigit()));
    let number = hexadecimal || last.bytes().all(|c| c.is_ascii_digit());
    name.split('.').all(label) && (!number || name.parse::<Ipv4Addr>().is_ok())
}

fn read_port(text: &str) -> Option<u16> {
    let plain = !text.starts_with('0') && text.bytes().all(|c| c.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
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
    use crate::digest::Algorithm;

    fn normal(text: &str) -> String {
        text.parse::<Reference>().unwrap().to_string()
    }

    #[test]
    fn names_are_normalised_as_containerd_does() {
        let digest = Digest::sha256(b"x");
        for (given, expected) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("nginx:1.2", "docker.io/library/nginx:1.2"),
            ("nginx:_1-a.B", "docker.io/library/nginx:_1-a.B"),
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
            (
                "xn--mnchen-3ya.example/a",
                "xn--mnchen-3ya.example/a:latest",
            ),
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
    fn one_place_has_one_spelling_atk_19_rt_7() {
        for (spellings, expected) in [
            (
                &["r.example.com/app:1", "r.example.com:443/app:1"][..],
                "r.example.com/app:1",
            ),
            (
                &[
                    "nginx:1",
                    "library/nginx:1",
                    "docker.io/nginx:1",
                    "docker.io:443/library/nginx:1",
                    "index.docker.io/library/nginx:1",
                    "index.docker.io:443/library/nginx:1",
                    "registry-1.docker.io/library/nginx:1",
                    "registry-1.docker.io:443/library/nginx:1",
                    "registry.hub.docker.com/library/nginx:1",
                ],
                "docker.io/library/nginx:1",
            ),
            (
                &[
                    "[::1]/app:1",
                    "[::1]:443/app:1",
                    "[0:0:0:0:0:0:0:1]/app:1",
                    "[0::0:1]/app:1",
                    "[0000::0001]:443/app:1",
                ],
                "[::1]/app:1",
            ),
            (
                &["[fe80::abcd]:5000/app:1", "[FE80::ABCD]:5000/app:1"],
                "[fe80::abcd]:5000/app:1",
            ),
            (
                &[
                    "127.0.0.1:5000/app:1",
                    "[::ffff:127.0.0.1]:5000/app:1",
                    "[::FFFF:7f00:1]:5000/app:1",
                ],
                "127.0.0.1:5000/app:1",
            ),
            (
                &["localhost/app:1", "localhost:443/app:1"],
                "localhost/app:1",
            ),
            // Without the port it would be a repository of Docker Hub.
            (&["registry:443/app:1"], "registry:443/app:1"),
            (&["r.example.com:80/app:1"], "r.example.com:80/app:1"),
            (&["docker.io:5000/app:1"], "docker.io:5000/app:1"),
        ] {
            for spelling in spellings {
                assert_eq!(normal(spelling), expected, "{spelling}");
            }
            assert_eq!(normal(expected), expected, "normal forms stay");
        }
    }

    #[test]
    fn the_longest_names_are_read_and_longer_ones_are_not() {
        let repository = format!("r.example.com/{}", "a".repeat(255 - "r.example.com/".len()));
        let tag = "t".repeat(128);
        let digest = Digest::of(Algorithm::Sha512, b"x");
        let longest = format!("{repository}:{tag}@{digest}");
        assert_eq!(longest.len(), limits::REFERENCE_BYTES);
        assert_eq!(normal(&longest), longest);
        for (text, bytes) in [
            (format!("{repository}a"), 256),
            (format!("r.example.com/{longest}"), longest.len() + 14),
        ] {
            let refused = text.parse::<Reference>().unwrap_err();
            assert!(matches!(refused, ReferenceError::TooLong(n) if n == bytes));
        }
        let refused = format!("{repository}:{tag}t").parse::<Reference>();
        assert!(matches!(refused, Err(ReferenceError::Tag(_))));
    }

    /// `xn--example-` is `example` to some readers of names, and a name of its own to others.
    #[test]
    fn punycode_of_plain_names_is_no_spelling_adv_75() {
        for bad in [
            "xn--example-.org/app",
            "r.xn--example-.org:5000/app",
            "xn--.org/app",
            "XN--example-9za.org/app",
        ] {
            assert!(bad.parse::<Reference>().is_err(), "{bad}");
        }
        assert_eq!(
            normal("xn--mnchen-3ya.example/a"),
            "xn--mnchen-3ya.example/a:latest"
        );
    }

    /// Whatever is read is written in a form that is read as the same.
    #[test]
    fn normal_forms_are_fixed_points() {
        let names = [
            "r.example.com",
            "localhost",
            "registry",
            "docker.io",
            "index.docker.io",
            "registry-1.docker.io",
            "registry.hub.docker.com",
            "127.0.0.1",
            "[::1]",
            "[::ffff:10.0.0.1]",
            "[::10.0.0.1]",
            "[2001:DB8:0:0:1:0:0:1]",
            "xn--a-1.example",
        ];
        let ports = ["", ":1", ":80", ":443", ":444", ":65535"];
        let paths = ["app", "library/app", "a/b/c"];
        let mut read = 0;
        for name in names {
            for port in ports {
                for path in paths {
                    let Ok(reference) = format!("{name}{port}/{path}:1").parse::<Reference>()
                    else {
                        continue;
                    };
                    read += 1;
                    let again: Reference = reference.to_string().parse().unwrap();
                    assert_eq!(again, reference);
                    let host = reference.repository().host();
                    assert_eq!(host.parse::<RegistryHost>().unwrap().as_str(), host);
                    assert!(!host.ends_with(":443") || host == "registry:443");
                }
            }
        }
        assert!(read > 200, "{read}");
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
            "r.example.com:0443/app",
            "r.example.com:+443/app",
            "r.example.com.:443/app",
            "127.1:5000/app",
            "127.0.0.01/app",
            "0x7f.0.0.1/app",
            "2130706433:5000/app",
            "r.example.0x/app",
            "[::1%25eth0]/app",
            "[::1]5000/app",
            "[127.0.0.1]/app",
            "[::zz]/app",
            "user@r.example.com/app",
            "nginx:",
            "nginx:-x",
            "nginx:.x",
            "nginx:x+y",
            "nginx@sha256:abc",
            "https://r.example.com/app",
            &format!("nginx:{}", "a".repeat(129)),
            &"a".repeat(4096),
        ] {
            assert!(bad.parse::<Reference>().is_err(), "{bad:?}");
        }
    }
}
