//! Sigstore trust roots: from a file, or from a TUF repository that renews them.

use std::path::PathBuf;
use std::time::Duration;

use sealgate_core::trust::SigstoreRoot;
use serde::{Deserialize, Serialize};
use sigstore_trust_root::SigstoreInstance;
use url::Url;

use super::units;

/// What the target is called in Sigstore's own repositories.
const TARGET: &str = "trusted_root.json";
/// Timestamps of Sigstore's repositories are signed anew at least every three days.
const REFRESH_EVERY: Duration = Duration::from_secs(6 * 3600);
const SHORTEST_REFRESH: Duration = Duration::from_secs(60);
const TIMEOUT: Duration = Duration::from_secs(60);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(600);

/// A named Sigstore trust root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "TrustRootWire", into = "TrustRootWire")]
pub struct TrustRoot {
    /// The name by which policies call it.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a trust root comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A `trusted_root.json`, or a ClientTrustConfig.
    File(PathBuf),
    /// A TUF repository.
    Tuf(Box<Tuf>),
}

/// A TUF repository with a trust root in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tuf {
    /// Where the repository, or a mirror of it, is: `https`, `file`, or `http` if
    /// [`Self::danger_plain_http`]. Metadata are directly below, targets below `targets/`.
    pub url: Url,
    /// The `root.json` that trust begins with; absent: the one that comes with sealgate for
    /// the built-in of this name.
    pub root: Option<PathBuf>,
    /// The target that is the trust root.
    pub target: String,
    /// Its certificate authorities, PEM, instead of the public ones.
    pub ca: Option<PathBuf>,
    /// How often it is asked.
    pub refresh_every: Duration,
    /// How long one refresh may take in all.
    pub timeout: Duration,
    /// Whether it may be asked without TLS. Its metadata are signed, but whoever is between
    /// can withhold news until they expire.
    pub danger_plain_http: bool,
    /// A `trusted_root.json` that serves until the first refresh; absent: the built-in one
    /// of this name, if there is one.
    pub until_refreshed: Option<PathBuf>,
}

/// A TUF repository as it is written: everything has a default for the built-in roots.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct TufWire {
    pub(crate) url: Option<String>,
    pub(crate) root: Option<PathBuf>,
    pub(crate) target: Option<String>,
    pub(crate) ca: Option<PathBuf>,
    #[serde(with = "units::optional_duration")]
    pub(crate) refresh_every: Option<Duration>,
    #[serde(with = "units::optional_duration")]
    pub(crate) timeout: Option<Duration>,
    pub(crate) danger_plain_http: bool,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TrustRootWire {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tuf: Option<TufWire>,
}

/// Why a trust root that somebody wrote down cannot be meant.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrustRootError {
    #[error("expected file: or tuf: for the trust root {0:?}, found neither")]
    NoOrigin(String),
    #[error("{what}: expected letters, digits, '-', '_' and '.', found {found:?}")]
    FileName { what: &'static str, found: String },
    #[error(
        "tuf.url is missing: {0:?} is not one of the built-in {built_in:?}, whose repositories \
         are known",
        built_in = SigstoreRoot::BUILT_IN
    )]
    NoUrl(String),
    #[error(
        "tuf.root is missing: {0:?} is not built in, so name the root.json that trust begins with"
    )]
    NoRoot(String),
    #[error("tuf.refreshEvery: expected 1m or more")]
    RefreshEvery,
    #[error("tuf.timeout: expected more than 0s, and 10m or less")]
    Timeout,
    #[error("tuf.url: expected a URL such as https://tuf.example.com, found {found:?}: {error}")]
    Url {
        found: String,
        error: url::ParseError,
    },
    #[error("tuf.url: {0} is not protected by TLS: use https, or set dangerPlainHttp: true")]
    PlainHttp(String),
    #[error("tuf.url: expected https or file, found the scheme {0:?}")]
    Scheme(String),
    #[error("tuf.url: expected no user, query or fragment")]
    NotPlain,
    #[error("tuf.ca: no certificate is checked without https")]
    CaWithoutHttps,
}

