//! Why a refresh failed.

use std::path::PathBuf;
use std::string::FromUtf8Error;
use std::time::Duration;

use reqwest::StatusCode;
use sealgate_core::json::JsonError;
use sealgate_core::trust::RootError;
use sigstore_tuf::Error;
use url::Url;

use super::document::DocumentError;
use crate::net::causes::with_causes;
use crate::net::client::SetupError;
use crate::net::pem::PemError;

/// A refresh that failed; what was trusted before stays in force.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct TufError {
    cause: Cause,
    message: String,
}

/// Why a refresh failed, as metrics, logs and `sealgate trust update` name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// No connection, or it broke.
    Unreachable,
    /// The repository answered with an error, or a redirect, which is not followed.
    Refused,
    /// The repository lacks a file that it must have.
    Incomplete,
    /// More bytes than the role, or the metadata, allow.
    TooLarge,
    /// Not done in time.
    Deadline,
    /// Not what TUF metadata look like, a threshold of 0, or keys that cannot be used.
    Malformed,
    /// Not signed by enough of those who must.
    Signatures,
    /// An older version than one that was trusted before.
    Rollback,
    /// A new root that does not follow the trusted one.
    RootVersion,
    /// Metadata that ended: the repository is not maintained, or somebody shows an old one.
    Expired,
    /// Length, hash or version differ from what the metadata above them say.
    Integrity,
    /// The metadata do not list the target.
    NotListed,
    /// The target is no trust root.
    Unusable,
}

impl Cause {
    /// A stable name.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "repository_unreachable",
            Self::Refused => "repository_refused",
            Self::Incomplete => "repository_incomplete",
            Self::TooLarge => "repository_too_large",
            Self::Deadline => "deadline_exceeded",
            Self::Malformed => "metadata_malformed",
            Self::Signatures => "signature_threshold_not_met",
            Self::Rollback => "metadata_rollback",
            Self::RootVersion => "root_version_wrong",
            Self::Expired => "metadata_expired",
            Self::Integrity => "integrity_mismatch",
            Self::NotListed => "target_not_listed",
            Self::Unusable => "target_unusable",
        }
    }

    /// Whether the repository could not be read, so that nothing is known about it.
    pub fn is_unavailable(self) -> bool {
        matches!(
            self,
            Self::Unreachable | Self::Refused | Self::Incomplete | Self::Deadline
        )
    }
}

impl TufError {
    /// Why.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    pub(super) fn deadline(timeout: Duration) -> Self {
        Self {
            cause: Cause::Deadline,
            message: format!("not done within {timeout:?}"),
        }
    }

    pub(super) fn unusable(target: &str, error: &RootError) -> Self {
        Self {
            cause: Cause::Unusable,
            message: format!("the target {target} is not a trust root: {error}"),
        }
    }
}

impl From<Error> for TufError {
    fn from(error: Error) -> Self {
        Self {
            cause: cause(&error),
            message: with_causes(&error),
        }
    }
}

fn cause(error: &Error) -> Cause {
    match error {
        Error::ThresholdNotMet { .. } | Error::DuplicateSignature { .. } => Cause::Signatures,
        Error::Rollback { .. } | Error::EqualVersion { .. } => Cause::Rollback,
        Error::BadRootVersion { .. } => Cause::RootVersion,
        Error::Expired { .. } => Cause::Expired,
        Error::IntegrityMismatch(_) => Cause::Integrity,
        Error::TargetNotFound(_) => Cause::NotListed,
        Error::Transport { source, .. } => source
            .as_deref()
            .and_then(|source| source.downcast_ref::<FetchError>())
            .map_or(Cause::Incomplete, FetchError::cause),
        _ => Cause::Malformed,
    }
}

/// Why a file could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("{at}: {why}")]
    Unreachable { at: String, why: String },
    #[error("{at}: expected 200 or 404, found {status}")]
    Status { at: String, status: StatusCode },
    #[error("{at}: more than the {most} bytes allowed")]
    TooLarge { at: String, most: u64 },
    #[error("not a name that a file of a repository may have: {0:?}")]
    Name(String),
    #[error("{name}: {why}")]
    Document { name: String, why: DocumentError },
}

impl FetchError {
    fn cause(&self) -> Cause {
        match self {
            Self::Unreachable { .. } => Cause::Unreachable,
            Self::Status { .. } => Cause::Refused,
            Self::TooLarge { .. } => Cause::TooLarge,
            Self::Name(_) | Self::Document { .. } => Cause::Malformed,
        }
    }
}

/// Why a root from TUF cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("the trust root {name:?}: {problem}")]
pub struct TufSetupError {
    pub(super) name: String,
    pub(super) problem: SetupProblem,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum SetupProblem {
    #[error("{}: cannot be read: {error}", file.display())]
    Unreadable {
        file: PathBuf,
        error: std::io::Error,
    },
    #[error("{file}: expected a root.json to begin with: {error}")]
    InitialRoot { file: String, error: TufError },
    #[error("{file}: expected a root.json to begin with: {error}")]
    InitialRootDocument { file: String, error: DocumentError },
    #[error("there is no initial root.json for it")]
    NoInitialRoot,
    #[error(transparent)]
    Mirror(Box<MirrorError>),
}

/// Why a repository cannot be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum MirrorError {
    #[error("{0} is no path of this machine")]
    NoPath(Url),
    #[error("{}: {error}", file.display())]
    Authorities { file: PathBuf, error: PemError },
    #[error(transparent)]
    Client(#[from] SetupError),
}

/// Why what is kept cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", file.display())]
pub(super) struct CacheError {
    pub(super) file: PathBuf,
    pub(super) problem: CacheProblem,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum CacheProblem {
    #[error(transparent)]
    File(#[from] std::io::Error),
    #[error(transparent)]
    Text(#[from] FromUtf8Error),
    #[error(transparent)]
    Json(#[from] JsonError),
    #[error("expected schemaVersion 1, found {0}")]
    Version(u32),
    #[error("{name}: {error}")]
    Base64 {
        name: String,
        error: base64::DecodeError,
    },
    #[error("{name}: {error}")]
    Document { name: String, error: DocumentError },
}
