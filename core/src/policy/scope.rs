//! Which images and namespaces a policy covers.

use super::non_empty::NonEmpty;
use crate::evidence::{Request, Subject};
use crate::reference::{self, Reference, ReferenceError, RegistryHost, Repository};

/// The images and namespaces that a policy covers.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Patterns of images. One that matches suffices.
    pub images: NonEmpty<ImagePattern>,
    /// Patterns of images that other policies are for: one that matches excludes.
    pub except: Vec<ImagePattern>,
    /// Patterns of namespaces; empty: all, also a request that names none.
    pub namespaces: Vec<NamespacePattern>,
}

impl Scope {
    /// Whether the policy covers this image in this namespace.
    ///
    /// A pattern is tried against `host/path`, `host/path:tag`, `host/path@digest` and
    /// `host/path:tag@digest`: since every policy that covers an image must pass,
    /// covering too much refuses, covering too little would admit.
    ///
    /// A policy for named namespaces covers a request **without** a namespace, too: the
    /// asker who leaves it out must not escape the policy.
    pub fn covers(&self, subject: &Subject, request: &Request) -> bool {
        let in_namespace = match &request.namespace {
            Some(name) if !self.namespaces.is_empty() => {
                self.namespaces.iter().any(|pattern| pattern.matches(name))
            }
            _ => true,
        };
        in_namespace && self.covers_image(subject)
    }

    fn covers_image(&self, subject: &Subject) -> bool {
        let names = names(&subject.reference.at(subject.digest()));
        let matches = |pattern: &ImagePattern| names.iter().any(|name| pattern.matches(name));
        self.images.iter().any(matches) && !self.except.iter().any(matches)
    }
}

/// A pattern of image names: `*` matches within a path segment, `**` across them.
///
/// As ClusterImagePolicy's `glob`: the whole name must match, so that the registry
/// host can never be matched by a pattern that does not begin with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagePattern(String);

/// A pattern of namespaces: `*` matches any run of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespacePattern(String);

/// Why a text is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// Characters that no name has.
    #[error("expected a pattern of {alphabet} and '*', found {found:?}")]
    Alphabet {
        /// What names consist of.
        alphabet: &'static str,
        /// What was there.
        found: String,
    },
    /// The registry, written out, is none.
    #[error(transparent)]
    Registry(#[from] ReferenceError),
    /// A registry without a path.
    #[error("expected a registry and a path such as {0}/**, found no path")]
    NoPath(String),
    /// No name can match it.
    #[error("no {what} can match this pattern{}", instead(.called))]
    MatchesNothing {
        /// `image` or `namespace`.
        what: &'static str,
        /// How what it seems to mean is called.
        called: Option<String>,
    },
}

fn instead(called: &Option<String>) -> String {
    called
        .as_ref()
        .map(|name| format!(": it is called {name}"))
        .unwrap_or_default()
}

/// A text that is no fully qualified repository.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a fully qualified repository such as registry.example.com/acme/app, without tag, digest or wildcard, found {0:?}"
)]
pub struct RepositoryPatternError(String);

