//! Why a caller gets no answer. No token is ever part of it.

use axum::http::StatusCode;

/// Why a caller gets no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// There is no token.
    #[error("expected the header `Authorization: Bearer TOKEN`, found none")]
    NoToken,
    /// The header is something else.
    #[error("expected one header `Authorization: Bearer TOKEN`, found {found}")]
    NotBearer {
        /// What is there instead.
        found: &'static str,
    },
    /// The API server does not know the token, or not for these audiences.
    #[error(
        "the API server does not accept the token for the audiences {audiences:?} of \
         tokenReview.audiences: it has expired, is forged, or was made for another audience"
    )]
    NotAuthenticated {
        /// The audiences of which it must have one.
        audiences: Vec<String>,
    },
    /// The token is good, but the API server does not say for which of the audiences.
    #[error(
        "the token is for the audiences {found:?}, expected one of {audiences:?} \
         (tokenReview.audiences)"
    )]
    Audience {
        /// The audiences of which it must have one.
        audiences: Vec<String>,
        /// The audiences that the API server names.
        found: Vec<String>,
    },
    /// The token is somebody else's.
    #[error("the token is of {user:?}, who is not one of tokenReview.users")]
    User {
        /// Whose it is.
        user: String,
    },
    /// It is not known whose the token is.
    #[error("the caller's token could not be reviewed: {0}")]
    Unreviewed(#[from] ReviewError),
}

/// Why a token could not be reviewed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReviewError {
    /// Our own token cannot be read.
    #[error("our own token cannot be read from tokenReview.tokenFile: {0}")]
    OwnToken(String),
    /// The API server cannot be reached, or breaks off.
    #[error("the API server cannot be asked: {0}")]
    Unreachable(String),
    /// The API server does not answer in time.
    #[error("the API server did not answer within tokenReview.timeout")]
    Deadline,
    /// The API server refuses to review.
    #[error("the API server answered {0}: {hint}", hint = hint(*.0))]
    Status(StatusCode),
    /// The API server's answer is no TokenReview.
    #[error("the API server's answer is no TokenReview: {0}")]
    Malformed(String),
    /// Too many reviews at once.
    #[error("too many tokens are being reviewed at once: try again")]
    Busy,
    /// A defect of this program.
    #[error("a defect of sealgate, which its log describes")]
    Crashed,
}

impl Refusal {
    /// The stable code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::NoToken => "token_missing",
            Self::NotBearer { .. } => "token_malformed",
            Self::NotAuthenticated { .. } => "token_not_authenticated",
            Self::Audience { .. } => "token_wrong_audience",
            Self::User { .. } => "token_user_not_allowed",
            Self::Unreviewed(_) => "token_not_reviewed",
        }
    }
}

fn hint(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "it does not know our own token (tokenReview.tokenFile)",
        StatusCode::FORBIDDEN => {
            "our account may not create TokenReviews: bind it to the ClusterRole \
             system:auth-delegator"
        }
        _ => "expected 201 and a TokenReview",
    }
}
