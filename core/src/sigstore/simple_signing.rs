//! The payload of cosign's image signatures: Red Hat's "simple signing" format.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::bound::{Bound, Name};
use crate::crypto::VerifiedSignature;
use crate::json;
use crate::reason::{Code, Reason};
use crate::statement::text_values;
use crate::target::Target;

/// Reads the payload that was signed, and binds it to the artifact.
///
/// The repository it names (`docker-reference`) is not compared: an image keeps its
/// signatures when it is copied, as with cosign.
pub(super) fn bind(
    signature: &VerifiedSignature<'_>,
    target: &Target<'_>,
) -> Result<Bound<()>, Reason> {
    let malformed = |why: String| Reason::new(Code::PayloadMalformed, why);
    let wire = read(signature.message())?;
    if wire.critical.kind != "cosign container image signature" {
        return Err(malformed(format!(
            "expected a payload of type \"cosign container image signature\", found {:?}",
            wire.critical.kind
        )));
    }
    let named = &wire.critical.image.digest;
    let annotations = text_values(&wire.optional);
    Bound::new(signature, Name::Text(named), target, (), annotations).ok_or_else(|| {
        Reason::new(
            Code::SubjectMismatch,
            format!(
                "expected a signature for this image {}, found one for {named}",
                target.digest()
            ),
        )
    })
}

/// The digest that a payload names. Not verified, and not compared with anything.
pub(super) fn claimed(payload: &[u8]) -> Result<String, Reason> {
    Ok(read(payload)?.critical.image.digest)
}

fn read(payload: &[u8]) -> Result<PayloadWire, Reason> {
    json::parse(payload).map_err(|error| {
        Reason::new(
            Code::PayloadMalformed,
            format!("not a simple signing payload: {error}"),
        )
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
