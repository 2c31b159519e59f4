//! Reads the body of a request within bounds of bytes and time.

use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use super::reply::Rejection;
use crate::config::Limits;
use crate::config::memory::HEAD_BYTES;
use crate::shares::{Bounds, Crowded, Party, Share, Shares};

/// How much of a body that is too large is read and thrown away, so that the client gets
/// the answer instead of a broken connection.
const DISCARDED: usize = 32 << 20;

/// What bytes of bodies are counted in.
const UNIT: usize = 1 << 10;
/// Bodies up to this size need no room of their own.
const HEAD: usize = HEAD_BYTES as usize;
/// Bodies up to this size never wait behind larger ones.
const SMALL: usize = 64 << 10;
/// Bodies that wait for room in memory.
const MOST_WAITING: usize = 8192;

/// Room in memory for the bodies of all requests.
pub(super) struct Bodies {
    room: Arc<Shares>,
    /// All callers are one party: they were let in.
    callers: Party,
    /// The most bytes of one.
    most: u64,
}

impl Bodies {
    pub(super) fn new(limits: &Limits) -> Self {
        let units = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX) / UNIT;
        let total = units(limits.bodies_bytes).max(1);
        let large = (total - total / 8).max(units(limits.body_bytes)).min(total);
        Self {
            room: Shares::new(Bounds {
                total,
                share: total,
                strangers: total,
                small: SMALL / UNIT,
                large: (large, large),
                waiting: MOST_WAITING,
            }),
            callers: Party::known("callers"),
            most: limits.body_bytes,
        }
    }

    /// Reads a body until `deadline`, once there is room for it: as much as it says it has. What is no
    /// larger than a head has its room with the heads.
    pub(super) async fn read(
        &self,
        body: Body,
        deadline: Instant,
    ) -> Result<(Bytes, Option<Share>), Rejection> {
        let most = usize::try_from(self.most).unwrap_or(usize::MAX);
        let length = match body.size_hint().exact() {
            None => most,
            // It is thrown away.
            Some(length) if length > self.most => 0,
            Some(length) => usize::try_from(length).unwrap_or(most),
        };
        let room = match length <= HEAD {
            true => None,
            false => {
                let units = length.div_ceil(UNIT);
                let room = Box::pin(self.room.take(&self.callers, units, deadline));
                Some(room.await.map_err(|Crowded| Rejection::no_room())?)
            }
        };
        Ok((read(body, self.most, deadline).await?, room))
    }
}

/// Reads a body of at most `most` bytes, until `deadline`.
pub(super) async fn read(body: Body, most: u64, deadline: Instant) -> Result<Bytes, Rejection> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    match timeout_at(deadline, read_all(body, most)).await {
        Ok(read) => read,
        Err(_) => Err(Rejection::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_too_slow",
            "the body did not arrive within timeouts.request",
        )),
    }
}

async fn read_all(mut body: Body, most: usize) -> Result<Bytes, Rejection> {
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    let mut length = 0usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            let message = format!("the body cannot be read: {error}");
            Rejection::new(StatusCode::BAD_REQUEST, "body_broken", message)
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        length = length.saturating_add(data.len());
        if length > most.saturating_add(DISCARDED) {
            break;
        }
        match (length <= most, first.is_empty()) {
            (true, true) => first = data,
            (true, false) => all.extend_from_slice(&data),
            (false, _) => {}
        }
    }
    if length > most {
        let message = format!("the body has more than the {most} bytes of limits.bodyBytes");
        return Err(Rejection::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            message,
        ));
    }
    // Most bodies are one piece, which needs no copy.
    if all.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + all.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&all);
    Ok(whole.freeze())
}
