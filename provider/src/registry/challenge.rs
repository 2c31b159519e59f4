//! The `WWW-Authenticate` header (RFC 9110 section 11.6.1), as far as registries use it.

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

/// How a registry wants to be shown credentials. What it names is not trusted yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// A user name and a password with every request.
    Basic,
    /// A token, from elsewhere (distribution, "Token Authentication Specification").
    Bearer {
        /// Where tokens are issued.
        realm: String,
        /// The registry's name there.
        service: Option<String>,
    },
}

impl Challenge {
    /// The bytes of all that it names.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Basic => 0,
            Self::Bearer { realm, service } => {
                realm.len() + service.as_ref().map_or(0, String::len)
            }
        }
    }

    /// The strongest challenge that can be met: a token before a password.
    pub(crate) fn read(headers: &HeaderMap) -> Option<Self> {
        let mut basic = None;
        for value in headers.get_all(WWW_AUTHENTICATE) {
            for challenge in challenges(value.to_str().unwrap_or_default()) {
                match challenge {
                    Self::Bearer { .. } => return Some(challenge),
                    Self::Basic => basic = Some(challenge),
                }
            }
        }
        basic
    }
}

fn challenges(mut rest: &str) -> Vec<Challenge> {
    let mut found = Vec::new();
    let mut scheme = "";
    let mut parameters: Vec<(&str, String)> = Vec::new();
    while let Some((word, after)) = word(rest) {
        if let Some(after) = after.strip_prefix('=') {
            let (value, after) = value(after);
            parameters.push((word, value));
            rest = after;
        } else {
            found.extend(challenge(scheme, &parameters));
            (scheme, rest) = (word, after);
            parameters.clear();
        }
    }
    found.extend(challenge(scheme, &parameters));
    found
}

fn challenge(scheme: &str, parameters: &[(&str, String)]) -> Option<Challenge> {
    let get = |name: &str| {
        let mut named = parameters
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value.clone())
    };
    if scheme.eq_ignore_ascii_case("basic") {
        Some(Challenge::Basic)
    } else if scheme.eq_ignore_ascii_case("bearer") {
        Some(Challenge::Bearer {
            realm: get("realm")?,
            service: get("service"),
        })
    } else {
        None
    }
}

/// The next word, past separators, and what follows it.
fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches([' ', '\t', ',']);
    let end = text.find([' ', '\t', ',', '=', '"']).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// A quoted or bare value, and what follows it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(letters.next().map(|(_, escaped)| escaped)),
            letter => value.push(letter),
        }
    }
    (value, "")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, value.parse().unwrap());
        }
        Challenge::read(&headers)
    }

    fn bearer(realm: &str, service: Option<&str>) -> Option<Challenge> {
        Some(Challenge::Bearer {
            realm: realm.into(),
            service: service.map(Into::into),
        })
    }

    #[test]
    fn what_registries_send_is_understood() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        let expected = bearer("https://auth.docker.io/token", Some("registry.docker.io"));
        assert_eq!(read(&[hub]), expected);
        assert_eq!(
            read(&["bearer realm=https://r/t"]),
            bearer("https://r/t", None)
        );
        assert_eq!(read(&[r#"Basic realm="x, y=z""#]), Some(Challenge::Basic));
        assert_eq!(read(&["Basic"]), Some(Challenge::Basic));
        let both = r#"Basic realm="r", Bearer realm="https://r/\"t",service=s"#;
        assert_eq!(read(&[both]), bearer("https://r/\"t", Some("s")));
        assert_eq!(read(&["Basic realm=r", hub]), expected);
    }

    #[test]
    fn a_megabyte_of_separators_costs_little_adv_23() {
        let began = std::time::Instant::now();
        for separator in [
            ",", "=", " ", "\"", "\\", "\\\"", "a=,", "Bearer ", "a=\"\",",
        ] {
            let text = separator.repeat((1 << 20) / separator.len());
            for value in [
                text.clone(),
                format!("Bearer {text}"),
                format!("Bearer realm=\"{text}"),
            ] {
                // Whether it is one does not matter, but what it takes.
                drop(read(&[&value]));
            }
        }
        let took = began.elapsed();
        assert!(took < std::time::Duration::from_secs(20), "{took:?}");
    }

    #[test]
    fn anything_else_is_no_challenge() {
        for odd in [
            "",
            ",,,",
            "Negotiate",
            "Bearer service=\"s\"",
            "=\"",
            "\"",
            "realm=\"https://r\"",
            "Digest realm=\"Bearer realm=x\"",
        ] {
            assert_eq!(read(&[odd]), None, "{odd}");
        }
        assert_eq!(read(&[]), None);
    }
}
