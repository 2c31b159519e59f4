//! Why a registry did not give what it was asked for.

use std::fmt;

/// A failed request, told so that a person knows where to look. Never holds credentials.
///
/// Cheap to clone: several waiters may share one failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryError {
    cause: Cause,
    host: String,
    asked: String,
    found: String,
}

impl RegistryError {
    /// `asked` says what was wanted of `host` (`the manifest app:1.0`), `found` what came.
    pub(crate) fn new(
        cause: Cause,
        host: impl Into<String>,
        asked: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        Self {
            cause,
            host: host.into(),
            asked: printable(&asked.to_string()),
            found: printable(&found.to_string()),
        }
    }

    /// The class of the failure.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// The stable code, for programs.
    pub fn code(&self) -> &'static str {
        self.cause.code()
    }

    /// The registry, as host and optional port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// What only whoever runs sealgate can do about it: no part of the message, which whoever deploys
    /// gets to read.
    pub fn admin_hint(&self) -> Option<&'static str> {
        self.cause.admin_hint()
    }

    /// Whether an issuer of tokens is to blame that the registry may not name any more.
    pub(crate) fn spoils_challenge(&self) -> bool {
        !matches!(
            self.cause,
            Cause::CredentialsUnavailable | Cause::DeadlineExceeded
        )
    }

    /// Whether the registry said that there is no such thing. Everything else is undecided.
    pub fn is_not_found(&self) -> bool {
        self.cause == Cause::NotFound
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cause,
            host,
            asked,
            found,
        } = self;
        write!(f, "the registry {host}, asked for {asked}: {found}")?;
        match cause.advice() {
            "" => Ok(()),
            advice => write!(f, "; {advice}"),
        }
    }
}

impl std::error::Error for RegistryError {}

/// The classes of failures. Only [`NotFound`](Cause::NotFound) says anything about the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The registry says that there is no such manifest, tag or repository (404).
    NotFound,
    /// No connection: name resolution, TCP, TLS, or a connection that broke.
    Unreachable,
    /// The host resolves to an address that is not public, and no configuration allows it.
    AddressForbidden,
    /// Authentication is needed or was refused (401).
    Unauthorized,
    /// The credentials do not suffice (403).
    Forbidden,
    /// The credentials could not be read or a credential helper failed.
    CredentialsUnavailable,
    /// The token endpoint is one that this registry may not name, or failed.
    TokenRefused,
    /// Too many requests (429).
    Throttled,
    /// The registry failed (5xx).
    ServerError,
    /// A status that the specification does not foresee.
    UnexpectedStatus,
    /// A redirect that is not followed: too many, to plain HTTP, or to nowhere.
    RedirectRefused,
    /// The time was up.
    DeadlineExceeded,
    /// Nothing of the registry's: too much else is going on here.
    Overloaded,
    /// An answer that is not what the specification says.
    Malformed,
    /// An answer with more bytes than allowed.
    TooLarge,
    /// Bytes that do not have the digest they were asked by.
    DigestMismatch,
}

impl Cause {
    /// Every cause.
    pub const ALL: &[Self] = &[
        Self::NotFound,
        Self::Unreachable,
        Self::AddressForbidden,
        Self::Unauthorized,
        Self::Forbidden,
        Self::CredentialsUnavailable,
        Self::TokenRefused,
        Self::Throttled,
        Self::ServerError,
        Self::UnexpectedStatus,
        Self::RedirectRefused,
        Self::DeadlineExceeded,
        Self::Overloaded,
        Self::Malformed,
        Self::TooLarge,
        Self::DigestMismatch,
    ];

    /// The stable snake_case spelling.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Unreachable => "registry_unreachable",
            Self::AddressForbidden => "registry_address_forbidden",
            Self::Unauthorized => "registry_unauthorized",
            Self::Forbidden => "registry_forbidden",
            Self::CredentialsUnavailable => "registry_credentials_unavailable",
            Self::TokenRefused => "registry_token_refused",
            Self::Throttled => "registry_throttled",
            Self::ServerError => "registry_error",
            Self::UnexpectedStatus => "registry_unexpected_status",
            Self::RedirectRefused => "registry_redirect_refused",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Overloaded => "overloaded",
            Self::Malformed => "registry_malformed",
            Self::TooLarge => "registry_too_large",
            Self::DigestMismatch => "digest_mismatch",
        }
    }

    /// Whether it is likely that the next request fares no better.
    pub(crate) fn is_silence(self) -> bool {
        matches!(
            self,
            Self::Unreachable | Self::Throttled | Self::ServerError | Self::DeadlineExceeded
        )
    }

    /// What whoever asks can do about it; empty if that is nothing.
    fn advice(self) -> &'static str {
        match self {
            Self::Unauthorized => "check that the image exists",
            Self::Throttled => "try again later",
            Self::ServerError | Self::UnexpectedStatus => "try again, or ask who runs the registry",
            Self::DeadlineExceeded => "try again: what arrived meanwhile is kept",
            Self::Overloaded => "try again",
            Self::NotFound
            | Self::RedirectRefused
            | Self::Unreachable
            | Self::AddressForbidden
            | Self::Forbidden
            | Self::CredentialsUnavailable
            | Self::TokenRefused
            | Self::Malformed
            | Self::TooLarge
            | Self::DigestMismatch => "",
        }
    }

    /// What only whoever runs sealgate can do about it.
    fn admin_hint(self) -> Option<&'static str> {
        match self {
            Self::Unreachable => Some(
                "check the name, the network, and plainHttp and ca of its entry under registries",
            ),
            Self::AddressForbidden => Some(
                "if this registry is yours, list its host under registries in the configuration",
            ),
            Self::Unauthorized => Some("check the credentials for exactly this host"),
            Self::Forbidden => Some("give the credentials for this host the right to pull"),
            Self::CredentialsUnavailable => Some("check the credentials configured for this host"),
            Self::TokenRefused => {
                Some("if this token endpoint is to be trusted, list it under tokenHosts")
            }
            Self::Throttled => Some("use credentials that have a higher limit"),
            Self::Malformed | Self::TooLarge | Self::DigestMismatch => {
                Some("ask who runs the registry, or what stands between it and here")
            }
            Self::NotFound
            | Self::RedirectRefused
            | Self::ServerError
            | Self::UnexpectedStatus
            | Self::DeadlineExceeded
            | Self::Overloaded => None,
        }
    }
}

/// Keeps what a stranger wrote short and free of control characters.
fn printable(text: &str) -> String {
    const MOST: usize = 400;
    let mut clean: String = text
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .take(MOST)
        .collect();
    if text.chars().nth(MOST).is_some() {
        clean.push('…');
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_snake_case() {
        for (i, cause) in Cause::ALL.iter().enumerate() {
            let code = cause.code();
            assert!(code.bytes().all(|c| c.is_ascii_lowercase() || c == b'_'));
            assert!(Cause::ALL.iter().skip(i + 1).all(|c| c.code() != code));
        }
    }

    #[test]
    fn hostile_answers_stay_short_and_printable() {
        let hostile = format!("\u{1b}[31m\n{}", "x".repeat(9999));
        let text = RegistryError::new(Cause::Malformed, "r", "x", hostile).to_string();
        assert!(text.len() < 1000 && !text.chars().any(char::is_control));
    }
}
