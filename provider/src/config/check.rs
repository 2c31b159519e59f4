//! What must hold between the fields of a configuration.

use std::collections::BTreeSet;
use std::time::Duration;

use sealgate_core::reference::RegistryHost;

use super::yaml::Step;
use super::{ClientAuth, Config, Listener, TokenReview};

/// Something that does not fit together.
pub(super) struct Wrong {
    /// The field.
    pub(super) at: Vec<Step>,
    /// What is wrong, and what to do.
    pub(super) message: String,
}

/// Everything that does not fit together.
pub(super) fn check(config: &Config) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    if config.listeners.is_empty() {
        wrong.push(at(["listeners"], "expected at least one listener"));
    }
    for (index, listener) in config.listeners.iter().enumerate() {
        check_listener(index, listener, &mut wrong);
        if let Some(review) = &listener.token_review {
            check_token_review(index, listener, review, &mut wrong);
        }
    }
    check_trust_roots(config, &mut wrong);
    check_registries(config, &mut wrong);
    check_timeouts(config, &mut wrong);
    check_sizes(config, &mut wrong);
    wrong
}

fn check_listener(index: usize, listener: &Listener, wrong: &mut Vec<Wrong>) {
    let mut push = |field: &str, message: &str| {
        wrong.push(Wrong {
            at: vec![key("listeners"), Step::Index(index), key(field)],
            message: message.to_owned(),
        });
    };
    if listener.client_auth != ClientAuth::None && listener.client_ca.is_none() {
        push(
            "clientCa",
            "clientAuth asks for client certificates: name the file of their certificate \
             authority here, or set clientAuth: none",
        );
    }
    if listener.client_auth == ClientAuth::None && !listener.client_names.is_empty() {
        push(
            "clientNames",
            "clientAuth is none, so no client can be recognised by its name: \
             set clientAuth: required",
        );
    }
    for name in &listener.client_names {
        if rustls_pki_types::DnsName::try_from(name.as_str()).is_err() {
            push(
                "clientNames",
                &format!("expected DNS names, found {name:?}"),
            );
        }
    }
}

fn check_token_review(
    index: usize,
    listener: &Listener,
    review: &TokenReview,
    wrong: &mut Vec<Wrong>,
) {
    let mut push = |field: Option<&str>, message: String| {
        let path = ["listeners", "tokenReview"].map(key);
        let [listeners, token_review] = path;
        let steps = [listeners, Step::Index(index), token_review];
        wrong.push(Wrong {
            at: steps.into_iter().chain(field.map(key)).collect(),
            message,
        });
    };
    if listener.client_auth != ClientAuth::None {
        push(
            None,
            "a listener asks either for certificates or for tokens: set clientAuth: none here, \
             and give the other callers a listener of their own"
                .to_owned(),
        );
    }
    for (field, values) in [("audiences", &review.audiences), ("users", &review.users)] {
        if values.is_empty() || values.iter().any(String::is_empty) {
            push(
                Some(field),
                "expected at least one, and none that is empty".to_owned(),
            );
        }
    }
    if let Some(server) = &review.api_server {
        let url = url::Url::parse(server).ok();
        let fits = |url: &url::Url| url.scheme() == "https" && url.host().is_some();
        if !url.as_ref().is_some_and(fits) {
            push(
                Some("apiServer"),
                format!("expected https://HOST:PORT, found {server:?}"),
            );
        }
    }
    if review.timeout.is_zero() {
        push(Some("timeout"), "expected more than 0s".to_owned());
    }
}

fn check_trust_roots(config: &Config, wrong: &mut Vec<Wrong>) {
    let mut seen = BTreeSet::new();
    for (index, root) in config.trust_roots.iter().enumerate() {
        if !seen.insert(&root.name) {
            wrong.push(Wrong {
                at: vec![key("trustRoots"), Step::Index(index), key("name")],
                message: format!("there is already a trust root named {:?}", root.name),
            });
        }
    }
}