impl ImagePattern {
    /// Reads a pattern.
    ///
    /// `*` alone means the official images of Docker Hub, `*/*` its users' images,
    /// `**` every image, as in ClusterImagePolicy; a pattern whose first part is no
    /// host is one of Docker Hub. A registry without wildcards may be spelled as in image
    /// names ([`RegistryHost`]).
    ///
    /// # Errors
    /// If it is empty, has characters that image names and patterns do not have, or cannot match
    /// any image: a policy that never applies protects nothing.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_:/*.@[]".contains(c);
        if text.is_empty() || !text.chars().all(allowed) {
            return Err(PatternError::Alphabet {
                alphabet: "letters, digits, '-', '_', '.', '/', ':', '@'",
                found: text.chars().take(300).collect(),
            });
        }
        let pattern = Self(qualify(text)?);
        match pattern.matches_some_image() {
            true => Ok(pattern),
            false => Err(PatternError::MatchesNothing {
                what: "image",
                called: text
                    .parse::<Reference>()
                    .ok()
                    .map(|reference| reference.repository().to_string()),
            }),
        }
    }

    /// Reads a pattern of a ClusterImagePolicy: as [`new`](Self::new) does, but without a slash it is
    /// one of Docker Hub's official images, whatever it looks like.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(super) fn of_cluster_image_policy(text: &str) -> Result<Self, PatternError> {
        match text.contains('/') || text.starts_with("**") {
            true => Self::new(text),
            false => Self::new(&format!("docker.io/library/{text}")),
        }
    }

    /// Whether there is an image that matches, found by filling in the wildcards.
    fn matches_some_image(&self) -> bool {
        let (name, digest) = match self.0.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (self.0.as_str(), None),
        };
        let digests = match digest {
            Some(pattern) => sample_digests(pattern),
            None => vec![String::new()],
        };
        let matches = |text: String| {
            text.parse::<Reference>()
                .is_ok_and(|image| names(&image).iter().any(|name| self.matches(name)))
        };
        sample_names(name).any(|name| {
            digests
                .iter()
                .any(|digest| matches(format!("{name}{digest}")))
        })
    }

    /// The pattern that matches every image.
    pub fn any() -> Self {
        Self("**".to_owned())
    }

    /// The pattern of one repository, as `registry.example.com/acme/app`. The registry may be
    /// spelled as in image names; the path is taken as it is.
    ///
    /// # Errors
    /// If it is no fully qualified repository, or has a wildcard.
    pub fn repository(name: &str) -> Result<Self, RepositoryPatternError> {
        let wrong = || RepositoryPatternError(name.chars().take(200).collect());
        let (host, path) = name.split_once('/').ok_or_else(wrong)?;
        let repository: Repository = name.parse().map_err(|_| wrong())?;
        match reference::is_host(host) && repository.path() == path {
            true => Ok(Self(repository.to_string())),
            false => Err(wrong()),
        }
    }

    /// The pattern, fully qualified.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the whole of `name` matches.
    pub fn matches(&self, name: &str) -> bool {
        glob(self.0.as_bytes(), name.as_bytes(), b'/')
    }
}

impl NamespacePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// If it is empty, has characters that namespaces and patterns do not have, or cannot match
    /// any namespace (RFC 1123: at most 63 characters, a letter or digit at both ends).
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let allowed =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '*';
        if text.is_empty() || !text.chars().all(allowed) {
            return Err(PatternError::Alphabet {
                alphabet: "lower-case letters, digits, '-'",
                found: text.chars().take(300).collect(),
            });
        }
        let is_namespace = |name: String| {
            (1..=63).contains(&name.len()) && !name.starts_with('-') && !name.ends_with('-')
        };
        let fill = |with: &str| text.replace("**", "*").replace('*', with);
        match is_namespace(fill("a")) || is_namespace(fill("")) {
            true => Ok(Self(text.to_owned())),
            false => Err(PatternError::MatchesNothing {
                what: "namespace",
                called: None,
            }),
        }
    }

    /// The pattern.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the whole of `name` matches.
    pub fn matches(&self, name: &str) -> bool {
        glob(self.0.as_bytes(), name.as_bytes(), b'/')
    }
}

/// Gives a pattern without a host that of Docker Hub, and a host its one spelling.
fn qualify(text: &str) -> Result<String, PatternError> {
    if text.starts_with("**") {
        return Ok(text.to_owned());
    }
    Ok(match text.split_once('/') {
        None => {
            let name = text.split([':', '@']).next().unwrap_or_default();
            // Official images have no dots: this was to be a registry.
            if reference::is_host(name) {
                return Err(PatternError::NoPath(name.to_owned()));
            }
            format!("docker.io/library/{text}")
        }
        Some((host, rest)) if reference::is_host(host) && !host.contains('*') => {
            format!("{}/{rest}", host.parse::<RegistryHost>()?)
        }
        Some((host, _)) if reference::is_host(host) => text.to_owned(),
        // `*/app` could mean any host; as in ClusterImagePolicy it does not.
        Some(_) => format!("docker.io/{text}"),
    })
}

/// The names by which patterns know an image.
fn names(image: &Reference) -> Vec<String> {
    let repository = image.repository().to_string();
    let mut names = Vec::new();
    if let Some(digest) = image.digest() {
        names.push(format!("{repository}@{digest}"));
    }
    if let Some(tag) = image.tag() {
        names.push(format!("{repository}:{tag}"));
        if let Some(digest) = image.digest() {
            names.push(format!("{repository}:{tag}@{digest}"));
        }
    }
    names.push(repository);
    names
}

/// Beyond this many wildcards, all are filled in alike.
const FILLED_APART: u32 = 6;

