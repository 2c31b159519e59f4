//! Timeouts, cache lifetimes and sizes, and limits.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::units;

/// How long things may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Timeouts {
    /// One request, from its first byte to the answer. Keep it below `spec.timeout` of
    /// Gatekeeper's Provider, and that within the webhook's 3 s.
    #[serde(with = "units::duration")]
    pub request: Duration,
    /// Finding and fetching what belongs to one image. It goes on after the caller has
    /// left, so that the retry finds the answer.
    #[serde(with = "units::duration")]
    pub fetch: Duration,
    /// A registry that has sent nothing for so long is asked once more, on another
    /// connection.
    #[serde(with = "units::duration")]
    pub hesitation: Duration,
    /// A registry that has sent nothing for so long has failed.
    #[serde(with = "units::duration")]
    pub silence: Duration,
    /// How long a connection of which nothing is known may keep us waiting: for its TLS handshake (1 s
    /// of it while more than half of the places are taken), from then on for a first request whose
    /// sender may ask, however often it asks in vain, and, of any connection, to take some of an answer.
    #[serde(with = "units::duration")]
    pub handshake: Duration,
    /// A connection without a complete request header, idle or slow on purpose, after a request was
    /// admitted on it.
    /// Gatekeeper closes its own idle connections after 90 s.
    #[serde(with = "units::duration")]
    pub idle: Duration,
    /// On shutdown: the time between becoming unready and closing the listeners.
    #[serde(with = "units::duration")]
    pub shutdown_delay: Duration,
    /// On shutdown: the time that running requests get.
    #[serde(with = "units::duration")]
    pub drain: Duration,
}

/// How long answers are kept, and how many bytes of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Cache {
    /// How long a tag is taken to name the same image.
    #[serde(with = "units::duration")]
    pub tag: Duration,
    /// How long a verdict that lets an image in is kept, from when its evidence was fetched;
    /// never beyond its `validUntil`, nor a change of policies or trust material.
    #[serde(with = "units::duration")]
    pub allow: Duration,
    /// How long a verdict that refuses an image is kept. Short: it may get signed.
    #[serde(with = "units::duration")]
    pub deny: Duration,
    /// Up to which age a verdict is still given out, marked stale, while the registry
    /// cannot be asked. 0s: never.
    #[serde(with = "units::duration")]
    pub stale: Duration,
    /// Bytes of verdicts.
    #[serde(with = "units::bytes")]
    pub verdict_bytes: u64,
    /// Bytes of evidence.
    #[serde(with = "units::bytes")]
    pub evidence_bytes: u64,
    /// Bytes of tag lookups.
    #[serde(with = "units::bytes")]
    pub tag_bytes: u64,
}

/// How much is too much.
///
/// What is bounded in bytes here and in [`Cache`] must fit `memory`, which in turn is what the
/// container may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of memory that all of it fits. Keep it within what the container may have.
    #[serde(with = "units::bytes")]
    pub memory: u64,
    /// Keys (images) of one request.
    pub keys: usize,
    /// Bytes of the body of one request.
    #[serde(with = "units::bytes")]
    pub body_bytes: u64,
    /// Bytes of the bodies of all requests at once, but for those of up to 8 KiB, which count with
    /// the heads.
    #[serde(with = "units::bytes")]
    pub bodies_bytes: u64,
    /// Bytes of evidence packs in one answer of `/v1/evidence`, or of verdicts in one of the other
    /// routes, and in all answers at once.
    #[serde(with = "units::bytes")]
    pub evidence_bytes: u64,
    /// Connections of one listener. When there are as many, the one that has been idle longest is
    /// closed for the next; those on which nothing was admitted yet go first.
    pub connections: usize,
    /// Of these, connections from one address. No use of fewer than `requests`, where all callers
    /// have one address.
    pub connections_per_address: usize,
    /// Requests that are answered at once; one more is refused at once.
    pub requests: usize,
    /// Images that are fetched at once; of one registry no more than a quarter, of registries
    /// that are not known yet no more than half.
    pub fetches: usize,
    /// Images that wait to be fetched, no longer than `timeouts.request`; of one more than that
    /// the youngest of the longest queue is undecided at once.
    pub waiting: usize,
    /// Requests to one registry at once.
    pub requests_per_host: usize,
    /// Bytes of all blobs that are fetched beside one image.
    #[serde(with = "units::bytes")]
    pub image_bytes: u64,
    /// Bytes of registries' answers that are held at once, until there is a verdict; of one
    /// registry no more than a quarter, or what one image takes.
    #[serde(with = "units::bytes")]
    pub fetch_bytes: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(2),
            fetch: Duration::from_secs(30),
            hesitation: Duration::from_secs(1),
            silence: Duration::from_secs(5),
            handshake: Duration::from_secs(5),
            idle: Duration::from_secs(120),
            shutdown_delay: Duration::ZERO,
            drain: Duration::from_secs(10),
        }
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            tag: Duration::from_secs(15),
            allow: Duration::from_secs(15 * 60),
            deny: Duration::from_secs(15),
            stale: Duration::from_secs(3600),
            verdict_bytes: 144 << 20,
            evidence_bytes: 48 << 20,
            tag_bytes: 16 << 20,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 1 << 30,
            keys: 500,
            body_bytes: 1 << 20,
            bodies_bytes: 32 << 20,
            evidence_bytes: 64 << 20,
            connections: 1024,
            connections_per_address: 512,
            requests: 512,
            fetches: 256,
            waiting: 2048,
            requests_per_host: 64,
            image_bytes: 40 << 20,
            fetch_bytes: 160 << 20,
        }
    }
}