fn check_registries(config: &Config, wrong: &mut Vec<Wrong>) {
    let (mut seen, mut hosts) = (BTreeSet::new(), BTreeSet::new());
    for (index, registry) in config.registries.iter().enumerate() {
        let mut push = |field: &str, message: String| {
            wrong.push(Wrong {
                at: vec![key("registries"), Step::Index(index), key(field)],
                message,
            });
        };
        let written = &registry.host;
        let host = match written.parse::<RegistryHost>() {
            Ok(host) => host.to_string(),
            Err(_) => {
                let message =
                    format!("expected a host such as registry.example.com:5000, found {written:?}");
                push("host", message);
                continue;
            }
        };
        if registry.plain_http && written.ends_with(":443") && !host.ends_with(":443") {
            push(
                "plainHttp",
                format!("{written:?} means TLS: without it the usual port is 80, as {host:?}"),
            );
        }
        // Without TLS, port 80 is the usual one.
        let place = match registry.plain_http {
            true => host.strip_suffix(":80").unwrap_or(&host),
            false => &host,
        };
        if !seen.insert((place.to_owned(), registry.plain_http)) || !hosts.insert(host.clone()) {
            push("host", format!("{written:?} is listed twice"));
        }
        if registry.plain_http && registry.ca.is_some() {
            push(
                "ca",
                "plainHttp is on, so no certificate is checked".to_owned(),
            );
        }
    }
}

fn check_timeouts(config: &Config, wrong: &mut Vec<Wrong>) {
    let timeouts = &config.timeouts;
    for (field, value) in [
        ("request", timeouts.request),
        ("fetch", timeouts.fetch),
        ("hesitation", timeouts.hesitation),
        ("silence", timeouts.silence),
        ("handshake", timeouts.handshake),
        ("idle", timeouts.idle),
    ] {
        if value.is_zero() {
            wrong.push(at(["timeouts", field], "expected more than 0s"));
        }
    }
    if timeouts.fetch < timeouts.request {
        wrong.push(at(
            ["timeouts", "fetch"],
            "expected at least timeouts.request: fetching goes on after a caller has left",
        ));
    }
    if timeouts.idle < timeouts.request {
        wrong.push(at(
            ["timeouts", "idle"],
            "expected at least timeouts.request",
        ));
    }
    if timeouts.drain < timeouts.request {
        wrong.push(at(
            ["timeouts", "drain"],
            "expected at least timeouts.request, or shutdown cuts off running requests",
        ));
    }
    if config.reload_every < Duration::from_millis(10) {
        wrong.push(at(["reloadEvery"], "expected at least 10ms"));
    }
}

fn check_sizes(config: &Config, wrong: &mut Vec<Wrong>) {
    let limits = &config.limits;
    for (field, value) in [
        ("keys", limits.keys),
        ("connections", limits.connections),
        ("connectionsPerAddress", limits.connections_per_address),
        ("requests", limits.requests),
        ("fetches", limits.fetches),
        ("waiting", limits.waiting),
        ("requestsPerHost", limits.requests_per_host),
    ] {
        if value == 0 {
            wrong.push(at(["limits", field], "expected more than 0"));
        }
    }
    if limits.image_bytes > limits.fetch_bytes {
        wrong.push(at(
            ["limits", "imageBytes"],
            "expected at most limits.fetchBytes, or no such image can ever be fetched",
        ));
    }
    if limits.body_bytes == 0 {
        wrong.push(at(["limits", "bodyBytes"], "expected more than 0"));
    }
    if limits.body_bytes > limits.bodies_bytes {
        wrong.push(at(
            ["limits", "bodyBytes"],
            "expected at most limits.bodiesBytes, or no such body can ever be read",
        ));
    }
    check_memory(config, wrong);
    let cache = &config.cache;
    if !cache.stale.is_zero() && cache.stale < cache.allow {
        wrong.push(at(
            ["cache", "stale"],
            "expected 0s, or at least cache.allow: a younger verdict is not stale",
        ));
    }
}

/// The sum of all bounds must fit the memory there is.
fn check_memory(config: &Config, wrong: &mut Vec<Wrong>) {
    const MIB: u64 = 1 << 20;
    let parts = config.memory();
    let sum = parts
        .iter()
        .fold(0u64, |sum, (_, part)| sum.saturating_add(*part));
    let memory = config.limits.memory;
    if sum > memory {
        let parts = parts
            .iter()
            .map(|(name, bytes)| format!("{} MiB {name}", bytes.div_ceil(MIB)));
        let parts = parts.collect::<Vec<_>>().join(", ");
        let message = format!(
            "expected at least the {} MiB that may come to be used ({parts}), found {} MiB: make \
             it more, and the container's limit with it, or the others less",
            sum.div_ceil(MIB),
            memory / MIB
        );
        wrong.push(at(["limits", "memory"], &message));
    }
}

fn at<const N: usize>(path: [&str; N], message: &str) -> Wrong {
    Wrong {
        at: path.into_iter().map(key).collect(),
        message: message.to_owned(),
    }
}

fn key(name: &str) -> Step {
    Step::Key(name.to_owned())
}
