//! The token of a request (RFC 6750, section 2.1).

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use sealgate_core::Digest;

use super::Refusal;

/// A token. It is a secret: there is no `Debug`, and only a review gets to see it.
pub(super) struct Bearer(String);

impl Bearer {
    /// The token of a request with these headers.
    ///
    /// Not checked: whether anybody knows it.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let not_bearer = |found| Refusal::NotBearer { found };
        let mut values = headers.get_all(AUTHORIZATION).into_iter();
        let value = values.next().ok_or(Refusal::NoToken)?;
        if values.next().is_some() {
            return Err(not_bearer("several"));
        }
        let value = value
            .to_str()
            .map_err(|_| not_bearer("bytes beyond ASCII"))?;
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(not_bearer("another scheme"));
        }
        let token = token.trim_matches(' ');
        if token.is_empty() {
            return Err(not_bearer("an empty token"));
        }
        if !token.bytes().all(is_token) {
            return Err(not_bearer("characters that no token has"));
        }
        Ok(Self(token.to_owned()))
    }

    /// What it is known by.
    pub(super) fn digest(&self) -> Digest {
        Digest::sha256(self.0.as_bytes())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

/// `b64token` of the RFC.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(values: &[&str]) -> Result<String, Refusal> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(
                AUTHORIZATION,
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        Bearer::of(&headers).map(|bearer| bearer.0)
    }

    #[test]
    fn a_megabyte_of_separators_costs_little_adv_23() {
        let began = std::time::Instant::now();
        let long = 1 << 20;
        assert_eq!(
            read(&[&format!("Bearer {}", ".".repeat(long))])
                .unwrap()
                .len(),
            long
        );
        let spaces = format!("Bearer{}", " ".repeat(long));
        let found = "an empty token";
        assert_eq!(read(&[&spaces]), Err(Refusal::NotBearer { found }));
        let parts = format!("Bearer {}", "a ".repeat(long / 2));
        assert!(read(&[&parts]).is_err());
        let took = began.elapsed();
        assert!(took < std::time::Duration::from_secs(20), "{took:?}");
    }

    #[test]
    fn exactly_one_token_is_read() {
        assert_eq!(read(&["Bearer a.b-c_d"]).unwrap(), "a.b-c_d");
        assert_eq!(read(&["bearer  a="]).unwrap(), "a=");
        assert_eq!(read(&[]), Err(Refusal::NoToken));
        for (values, found) in [
            (&["Bearer a", "Bearer b"][..], "several"),
            (&["Basic YTpi"], "another scheme"),
            (&["Bearer"], "an empty token"),
            (&["Bearer  "], "an empty token"),
            (&["Bearer a b"], "characters that no token has"),
            (&["Bearer a\u{e9}"], "bytes beyond ASCII"),
        ] {
            assert_eq!(
                read(values),
                Err(Refusal::NotBearer { found }),
                "{values:?}"
            );
        }
    }
}
