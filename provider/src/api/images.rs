//! The routes for everybody else: verdicts and evidence for a list of images.
//!
//! ```json
//! {"images": ["nginx:1.25", "registry.example.com/app"], "namespace": "prod", "policy": "release"}
//! ```
//!
//! A verdict that refuses its image has a `message` for whoever deploys beside what core wrote: the
//! image, what is the matter, and what to do. A wrong image has `{"image": {"requested"}, "verified":
//! false, "message", "error": {"code", "message"}}` in its place. If one image is undecided, the status
//! is 503 and there is `{"error": {"code", "message", "help", "adminHint"?}}` alone.

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::StatusCode;
use bytes::Bytes;
use futures::future::try_join_all;
use sealgate_core::json;
use serde::Deserialize;
use tokio::time::Instant;

use super::answers::{Answered, Form};
use super::reply::{Rejection, Reply};
use super::{Api, Asking, wire};
use crate::question::{KeyError, Question};
use crate::service::{Decision, NoDecision, size};
use crate::shares::Share;
use crate::words;

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

    pub(super) fn form(&self) -> Form<'_> {
        Form::Listed {
            namespace: self.namespace.as_deref(),
            policy: self.policy.as_deref(),
        }
    }
}

impl Api {
    /// A verdict per image, in the order of the request.
    pub(super) async fn verify(&self, asking: Asking, body: Bytes) -> Result<Reply, Rejection> {
        let request = Images::parse(&body, self.limits.keys)?;
        let answered = self
            .answer_all(&asking, &request.images, request.form())
            .await?;
        let same = |image: &str| answered.iter().find(|one| one.key == image);
        // What is asked twice is answered twice.
        let sizes = request.images.iter().filter_map(|image| same(image));
        let room = self.room(sizes.map(Answered::size).sum(), asking.deadline);
        let room = room.await?;
        let verdicts =
            request
                .images
                .iter()
                .map(|image| match same(image).map(|one| &one.answer) {
                    Some(Ok(decision)) => told(decision),
                    Some(Err(error)) => wrong(image, error),
                    None => wrong(image, &KeyError::Empty),
                });
        Ok(Reply::held(list("verdicts", verdicts), room))
    }

    /// The evidence pack of each image, in the order of the request.
    ///
    /// Room for each pack is made before it is written, and counts until it is sent.
    pub(super) async fn evidence(&self, asking: Asking, body: Bytes) -> Result<Reply, Rejection> {
        let request = Images::parse(&body, self.limits.keys)?;
        let _place = self.places.try_acquire().map_err(|_| Rejection::shed())?;
        let written = AtomicUsize::new(0);
        let packs = request.images.iter().map(async |image| {
            let question = match request.form().question(image) {
                Ok(question) => question,
                Err(error) => return Ok((wrong(image, &error), None)),
            };
            match self.pack(&question, &written, asking.deadline).await? {
                Ok((pack, share)) => Ok((pack, Some(share))),
                Err(NoDecision::Question(error)) => Ok((wrong(image, &error), None)),
                Err(NoDecision::Undecided(cause)) => {
                    self.metrics.undecided(cause.cause().code());
                    let message = format!("{image:?}: {}: {cause}", cause.code());
                    Err(Rejection::undecided(&message, &[cause]))
                }
            }
        });
        let (packs, shares): (Vec<_>, Vec<_>) = try_join_all(packs).await?.into_iter().unzip();
        let shares = shares.into_iter().flatten().collect();
        Ok(Reply::held(list("evidence", packs.into_iter()), shares))
    }

    /// Fetches the evidence and writes it, unless the packs of this request get too large.
    async fn pack(
        &self,
        question: &Question,
        written: &AtomicUsize,
        deadline: Instant,
    ) -> Result<Result<(Vec<u8>, Share), NoDecision>, Rejection> {
        let (evidence, rooms) = match self.service.evidence(question, deadline).await {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        let bytes = size(&evidence) / 3 * 4;
        let before = written.fetch_add(bytes, Ordering::Relaxed);
        let most = usize::try_from(self.limits.evidence_bytes).unwrap_or(usize::MAX);
        if before.saturating_add(bytes) > most {
            let message = format!(
                "the evidence has more than the {most} bytes of limits.evidenceBytes: \
                 ask for fewer images at once"
            );
            let code = "evidence_too_large";
            return Err(Rejection::new(StatusCode::PAYLOAD_TOO_LARGE, code, message));
        }
        let share = self.share(bytes, deadline).await?;
        let pack = self.service.pack(question, evidence, rooms).await;
        Ok(pack.map(|pack| (pack, share)).map_err(NoDecision::from))
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

/// A verdict, and if it refuses its image, what to say.
fn told(decision: &Decision) -> Vec<u8> {
    let mut json = decision.to_json();
    if let Some(message) = &decision.judged.message {
        json.pop();
        json.extend_from_slice(b",\"message\":");
        wire::write_string(&mut json, message);
        json.push(b'}');
    }
    json
}

fn wrong(image: &str, error: &KeyError) -> Vec<u8> {
    let json = serde_json::json!({
        "image": {"requested": image},
        "verified": false,
        "message": words::wrong_key(image, error.code(), &error.to_string()),
        "error": {"code": error.code(), "message": error.to_string()},
    });
    json.to_string().into_bytes()
}
