//! What a request asks for, and the record of it.

use std::fmt;

use http::{HeaderMap, Method, header, request::Parts};

/// A class of requests, for [`Rule`](super::Rule)s and for the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// `/v2/`, the check for the API's version.
    Base,
    /// `/token`, where bearer tokens are issued.
    Token,
    /// `/v2/NAME/manifests/TAG`.
    ManifestByTag,
    /// `/v2/NAME/manifests/DIGEST`.
    ManifestByDigest,
    /// `/v2/NAME/blobs/DIGEST`.
    Blob,
    /// `/v2/NAME/blobs/uploads/…`.
    Upload,
    /// `/v2/NAME/tags/list`.
    Tags,
    /// `/v2/NAME/referrers/DIGEST`.
    Referrers,
    /// Anything else.
    Other,
}

/// One request as the registry received it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedRequest {
    /// The HTTP method.
    pub method: Method,
    /// Path and query, as sent.
    pub target: String,
    /// The class of the request.
    pub route: Route,
    /// The `Host` header.
    pub host: String,
    /// The `Authorization` header, whole: only test credentials ever arrive here.
    pub authorization: Option<String>,
}

impl RecordedRequest {
    /// Whether the client sent credentials of any kind.
    pub fn had_authorization(&self) -> bool {
        self.authorization.is_some()
    }
}

/// `GET /v2/app/manifests/latest`, the form tests compare with.
impl fmt::Display for RecordedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.target)
    }
}

/// What the path addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Base,
    Token,
    Manifest {
        repository: String,
        reference: String,
    },
    Blob {
        repository: String,
        digest: String,
    },
    Uploads {
        repository: String,
    },
    Upload {
        repository: String,
        id: String,
    },
    Tags {
        repository: String,
    },
    Referrers {
        repository: String,
        digest: String,
    },
    Other,
}

impl Endpoint {
    pub(crate) fn parse(path: &str) -> Self {
        if path == "/token" {
            return Self::Token;
        }
        let Some(rest) = path.strip_prefix("/v2") else {
            return Self::Other;
        };
        if rest.is_empty() || rest == "/" {
            return Self::Base;
        }
        let segments: Vec<&str> = rest.trim_start_matches('/').split('/').collect();
        let (name, endpoint): (_, fn(String, &str) -> Self) = match segments.as_slice() {
            [name @ .., "blobs", "uploads"] | [name @ .., "blobs", "uploads", ""] => {
                (name, |repository, _| Self::Uploads { repository })
            }
            [name @ .., "blobs", "uploads", _] => (name, |repository, last| Self::Upload {
                repository,
                id: last.into(),
            }),
            [name @ .., "blobs", _] => (name, |repository, last| Self::Blob {
                repository,
                digest: last.into(),
            }),
            [name @ .., "manifests", _] => (name, |repository, last| Self::Manifest {
                repository,
                reference: last.into(),
            }),
            [name @ .., "referrers", _] => (name, |repository, last| Self::Referrers {
                repository,
                digest: last.into(),
            }),
            [name @ .., "tags", "list"] => (name, |repository, _| Self::Tags { repository }),
            _ => return Self::Other,
        };
        let last = segments.last().copied().unwrap_or_default();
        if name.iter().all(|part| is_name_component(part)) && !name.is_empty() {
            endpoint(name.join("/"), last)
        } else {
            Self::Other
        }
    }

    pub(crate) fn route(&self) -> Route {
        match self {
            Self::Base => Route::Base,
            Self::Token => Route::Token,
            Self::Manifest { reference, .. } if is_digest(reference) => Route::ManifestByDigest,
            Self::Manifest { .. } => Route::ManifestByTag,
            Self::Blob { .. } => Route::Blob,
            Self::Uploads { .. } | Self::Upload { .. } => Route::Upload,
            Self::Tags { .. } => Route::Tags,
            Self::Referrers { .. } => Route::Referrers,
            Self::Other => Route::Other,
        }
    }

    pub(crate) fn repository(&self) -> Option<&str> {
        match self {
            Self::Manifest { repository, .. }
            | Self::Blob { repository, .. }
            | Self::Uploads { repository }
            | Self::Upload { repository, .. }
            | Self::Tags { repository }
            | Self::Referrers { repository, .. } => Some(repository),
            Self::Base | Self::Token | Self::Other => None,
        }
    }
}

/// A request without its body.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) endpoint: Endpoint,
    pub(crate) headers: HeaderMap,
    query: Vec<(String, String)>,
}

impl Call {
    pub(crate) fn new(parts: Parts) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        let target = parts
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str())
            .to_owned();
        Self {
            target,
            endpoint: Endpoint::parse(parts.uri.path()),
            query: url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            method: parts.method,
            headers: parts.headers,
        }
    }

    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The first value of a query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.queries(name).next()
    }

    /// All values of a query parameter.
    pub(crate) fn queries(&self, name: &str) -> impl Iterator<Item = &str> {
        self.parameters()
            .filter(move |(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// All parameters of the query, decoded.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.query
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn record(&self) -> RecordedRequest {
        RecordedRequest {
            method: self.method.clone(),
            target: self.target.clone(),
            route: self.endpoint.route(),
            host: self.header(header::HOST).unwrap_or_default().to_owned(),
            authorization: self.header(header::AUTHORIZATION).map(str::to_owned),
        }
    }
}

/// Whether `reference` is a digest rather than a tag: a tag has no colon.
pub(crate) fn is_digest(reference: &str) -> bool {
    reference.contains(':')
}

/// One component of a repository's name. The specification's expression also fixes where
/// separators may stand; that is not checked.
fn is_name_component(component: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    component.starts_with(|c: char| c.is_ascii_alphanumeric()) && component.chars().all(allowed)
}