/// Names that may match: a letter and a digit fit wherever a wildcard can stand for anything,
/// but for a port (a digit) and the end of a host (a letter).
fn sample_names(pattern: &str) -> impl Iterator<Item = String> {
    let parts: Vec<String> = pattern
        .replace("**", "*")
        .split('*')
        .map(str::to_owned)
        .collect();
    let wildcards = u32::try_from(parts.len().saturating_sub(1)).unwrap_or(u32::MAX);
    let ways: u64 = match wildcards <= FILLED_APART {
        true => 1 << wildcards,
        false => 2,
    };
    (0..ways).map(move |way| {
        let mut name = String::new();
        for (i, part) in parts.iter().enumerate() {
            if i > 0 {
                let digit = match wildcards <= FILLED_APART {
                    true => way >> (i - 1) & 1 == 1,
                    false => way == 1,
                };
                name.push(if digit { '1' } else { 'a' });
            }
            name.push_str(part);
        }
        name
    })
}

/// Digests, with their `@`, that may match this pattern of digests.
fn sample_digests(pattern: &str) -> Vec<String> {
    let Some((before, after)) = pattern.split_once('*') else {
        return vec![format!("@{pattern}")];
    };
    let after = after.replace('*', "");
    let fill = |algorithm: &str, digits: usize| {
        let start = match before.starts_with(algorithm) {
            true => before.to_owned(),
            false => format!("{algorithm}:"),
        };
        let taken = start.len() - algorithm.len() - 1 + after.len();
        let missing = digits.checked_sub(taken)?;
        Some(format!("@{start}{}{after}", "a".repeat(missing)))
    };
    [fill("sha256", 64), fill("sha512", 128)]
        .into_iter()
        .flatten()
        .collect()
}

/// Matches `*` (no separator) and `**` (anything) in time `O(pattern × name)`.
fn glob(pattern: &[u8], name: &[u8], separator: u8) -> bool {
    // reachable[i]: the pattern so far matches the first i bytes of the name.
    let mut reachable = vec![false; name.len() + 1];
    if let Some(first) = reachable.first_mut() {
        *first = true;
    }
    let mut rest = pattern;
    while let Some((&c, after)) = rest.split_first() {
        let crossing = c == b'*' && after.first() == Some(&b'*');
        rest = if crossing {
            after.get(1..).unwrap_or_default()
        } else {
            after
        };
        reachable = if c == b'*' {
            spread(&reachable, name, separator, crossing)
        } else {
            step(&reachable, name, c)
        };
    }
    reachable.last().copied().unwrap_or(false)
}

/// What is reachable after a wildcard.
fn spread(reachable: &[bool], name: &[u8], separator: u8, crossing: bool) -> Vec<bool> {
    let mut open = false;
    let mut next = Vec::with_capacity(reachable.len());
    for (i, here) in reachable.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|i| name.get(i));
        if !crossing && before == Some(&separator) {
            open = false;
        }
        open |= here;
        next.push(open);
    }
    next
}

