//! The payload: which artifact was signed.
//!
//! Signature specification, "Payload".

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::json;
use crate::judgement::Context;
use crate::manifest::Descriptor;
use crate::reason::{Code, Reason};

/// What a signer says about this very image.
#[derive(Debug)]
pub(super) struct BoundPayload {
    /// The user's metadata, under the signature.
    pub(super) metadata: BTreeMap<String, String>,
}

/// Checks that a payload names the image: its media type, its digest and its size.
pub(super) fn bind(payload: &[u8], context: &Context<'_>) -> Result<BoundPayload, Reason> {
    let wire: PayloadWire = json::parse(payload).map_err(|error| {
        Reason::new(
            Code::PayloadMalformed,
            format!("not a payload of the Notary Project: {error}"),
        )
    })?;
    let target = wire.target_artifact;
    let subject = &context.evidence.subject;
    let size = subject.manifest.bytes().len();
    let same_bytes = subject.manifest.digest_like(&target.digest) == target.digest
        && context.digest == subject.digest()
        && usize::try_from(target.size) == Ok(size);
    if !same_bytes || target.media_type != subject.media_type {
        return Err(Reason::new(
            Code::SubjectMismatch,
            format!(
                "expected a signature for {} of type {} with {size} bytes, found one for {} of type {} \
                 with {} bytes",
                context.digest, subject.media_type, target.digest, target.media_type, target.size
            ),
        ));
    }
    Ok(BoundPayload {
        metadata: target.annotations,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PayloadWire {
    target_artifact: Descriptor,
}
