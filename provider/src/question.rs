//! Keys: what a caller asks about.
//!
//! ```text
//! IMAGE                 nginx:1.25, registry.example.com:5000/app@sha256:…
//! [NAMESPACE]IMAGE      [prod]registry.example.com/app
//! JSON                  {"image": "nginx", "namespace": "prod", "policy": "release"}
//! ```
//!
//! An image may begin with an IPv6 host in brackets; a namespace has no colon. For mutation
//! a key is a field of somebody's object, and so only the first form is read there.

use std::borrow::Cow;

use sealgate_core::evidence::Request;
use sealgate_core::json;
use sealgate_core::reference::{Reference, ReferenceError};
use serde::Deserialize;

/// The most bytes of a key that are looked at.
const MAX_BYTES: usize = 4096;

/// What is asked about one image: parsed, and ready to be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The question as core sees it; its image is as the caller wrote it.
    pub request: Request,
    /// The image, normalised.
    pub reference: Reference,
}

impl Question {
    /// Reads a key. `policy` is the policy that the route names, if it does: it judges images
    /// beyond its scope, too. One that the key names must cover the image.
    ///
    /// Not checked: whether the policy exists.
    ///
    /// # Errors
    /// If it is none of the three forms, or names another policy than the route.
    pub fn from_key(key: &str, policy: Option<&str>) -> Result<Self, KeyError> {
        check_length(key)?;
        let parts = Parts::split(key)?;
        let beyond_scope = policy.is_some();
        let policy = match (policy, parts.policy) {
            (Some(route), Some(own)) if route != own => {
                return Err(KeyError::TwoPolicies(route.to_owned(), own.into_owned()));
            }
            (Some(route), _) => Some(route.to_owned()),
            (None, own) => own.map(Cow::into_owned),
        };
        let mut question = Self::new(&parts.image, parts.namespace.as_deref(), policy.as_deref())?;
        question.request.beyond_scope = beyond_scope;
        Ok(question)
    }

    /// Reads a key that is an image and nothing else: where keys are fields of objects that
    /// anybody may write, a key must not choose its namespace or policy.
    ///
    /// # Errors
    /// If it is not an image, or has one of the longer forms.
    pub fn from_image(key: &str) -> Result<Self, KeyError> {
        check_length(key)?;
        Self::new(key, None, None).map_err(|error| match key.starts_with(['{', '[']) {
            true => KeyError::NotPlain(shorten(key)),
            false => error,
        })
    }

    /// A question about an image.
    ///
    /// # Errors
    /// If the image or the namespace is none.
    pub fn new(
        image: &str,
        namespace: Option<&str>,
        policy: Option<&str>,
    ) -> Result<Self, KeyError> {
        if let Some(namespace) = namespace.filter(|name| !is_namespace(name)) {
            return Err(KeyError::Namespace(shorten(namespace)));
        }
        let reference = image.parse().map_err(|error| KeyError::Image {
            image: shorten(image),
            error,
        })?;
        Ok(Self {
            request: Request {
                image: image.to_owned(),
                namespace: namespace.map(str::to_owned),
                policy: policy.map(str::to_owned),
                beyond_scope: false,
            },
            reference,
        })
    }
}

/// Why a key cannot be asked about. Permanent: asking again does not help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The empty text.
    #[error("the key is empty: expected an image, such as registry.example.com/app:1.0")]
    Empty,
    /// Longer than any image name.
    #[error("the key has {0} bytes, more than the {MAX_BYTES} allowed")]
    TooLong(usize),
    /// Not an image reference.
    #[error("{image:?} is not an image: {error}")]
    Image {
        /// What was there, shortened.
        image: String,
        /// What is wrong with it.
        error: ReferenceError,
    },
    /// More than an image, where keys are images alone.
    #[error("expected an image name alone, without namespace or policy, found {0:?}")]
    NotPlain(String),
    /// Not the name of a namespace.
    #[error("expected a Kubernetes namespace, found {0:?}")]
    Namespace(String),
    /// A JSON object of another shape.
    #[error("expected {{\"image\", \"namespace\"?, \"policy\"?}}: {0}")]
    Json(String),
    /// The route and the key name different policies.
    #[error("the URL asks for the policy {0:?}, the key for {1:?}")]
    TwoPolicies(String, String),
    /// The policy does not exist.
    #[error("there is no policy named {0:?}")]
    UnknownPolicy(String),
    /// The registry says that there is no such image.
    #[error("the registry has no image {0}")]
    ImageNotFound(String),
}

impl KeyError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "key_empty",
            Self::TooLong(_) => "key_too_long",
            Self::Image { .. } | Self::NotPlain(_) => "image_unparsable",
            Self::Namespace(_) => "namespace_invalid",
            Self::Json(_) => "key_json_invalid",
            Self::TwoPolicies(..) => "policy_conflict",
            Self::UnknownPolicy(_) => "policy_unknown",
            Self::ImageNotFound(_) => "image_not_found",
        }
    }
}