/// What is reachable after one literal byte.
fn step(reachable: &[bool], name: &[u8], c: u8) -> Vec<bool> {
    let moved = reachable.iter().zip(name).map(|(here, n)| *here && *n == c);
    std::iter::once(false).chain(moved).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn stars_stay_in_their_segment_and_hosts_are_never_crossed_atk_22() {
        for (pattern, name, expected) in [
            ("r.example.com/prod/**", "r.example.com/prod/a/b", true),
            ("r.example.com/prod/*", "r.example.com/prod/a", true),
            ("r.example.com/prod/*", "r.example.com/prod/a/b", false),
            ("r.example.com/prod/*", "r.example.com/prod/a:1", true),
            ("r.example.com/**", "r.example.com.evil.org/a", false),
            ("r.example.com/**", "evil.org/r.example.com/a", false),
            ("*/*", "docker.io/acme/app", true),
            ("*/*", "evil.org/app", false),
            ("*", "docker.io/library/nginx", true),
            ("nginx", "docker.io/library/nginx", true),
            ("nginx*", "docker.io/library/nginx:1", true),
            ("**", "anything.example.com/a/b:c", true),
            ("**/app", "r.example.com/x/app", true),
            ("r.example.com/a**z", "r.example.com/a/b/z", true),
            ("r.example.com/a*z", "r.example.com/a/z", false),
        ] {
            let found = ImagePattern::new(pattern).unwrap().matches(name);
            assert_eq!(found, expected, "{pattern} on {name}");
        }
        assert!(ImagePattern::new("").is_err());
        assert!(ImagePattern::new("a b").is_err());
    }

    #[test]
    fn registries_have_one_spelling_in_patterns_too_rt_7() {
        for (pattern, expected) in [
            ("r.example.com:443/prod/**", "r.example.com/prod/**"),
            ("index.docker.io/acme/*", "docker.io/acme/*"),
            ("registry-1.docker.io:443/**", "docker.io/**"),
            ("[0:0::1]:5000/**", "[::1]:5000/**"),
            ("[::FFFF:10.0.0.1]/**", "10.0.0.1/**"),
        ] {
            assert_eq!(ImagePattern::new(pattern).unwrap().as_str(), expected);
        }
        for (scope, expected) in [
            ("r.example.com:443/acme/app", "r.example.com/acme/app"),
            ("index.docker.io/acme/app", "docker.io/acme/app"),
        ] {
            assert_eq!(ImagePattern::repository(scope).unwrap().as_str(), expected);
        }
    }

    #[test]
    fn what_matches_nothing_is_no_pattern_rt_21() {
        for pattern in [
            "docker.io/nginx",
            "docker.io/*",
            "index.docker.io",
            "registry.example.com",
            "Registry.example.com/**",
            "registry.example.com:0443/**",
            "*.example.com:443/**",
            "*.Example.com/**",
            "registry.example.com./**",
            "registry.example.com/Prod/**",
            "registry.example.com/prod/",
            "registry.example.com//app",
            "registry.example.com/-*",
            "registry.example.com/app:",
            "registry.example.com/app@sha256:abc",
            "registry.example.com/app@md5:*",
            "registry.example.com/app@*@*",
            "[::1/**",
            "127.1/**",
        ] {
            assert!(ImagePattern::new(pattern).is_err(), "{pattern}");
        }
        for pattern in [
            "**",
            "*",
            "*/*",
            "**/app",
            "nginx:1.25",
            "docker.io/**",
            "docker.io/library/*",
            "docker.io/library*/**",
            "*.example.com/**",
            "*.example.*/**",
            "registry.*:*/**",
            "127.0.0.1:*/prod/**",
            "registry.example.com:5000/*:v*",
            "*:5000/app",
            "**@sha256:*",
            "registry.example.com/app@sha256:abc*",
            "registry.example.com/app:*@*",
            "registry.example.com/app@sha512:*f",
            "a*b*c*d*e*f*g*h*",
        ] {
            let found = ImagePattern::new(pattern);
            assert!(found.is_ok(), "{pattern}: {found:?}");
        }
        for scope in [
            "Registry.example.com/acme/app",
            "registry.example.com:0443/acme/app",
            "docker.io/nginx",
            "acme/app",
        ] {
            assert!(ImagePattern::repository(scope).is_err(), "{scope}");
        }
        for namespace in ["-prod", "prod-", "*-", &"a".repeat(64)] {
            assert!(NamespacePattern::new(namespace).is_err(), "{namespace}");
        }
        for namespace in ["*", "prod-*", "*-prod", "a*b", "**"] {
            assert!(NamespacePattern::new(namespace).is_ok(), "{namespace}");
        }
    }

    /// Every image is matched by the pattern that is its own name, and every name that a
    /// pattern's wildcards could be filled in for is one that the pattern matches.
    #[test]
    fn an_image_is_matched_by_its_own_name_however_it_is_spelled_adv_53() {
        let hosts = [
            "",
            "docker.io/",
            "index.docker.io:443/",
            "r.example.com:443/",
            "[0::1]:5000/",
        ];
        for host in hosts {
            for rest in ["acme/app", "acme/app:1", "a/b/c:v1.2"] {
                let text = format!("{host}{rest}");
                let image: Reference = text.parse().unwrap();
                let pattern = ImagePattern::new(&text).unwrap();
                assert!(
                    names(&image).iter().any(|name| pattern.matches(name)),
                    "{text}"
                );
                let all = ImagePattern::new(&format!("{}/**", image.repository().host())).unwrap();
                assert!(names(&image).iter().any(|name| all.matches(name)), "{text}");
            }
        }
    }

    #[test]
    fn hostile_patterns_take_linear_time() {
        let pattern = ImagePattern::new(&format!("**{}x", "a**".repeat(60))).unwrap();
        assert!(!pattern.matches(&"a".repeat(255)));
    }
}
