//! The artifact of a Notary Project signature, and the envelope in it.
//!
//! Signature specification, "Storage".

use super::envelope::{Envelope, Format};
use super::{cose, jws};
use crate::digest::Digest;
use crate::evidence::{Artifact, Blob};
use crate::judgement::Part;
use crate::limits;
use crate::manifest::Manifest;
use crate::reason::{Code, Reason};

const ARTIFACT_TYPE: &str = "application/vnd.cncf.notary.signature";

/// An envelope, its signature not verified.
#[derive(Debug)]
pub(crate) struct SignedEnvelope {
    /// The digest of the artifact's manifest.
    pub(super) artifact: Digest,
    /// What is in it.
    pub(super) envelope: Envelope,
}

/// Whether the manifest is that of a Notary Project signature: by its artifact type, or by its
/// config's media type if it has none.
pub(crate) fn claims(manifest: &Manifest) -> bool {
    manifest.kind() == ARTIFACT_TYPE
}

/// Finds the envelope of an artifact.
pub(crate) fn find(artifact: &Artifact, manifest: &Manifest) -> Part<Format> {
    match find_envelope(artifact, manifest) {
        Ok((blob, format)) => Part::Signed(blob.clone(), format),
        Err(reason) => Part::Broken(reason),
    }
}

/// The blob that is the envelope, and its format.
pub(super) fn find_envelope<'a>(
    artifact: &'a Artifact,
    manifest: &Manifest,
) -> Result<(&'a Blob, Format), Reason> {
    let name = artifact.manifest.digest();
    let [layer] = manifest.layers.as_slice() else {
        return Err(Reason::new(
            Code::EnvelopeMalformed,
            format!(
                "expected one layer in the Notary Project signature {name}, found {}",
                manifest.layers.len()
            ),
        ));
    };
    let format = Format::from_media_type(&layer.media_type).ok_or_else(|| {
        Reason::new(
            Code::EnvelopeMalformed,
            format!(
                "expected an envelope of type application/jose+json or application/cose in {name}, \
                 found {:?}",
                layer.media_type
            ),
        )
    })?;
    let blob = artifact.by_descriptor().find(layer).ok_or_else(|| {
        Reason::new(
            Code::BlobMissing,
            format!(
                "the envelope {} of the artifact {name} is not in the evidence",
                layer.digest
            ),
        )
    })?;
    Ok((blob, format))
}

/// Reads an envelope.
pub(crate) fn read(
    artifact: Digest,
    blob: &Blob,
    format: Format,
) -> Result<SignedEnvelope, Reason> {
    let bytes = blob.bytes();
    if bytes.len() > limits::ENVELOPE_BYTES {
        return Err(Reason::new(
            Code::LimitExceeded,
            format!(
                "the envelope {} has {} bytes, more than the {} allowed",
                blob.digest(),
                bytes.len(),
                limits::ENVELOPE_BYTES
            ),
        ));
    }
    Ok(SignedEnvelope {
        artifact,
        envelope: match format {
            Format::Jws => jws::parse(bytes)?,
            Format::Cose => cose::parse(bytes)?,
        },
    })
}
