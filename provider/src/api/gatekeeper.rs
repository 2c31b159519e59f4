//! Gatekeeper's routes: validation and mutation.

use std::borrow::Cow;

use axum::http::StatusCode;
use bytes::Bytes;
use sealgate_core::verdict::Outcome;

use super::answers::{Answered, Form};
use super::reply::{Rejection, Reply};
use super::wire::{self, Item, ProviderRequest};
use super::{Api, Asking};

impl Api {
    /// A verdict per key.
    pub(super) async fn validate(&self, asking: Asking, body: Bytes) -> Result<Reply, Rejection> {
        let policy = asking.policy.clone();
        let form = Form::Key(policy.as_deref());
        self.provide(asking, body, false, form, |answered| {
            match &answered.answer {
                Ok(decision) => Item::Verdict(decision),
                Err(error) => Item::wrong(error),
            }
        })
        .await
    }

    /// The image with its digest per key.
    ///
    /// Only images that may run are pinned, so that what was verified is what runs. An image
    /// that no policy covers is refused, or passes **unchanged** if `noMatchPolicy` lets such
    /// images in: nothing was verified about it. Keys are image names alone: Gatekeeper takes them
    /// from the object, whose author must not choose the namespace or the policy.
    pub(super) async fn mutate(&self, asking: Asking, body: Bytes) -> Result<Reply, Rejection> {
        self.provide(asking, body, true, Form::Image, pinned).await
    }

    pub(super) async fn provide(
        &self,
        asking: Asking,
        body: Bytes,
        idempotent: bool,
        form: Form<'_>,
        item: impl for<'b> Fn(&'b Answered<'b>) -> Item<'b>,
    ) -> Result<Reply, Rejection> {
        let request = ProviderRequest::parse(&body).map_err(|error| {
            let code = "request_malformed";
            Rejection::new(StatusCode::BAD_REQUEST, code, error.to_string())
        })?;
        let keys = &request.keys;
        if keys.len() > self.limits.keys {
            return Err(Rejection::too_many(keys.len(), self.limits.keys));
        }
        let answered = self.answer_all(&asking, keys, form).await?;
        let sizes = answered.iter().map(|one| match idempotent {
            // The name of an image.
            true => 0,
            false => one.size(),
        });
        let room = self.room(sizes.sum(), asking.deadline).await?;
        let items = answered.iter().map(|one| (one.key, item(one)));
        Ok(Reply::held(wire::items(idempotent, items), room))
    }
}

fn pinned<'a>(answered: &'a Answered<'_>) -> Item<'a> {
    let decision = match &answered.answer {
        Ok(decision) => decision,
        Err(error) => return Item::wrong(error),
    };
    let judged = &decision.judged;
    // The mutating webhook comes first: where it refuses, the constraint says nothing.
    let image: &str = match (judged.verified, judged.outcome) {
        (true, Outcome::NotCovered) => &answered.image,
        (true, _) => &judged.reference,
        (false, _) => {
            let why = judged.message.clone();
            return Item::Error(why.unwrap_or_default());
        }
    };
    let mut json = Vec::with_capacity(image.len() + 2);
    wire::write_string(&mut json, image);
    Item::Value(Cow::Owned(json))
}
