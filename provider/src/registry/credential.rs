//! What proves to a registry who asks.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use sealgate_core::Digest;

/// What proves to a registry who asks.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credential {
    /// A user name and a password.
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: String,
    },
    /// An OAuth 2 refresh token, to be exchanged for a bearer token.
    IdentityToken(String),
    /// A bearer token for the registry itself.
    RegistryToken(String),
}

impl Credential {
    /// A user name and a password.
    pub fn basic(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self::Basic {
            username: username.into(),
            password: password.into(),
        }
    }

    /// Tells one credential from another, without being one.
    pub(crate) fn fingerprint(&self) -> Digest {
        let text = match self {
            Self::Basic { username, password } => format!("basic\0{username}\0{password}"),
            Self::IdentityToken(token) => format!("identity\0{token}"),
            Self::RegistryToken(token) => format!("registry\0{token}"),
        };
        Digest::sha256(text.as_bytes())
    }

    /// The `Authorization` header that shows it at once; none for an identity token.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        match self {
            Self::Basic { username, password } => {
                let pair = STANDARD.encode(format!("{username}:{password}"));
                secret_header(&format!("Basic {pair}"))
            }
            Self::RegistryToken(token) => secret_header(&format!("Bearer {token}")),
            Self::IdentityToken(_) => None,
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic { .. } => "Credential(basic)",
            Self::IdentityToken(_) => "Credential(identity token)",
            Self::RegistryToken(_) => "Credential(registry token)",
        })
    }
}

/// A header that is not shown in logs; none if it holds characters that no header may have.
pub(crate) fn secret_header(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_shown() {
        for secret in [
            Credential::basic("user", "hunter2"),
            Credential::IdentityToken("hunter2".into()),
            Credential::RegistryToken("hunter2".into()),
        ] {
            let shown = format!("{secret:?} {:?} {}", secret.header(), secret.fingerprint());
            assert!(
                !shown.contains("hunter2") && !shown.contains("aHVudGVy"),
                "{shown}"
            );
        }
    }

    #[test]
    fn a_password_with_a_line_break_makes_no_second_header() {
        assert_eq!(secret_header("Bearer x\r\nHost: evil"), None);
    }
}