impl TrustRoot {
    /// A root that is read from a file.
    pub fn file(name: impl Into<String>, file: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            origin: Origin::File(file.into()),
        }
    }

    /// The file that is read for it, if there is one.
    pub fn local_file(&self) -> Option<&PathBuf> {
        match &self.origin {
            Origin::File(file) => Some(file),
            Origin::Tuf(tuf) => tuf.until_refreshed.as_ref(),
        }
    }

    /// Its repository, if it comes from one.
    pub fn tuf(&self) -> Option<&Tuf> {
        match &self.origin {
            Origin::File(_) => None,
            Origin::Tuf(tuf) => Some(tuf),
        }
    }

    /// Every path, to be made absolute.
    pub(super) fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        match &mut self.origin {
            Origin::File(file) => vec![file],
            Origin::Tuf(tuf) => {
                let Tuf {
                    root,
                    ca,
                    until_refreshed,
                    ..
                } = tuf.as_mut();
                root.iter_mut().chain(ca).chain(until_refreshed).collect()
            }
        }
    }
}

impl Tuf {
    /// Fills in what the built-in instance of this name is known to have, and checks the rest.
    pub(crate) fn new(name: &str, wire: TufWire) -> Result<Self, TrustRootError> {
        check_file_name("the name of a trust root from TUF", name)?;
        let instance = built_in(name);
        let url = match (&wire.url, instance) {
            (Some(url), _) => url.as_str(),
            (None, Some(instance)) => instance.tuf_url(),
            (None, None) => {
                return Err(TrustRootError::NoUrl(name.to_owned()));
            }
        };
        if wire.root.is_none() && instance.is_none() {
            return Err(TrustRootError::NoRoot(name.to_owned()));
        }
        let url = repository_url(url, &wire)?;
        let target = wire.target.unwrap_or_else(|| TARGET.to_owned());
        for segment in target.split('/') {
            check_file_name("tuf.target", segment)?;
        }
        let refresh_every = wire.refresh_every.unwrap_or(REFRESH_EVERY);
        if refresh_every < SHORTEST_REFRESH {
            return Err(TrustRootError::RefreshEvery);
        }
        let timeout = wire.timeout.unwrap_or(TIMEOUT);
        if timeout.is_zero() || timeout > LONGEST_TIMEOUT {
            return Err(TrustRootError::Timeout);
        }
        Ok(Self {
            url,
            target,
            refresh_every,
            timeout,
            root: wire.root,
            ca: wire.ca,
            danger_plain_http: wire.danger_plain_http,
            until_refreshed: None,
        })
    }
}

impl TryFrom<TrustRootWire> for TrustRoot {
    type Error = TrustRootError;

    fn try_from(wire: TrustRootWire) -> Result<Self, Self::Error> {
        let origin = match (wire.file, wire.tuf) {
            (Some(file), None) => Origin::File(file),
            (file, Some(tuf)) => Origin::Tuf(Box::new(Tuf {
                until_refreshed: file,
                ..Tuf::new(&wire.name, tuf)?
            })),
            (None, None) => {
                return Err(TrustRootError::NoOrigin(wire.name));
            }
        };
        Ok(Self {
            name: wire.name,
            origin,
        })
    }
}

impl From<TrustRoot> for TrustRootWire {
    fn from(root: TrustRoot) -> Self {
        let file = root.local_file().cloned();
        let tuf = match root.origin {
            Origin::File(_) => None,
            Origin::Tuf(tuf) => Some(TufWire::from(*tuf)),
        };
        Self {
            name: root.name,
            file,
            tuf,
        }
    }
}

