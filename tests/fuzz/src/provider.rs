//! What the provider reads: requests, configuration, and what registries and their helpers say.

use std::path::Path;

use http::{HeaderMap, HeaderValue, header};
use sealgate::Question;
use sealgate::config::Config;
use sealgate_core::{Digest, Reference, UnixTime};

/// A registry's `WWW-Authenticate`, one header a line.
pub(crate) fn challenge(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(header::WWW_AUTHENTICATE, value);
        }
    }
    if let Some(realm) = sealgate::internals::challenge(&headers).flatten() {
        assert!(
            realm.len() <= data.len(),
            "a realm out of nowhere: {realm:?}"
        );
    }
}

/// Docker's `config.json`.
pub(crate) fn docker_config(data: &[u8]) {
    for name in ["registry.example.com/team/app", "docker.io/library/nginx"] {
        let reference: Reference = name.parse().unwrap();
        if let Err(why) = sealgate::internals::docker_config(data, reference.repository()) {
            // The message must not quote what may be a secret.
            let secret = b"hunter2-is-a-secret";
            let quotes = why
                .as_bytes()
                .windows(secret.len())
                .any(|part| part == secret);
            assert!(!quotes, "a secret in a message: {why}");
        }
    }
}

/// An image reference, and everything that has one in it: keys, digests, times.
pub(crate) fn reference(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    if let Ok(reference) = text.parse::<Reference>() {
        reads_back(&reference);
        let again = reference.to_string();
        let twice: Reference = again.parse().unwrap();
        assert_eq!(again, twice.to_string(), "printed twice, two spellings");
    }
    if let Ok(digest) = text.parse::<Digest>() {
        reads_back(&digest);
    }
    if let Ok(time) = text.parse::<UnixTime>() {
        reads_back(&time);
    }
    for policy in [None, Some("prod")] {
        if let Ok(question) = Question::from_key(text, policy) {
            reads_back(&question.reference);
            if let Some(policy) = policy {
                assert_eq!(question.request.policy.as_deref(), Some(policy));
            }
        }
    }
}

fn reads_back<T>(value: &T)
where
    T: std::fmt::Display + std::fmt::Debug + std::str::FromStr + PartialEq,
    T::Err: std::fmt::Debug,
{
    let printed = value.to_string();
    let read: T = printed.parse().expect("what is printed reads back");
    assert_eq!(&read, value, "{printed:?}");
}

/// The bodies of the routes.
pub(crate) fn request(data: &[u8]) {
    sealgate::internals::requests(data);
}

/// The configuration of `serve`.
pub(crate) fn config(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let file = Path::new("/etc/sealgate/config.yaml");
    if let Ok(config) = Config::parse(text, file) {
        let printed = config.to_yaml();
        match Config::parse(&printed, file) {
            Ok(read) => assert_eq!(read.to_yaml(), printed, "printed twice, two texts"),
            Err(error) => panic!("what is printed does not read back: {error}\n{printed}"),
        }
    }
}
