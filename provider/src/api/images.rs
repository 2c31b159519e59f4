//! The routes for everybody else: verdicts and evidence for a list of images.
//!
//! ```json
//! {"images": ["nginx:1.25", "registry.example.com/app"], "namespace": "prod", "policy": "release"}
//! ```
//!
//! A wrong image has `{"image": {"requested"}, "verified": false, "error": {"code", "message"}}`
//! in its place. If one image is undecided, the status is 503 and there is
//! `{"error": {"code", "message"}}` alone.

use std::borrow::Cow;

use axum::http::StatusCode;
use bytes::Bytes;
use futures::future::join_all;
use sealgate_core::json;
use serde::Deserialize;

use super::reply::{Rejection, Reply};
use super::{Api, Asking};
use crate::key::{KeyError, Question};
use crate::service::NoDecision;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImagesWire<'a> {
    #[serde(borrow)]
    images: Vec<Text<'a>>,
    #[serde(borrow, default)]
    namespace: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    policy: Option<Cow<'a, str>>,
}

/// `Cow` alone never borrows inside a list.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A request that was read.
pub(super) struct Images<'a> {
    pub(super) images: Vec<Cow<'a, str>>,
    namespace: Option<Cow<'a, str>>,
    policy: Option<Cow<'a, str>>,
}

impl<'a> Images<'a> {
    pub(super) fn parse(body: &'a [u8], most: usize) -> Result<Self, Rejection> {
        let wire: ImagesWire<'a> = json::parse(body).map_err(|error| {
            let message = format!(
                "expected {{\"images\": [\"…\"], \"namespace\"?: \"…\", \"policy\"?: \"…\"}}: {error}"
            );
            Rejection::new(StatusCode::BAD_REQUEST, "request_malformed", message)
        })?;
        if wire.images.is_empty() {
            let message = "expected at least one image, found none";
            return Err(Rejection::new(
                StatusCode::BAD_REQUEST,
                "no_images",
                message,
            ));
        }
        if wire.images.len() > most {
            return Err(Rejection::too_many(wire.images.len(), most));
        }
        Ok(Self {
            images: wire.images.into_iter().map(|Text(image)| image).collect(),
            namespace: wire.namespace,
            policy: wire.policy,
        })
    }

    pub(super) fn question(&self, image: &str) -> Result<Question, KeyError> {
        if image.is_empty() {
            return Err(KeyError::Empty);
        }
        Question::new(image, self.namespace.as_deref(), self.policy.as_deref())
    }
}

impl Api {
    /// A verdict per image, in the order of the request.
    pub(super) async fn verify(&self, asking: Asking, body: Bytes) -> Result<Reply, Rejection> {
        let request = Images::parse(&body, self.limits.keys)?;
        let read = |image: &str| request.question(image);
        let answered = self.answer_all(&asking, &request.images, read).await?;
        let verdicts = request.images.iter().map(|image| {
            let same = answered.iter().find(|one| one.key == image);
            match same.map(|one| &one.answer) {
                Some(Ok(decision)) => decision.to_json(),
                Some(Err(error)) => wrong(image, error),
                None => wrong(image, &KeyError::Empty),
            }
        });
        Ok(Reply::answered(list("verdicts", verdicts)))
    }

    /// The evidence pack of each image, in the order of the request.
    pub(super) async fn evidence(&self, asking: Asking, body: Bytes) -> Result<Reply, Rejection> {
        let request = Images::parse(&body, self.limits.keys)?;
        let fetch = async |image: &str| {
            let question = request.question(image).map_err(NoDecision::Question)?;
            self.service.evidence(&question, asking.deadline).await
        };
        let fetched = join_all(request.images.iter().map(|image| fetch(image))).await;
        let most = usize::try_from(self.limits.evidence_bytes).unwrap_or(usize::MAX);
        let mut bytes = 0usize;
        let mut packs = Vec::with_capacity(fetched.len());
        for (image, fetched) in request.images.iter().zip(fetched) {
            let pack = match fetched {
                Ok((evidence, _room)) => evidence.to_pack(),
                Err(NoDecision::Question(error)) => wrong(image, &error),
                Err(NoDecision::Undecided(cause)) => {
                    self.metrics.undecided(cause.cause());
                    let message = format!("{image:?}: {}: {cause}", cause.code());
                    return Err(Rejection::undecided(message));
                }
            };
            bytes = bytes.saturating_add(pack.len());
            if bytes > most {
                let message = format!(
                    "the evidence has more than the {most} bytes of limits.evidenceBytes: \
                     ask for fewer images at once"
                );
                let code = "evidence_too_large";
                return Err(Rejection::new(StatusCode::PAYLOAD_TOO_LARGE, code, message));
            }
            packs.push(pack);
        }
        Ok(Reply::answered(list("evidence", packs.into_iter())))
    }
}

/// `{"name":[…]}` of JSON that is written already.
fn list(name: &str, elements: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut body = format!("{{\"{name}\":[").into_bytes();
    for (index, element) in elements.enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(&element);
    }
    body.extend_from_slice(b"]}");
    body
}

fn wrong(image: &str, error: &KeyError) -> Vec<u8> {
    let json = serde_json::json!({
        "image": {"requested": image},
        "verified": false,
        "error": {"code": error.code(), "message": error.to_string()},
    });
    json.to_string().into_bytes()
}
