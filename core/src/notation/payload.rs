//! The payload: which artifact was signed.
//!
//! Signature specification, "Payload".

use serde::Deserialize;

use crate::bound::{Bound, Name};
use crate::crypto::VerifiedSignature;
use crate::digest::Digest;
use crate::evidence::Subject;
use crate::json;
use crate::manifest::Descriptor;
use crate::reason::{Code, Reason};
use crate::target::Target;

/// Reads the payload that was signed, and binds it to the image: by its media type, its digest and
/// its size.
pub(super) fn bind(
    signature: &VerifiedSignature<'_>,
    payload: &[u8],
    subject: &Subject,
) -> Result<Bound<()>, Reason> {
    let named = read(payload)?;
    let target = Target::image(subject);
    let size = subject.manifest.bytes().len();
    let fits = usize::try_from(named.size) == Ok(size) && named.media_type == subject.media_type;
    let digest = Name::Digest(&named.digest);
    let bound = Bound::new(signature, digest, &target, (), named.annotations);
    bound.filter(|_| fits).ok_or_else(|| {
        Reason::new(
            Code::SubjectMismatch,
            format!(
                "expected a signature for {} of type {} with {size} bytes, found one for {} of type {} \
                 with {} bytes",
                target.digest(), subject.media_type, named.digest, named.media_type, named.size
            ),
        )
    })
}

/// The digest that a payload names. Not verified, and not compared with anything.
pub(super) fn claimed(payload: &[u8]) -> Result<Digest, Reason> {
    Ok(read(payload)?.digest)
}

fn read(payload: &[u8]) -> Result<Descriptor, Reason> {
    let wire: PayloadWire = json::parse(payload).map_err(|error| {
        Reason::new(
            Code::PayloadMalformed,
            format!("not a payload of the Notary Project: {error}"),
        )
    })?;
    Ok(wire.target_artifact)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PayloadWire {
    target_artifact: Descriptor,
}
