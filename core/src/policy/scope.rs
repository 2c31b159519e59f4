//! Which images and namespaces a policy covers.

use crate::evidence::{Request, Subject};

/// The images and namespaces that a policy covers.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Patterns of images; never empty. One that matches suffices.
    pub images: Vec<ImagePattern>,
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
        let repository = subject.reference.repository().to_string();
        let digest = subject.digest();
        let mut names = vec![format!("{repository}@{digest}")];
        if let Some(tag) = subject.reference.tag() {
            names.push(format!("{repository}:{tag}"));
            names.push(format!("{repository}:{tag}@{digest}"));
        }
        names.push(repository);
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
#[error("expected a pattern of {alphabet} and '*', found {found:?}")]
pub struct PatternError {
    alphabet: &'static str,
    found: String,
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
    /// host is one of Docker Hub.
    ///
    /// # Errors
    /// If it is empty or has characters that image names and patterns do not have.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_:/*.@[]".contains(c);
        if text.is_empty() || !text.chars().all(allowed) {
            return Err(PatternError {
                alphabet: "letters, digits, '-', '_', '.', '/', ':', '@'",
                found: text.to_owned(),
            });
        }
        Ok(Self(qualify(text)))
    }

    /// The pattern that matches every image.
    pub fn any() -> Self {
        Self("**".to_owned())
    }

    /// The pattern of one repository, as `registry.example.com/acme/app`, taken as it is.
    ///
    /// # Errors
    /// If it is no fully qualified repository, or has a wildcard.
    pub fn repository(name: &str) -> Result<Self, RepositoryPatternError> {
        let label = |c: char| c.is_ascii_alphanumeric() || "-.:".contains(c);
        let component = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._".contains(c);
        match name.split_once('/') {
            Some((host, path))
                if !host.is_empty()
                    && host.chars().all(label)
                    && path
                        .split('/')
                        .all(|part| !part.is_empty() && part.chars().all(component)) =>
            {
                Ok(Self(name.to_owned()))
            }
            _ => Err(RepositoryPatternError(name.chars().take(200).collect())),
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
    /// If it is empty or has characters that namespaces and patterns do not have.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let allowed =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '*';
        if text.is_empty() || !text.chars().all(allowed) {
            return Err(PatternError {
                alphabet: "lower-case letters, digits, '-'",
                found: text.to_owned(),
            });
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether the whole of `name` matches.
    pub fn matches(&self, name: &str) -> bool {
        glob(self.0.as_bytes(), name.as_bytes(), b'/')
    }
}

/// Adds Docker Hub to a pattern without a host.
fn qualify(text: &str) -> String {
    if text.starts_with("**") {
        return text.to_owned();
    }
    match text.split_once('/') {
        None => format!("docker.io/library/{text}"),
        Some(("index.docker.io", rest)) => format!("docker.io/{rest}"),
        Some((first, _)) if first == "localhost" || first.contains(['.', ':']) => text.to_owned(),
        // `*/app` could mean any host; as in ClusterImagePolicy it does not.
        Some(_) => format!("docker.io/{text}"),
    }
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
    fn stars_stay_in_their_segment_and_hosts_are_never_crossed() {
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
    fn hostile_patterns_take_linear_time() {
        let pattern = ImagePattern::new(&format!("**{}x", "a**".repeat(100))).unwrap();
        assert!(!pattern.matches(&"a".repeat(255)));
    }
}