fn check_length(key: &str) -> Result<(), KeyError> {
    match key.len() {
        0 => Err(KeyError::Empty),
        1..=MAX_BYTES => Ok(()),
        bytes => Err(KeyError::TooLong(bytes)),
    }
}

/// The three forms, taken apart.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts<'a> {
    #[serde(borrow)]
    image: Cow<'a, str>,
    #[serde(borrow, default)]
    namespace: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    policy: Option<Cow<'a, str>>,
}

impl<'a> Parts<'a> {
    fn split(key: &'a str) -> Result<Self, KeyError> {
        if key.starts_with('{') {
            return json::parse(key.as_bytes()).map_err(|e| KeyError::Json(e.to_string()));
        }
        let (namespace, image) = match key.strip_prefix('[').and_then(|k| k.split_once(']')) {
            Some((namespace, image)) if !namespace.contains(':') => (Some(namespace), image),
            _ => (None, key),
        };
        Ok(Self {
            image: image.into(),
            namespace: namespace.map(Cow::from),
            policy: None,
        })
    }
}

/// A DNS label (RFC 1123), as Kubernetes demands.
fn is_namespace(text: &str) -> bool {
    let alphanumeric = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && bytes.first().copied().is_some_and(alphanumeric)
        && bytes.last().copied().is_some_and(alphanumeric)
        && bytes.iter().all(|c| alphanumeric(*c) || *c == b'-')
}

/// Keeps hostile text out of messages beyond what helps a reader.
fn shorten(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(key: &str) -> (String, Option<String>, Option<String>) {
        let question = Question::from_key(key, None).unwrap();
        let request = question.request;
        (
            question.reference.to_string(),
            request.namespace,
            request.policy,
        )
    }

    #[test]
    fn the_three_forms_are_read() {
        let nginx = "docker.io/library/nginx:latest".to_owned();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read("nginx"), (nginx.clone(), None, None));
        assert_eq!(read("[prod]nginx"), (nginx.clone(), some("prod"), None));
        assert_eq!(
            read(r#"{"image": "nginx", "namespace": "prod", "policy": "release"}"#),
            (nginx, some("prod"), some("release"))
        );
        assert_eq!(
            read("[::1]:5000/app"),
            ("[::1]:5000/app:latest".to_owned(), None, None)
        );
        assert_eq!(
            read("[prod][::1]:5000/app"),
            ("[::1]:5000/app:latest".to_owned(), some("prod"), None)
        );
    }

    #[test]
    fn wrong_keys_say_why() {
        let long = "a".repeat(5000);
        for (key, code) in [
            ("", "key_empty"),
            (long.as_str(), "key_too_long"),
            ("nginx\u{7}", "image_unparsable"),
            ("UPPER", "image_unparsable"),
            ("[]nginx", "namespace_invalid"),
            ("[Prod]nginx", "namespace_invalid"),
            ("[prod]", "image_unparsable"),
            ("{}", "key_json_invalid"),
            (r#"{"image": "nginx", "namspace": "x"}"#, "key_json_invalid"),
            (r#"{"image": "a", "image": "b"}"#, "key_json_invalid"),
            (r#"{"image": "nginx"} trailing"#, "key_json_invalid"),
        ] {
            assert_eq!(
                Question::from_key(key, None).unwrap_err().code(),
                code,
                "{key}"
            );
        }
    }

    #[test]
    fn where_keys_are_images_alone_nothing_else_is_read_rt_11() {
        for image in ["nginx", "[::1]:5000/app", "r.example.com/app:1"] {
            let question = Question::from_image(image).unwrap();
            assert_eq!(question.request.image, image);
            assert_eq!(question.request.policy, None);
        }
        for key in [
            r#"{"image":"nginx","policy":"lax"}"#,
            r#"{"image":"nginx"}"#,
            "[kube-system]nginx",
            "[kube-system][::1]:5000/app",
            "{",
            "[",
        ] {
            let error = Question::from_image(key).unwrap_err();
            assert!(matches!(error, KeyError::NotPlain(_)), "{key}: {error}");
            assert_eq!(error.code(), "image_unparsable");
        }
        assert_eq!(Question::from_image("").unwrap_err().code(), "key_empty");
    }

    #[test]
    fn only_the_route_takes_a_policy_beyond_its_scope_rt_6() {
        let key = r#"{"image": "nginx", "policy": "strict"}"#;
        let beyond = |key, route| Question::from_key(key, route).unwrap().request.beyond_scope;
        assert!(!beyond("nginx", None));
        assert!(!beyond(key, None));
        assert!(beyond("nginx", Some("strict")));
        assert!(beyond(key, Some("strict")));
    }

    #[test]
    fn a_key_cannot_escape_the_policy_of_the_route() {
        let key = r#"{"image": "nginx", "policy": "lax"}"#;
        let error = Question::from_key(key, Some("strict")).unwrap_err();
        assert_eq!(error.code(), "policy_conflict");
        let question = Question::from_key("nginx", Some("strict")).unwrap();
        assert_eq!(question.request.policy.as_deref(), Some("strict"));
    }
}
