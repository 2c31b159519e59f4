//! The payload of cosign's image signatures: Red Hat's "simple signing" format.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::digest::Digest;
use crate::json;
use crate::reason::{Code, Reason};
use crate::statement::text_values;

/// A payload whose signature verified and which names the image.
pub(crate) struct VerifiedPayload {
    /// The annotations under the signature.
    pub(crate) annotations: BTreeMap<String, String>,
}

/// Reads a payload **whose signature has been verified**, and binds it to the image.
///
/// The repository it names (`docker-reference`) is not compared: an image keeps its
/// signatures when it is copied, as with cosign.
pub(crate) fn bind(payload: &[u8], image: &Digest) -> Result<VerifiedPayload, Reason> {
    let malformed = |why: String| Reason::new(Code::PayloadMalformed, why);
    let wire: PayloadWire = json::parse(payload)
        .map_err(|error| malformed(format!("not a simple signing payload: {error}")))?;
    if wire.critical.kind != "cosign container image signature" {
        return Err(malformed(format!(
            "expected a payload of type \"cosign container image signature\", found {:?}",
            wire.critical.kind
        )));
    }
    let named = &wire.critical.image.digest;
    if *named != image.to_string() {
        return Err(Reason::new(
            Code::SubjectMismatch,
            format!("expected a signature for this image {image}, found one for {named}"),
        ));
    }
    Ok(VerifiedPayload {
        annotations: text_values(&wire.optional),
    })
}

#[derive(Deserialize)]
struct PayloadWire {
    critical: CriticalWire,
    #[serde(default)]
    optional: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
struct CriticalWire {
    image: ImageWire,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct ImageWire {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}