impl From<Tuf> for TufWire {
    fn from(tuf: Tuf) -> Self {
        Self {
            url: Some(tuf.url.into()),
            root: tuf.root,
            target: Some(tuf.target),
            ca: tuf.ca,
            refresh_every: Some(tuf.refresh_every),
            timeout: Some(tuf.timeout),
            danger_plain_http: tuf.danger_plain_http,
        }
    }
}

/// The instance that a built-in root belongs to.
pub(crate) fn built_in(name: &str) -> Option<SigstoreInstance> {
    match name {
        "public-good" => Some(SigstoreInstance::PublicGood),
        "staging" => Some(SigstoreInstance::Staging),
        "github" => Some(SigstoreInstance::GitHub),
        _ => None,
    }
}

fn repository_url(text: &str, wire: &TufWire) -> Result<Url, TrustRootError> {
    let mut url = Url::parse(text).map_err(|error| TrustRootError::Url {
        found: text.to_owned(),
        error,
    })?;
    match url.scheme() {
        "https" | "file" => {}
        "http" if wire.danger_plain_http => {}
        "http" => {
            return Err(TrustRootError::PlainHttp(text.to_owned()));
        }
        other => {
            return Err(TrustRootError::Scheme(other.to_owned()));
        }
    }
    if wire.ca.is_some() && url.scheme() != "https" {
        return Err(TrustRootError::CaWithoutHttps);
    }
    let plain = url.query().is_none() && url.fragment().is_none();
    if !plain || !url.username().is_empty() || url.password().is_some() {
        return Err(TrustRootError::NotPlain);
    }
    // Files are looked for below it.
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// Such a name becomes the name of a file.
fn check_file_name(what: &'static str, name: &str) -> Result<(), TrustRootError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.starts_with('.') || !name.chars().all(allowed) {
        let found = name.to_owned();
        return Err(TrustRootError::FileName { what, found });
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::config::print;
    use crate::config::yaml::{Document, Finding};

    fn read(yaml: &str) -> Result<TrustRoot, String> {
        let document = Document::parse(yaml).unwrap();
        document
            .read()
            .map_err(|findings: Vec<Finding>| findings[0].message.clone())
    }

    #[test]
    fn a_built_in_root_needs_no_more_than_its_name() {
        for name in SigstoreRoot::BUILT_IN {
            let root = read(&format!("{{name: {name}, tuf: {{}}}}")).unwrap();
            let tuf = root.tuf().unwrap();
            assert_eq!(tuf.url.scheme(), "https");
            assert_eq!((tuf.root.as_ref(), tuf.target.as_str()), (None, TARGET));
            let written = print::to_yaml(&root);
            assert_eq!(read(&written).unwrap(), root, "{written}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (yaml, expected) in [
            ("{name: corp}", "found neither"),
            ("{name: corp, tuf: {root: r.json}}", "tuf.url is missing"),
            (
                "{name: corp, tuf: {url: 'https://t.example'}}",
                "tuf.root is missing",
            ),
            (
                "{name: github, tuf: {url: 'http://t.example'}}",
                "dangerPlainHttp",
            ),
            (
                "{name: github, tuf: {url: 'ftp://t.example'}}",
                "expected https or file",
            ),
            (
                "{name: github, tuf: {url: 'https://u:p@t.example'}}",
                "expected no user",
            ),
            (
                "{name: github, tuf: {url: 'file:///m', ca: c.pem}}",
                "tuf.ca",
            ),
            ("{name: github, tuf: {target: ../x}}", "tuf.target"),
            (
                "{name: ../x, tuf: {url: 'https://t.example', root: r}}",
                "trust root from TUF",
            ),
            (
                "{name: github, tuf: {refreshEvery: 1s}}",
                "tuf.refreshEvery",
            ),
            ("{name: github, tuf: {timeout: 0s}}", "tuf.timeout"),
            ("{name: github, tuf: {mirror: x}}", "unknown field"),
        ] {
            let error = read(yaml).unwrap_err();
            assert!(error.contains(expected), "{yaml}: {error}");
        }
    }
}
