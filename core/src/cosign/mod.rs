//! Cosign's legacy layout: one layer per signature under the tags `.sig` and `.att`.
//!
//! cosign `specs/SIGNATURE_SPEC.md` and `ATTESTATION_SPEC.md`.

pub(crate) mod payload;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::candidate::{Candidate, Discovered};
use crate::dsse::Envelope;
use crate::evidence::Artifact;
use crate::limits;
use crate::manifest::{Descriptor, Manifest};
use crate::reason::{Code, Reason};
use crate::sigstore::{Content, Format, Material, SignedEntity};

const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const DSSE: &str = "application/vnd.dsse.envelope.v1+json";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";

/// Whether the manifest holds cosign layers.
pub(crate) fn claims(manifest: &Manifest) -> bool {
    manifest.layers.iter().any(is_signed)
}

/// Whether the layer is one of cosign's: a payload or an envelope.
pub(crate) fn is_signed(layer: &Descriptor) -> bool {
    matches!(layer.media_type.as_str(), SIMPLE_SIGNING | DSSE)
}

/// Reads every cosign layer of an artifact.
pub(crate) fn read(artifact: &Artifact, manifest: &Manifest, found: &mut Discovered) {
    for layer in manifest.layers.iter().take(limits::LAYERS) {
        let entity = match layer.media_type.as_str() {
            SIMPLE_SIGNING => simple_signing(artifact, layer),
            DSSE => attestation(artifact, layer),
            other => {
                found.ignored.push(Reason::new(
                    Code::ArtifactUnknown,
                    format!("a layer of type {other:?} is none of cosign's"),
                ));
                continue;
            }
        };
        match entity {
            Ok(entity) => found.candidates.push(Candidate::Sigstore(entity)),
            Err(reason) => found.broken.push(reason),
        }
    }
}

fn simple_signing(artifact: &Artifact, layer: &Descriptor) -> Result<SignedEntity, Reason> {
    let payload = bytes_of(artifact, layer, limits::SIMPLE_SIGNING_BYTES)?;
    let signature = layer.annotations.get(SIGNATURE).ok_or_else(|| {
        Reason::new(
            Code::SignatureMalformed,
            format!("the layer {} has no annotation {SIGNATURE}", layer.digest),
        )
    })?;
    let signature = STANDARD.decode(signature).map_err(|_| {
        Reason::new(
            Code::SignatureMalformed,
            format!("the signature of the layer {} is not base64", layer.digest),
        )
    })?;
    Ok(SignedEntity {
        format: Format::CosignSignature,
        artifact: artifact.manifest.digest(),
        content: Content::SimpleSigning { payload, signature },
        material: material(layer),
    })
}

fn attestation(artifact: &Artifact, layer: &Descriptor) -> Result<SignedEntity, Reason> {
    let envelope = Envelope::parse(&bytes_of(artifact, layer, limits::BLOB_BYTES)?)?;
    Ok(SignedEntity {
        format: Format::CosignAttestation,
        artifact: artifact.manifest.digest(),
        content: Content::Dsse(envelope),
        material: material(layer),
    })
}

fn material(layer: &Descriptor) -> Material {
    match layer.annotations.get(CERTIFICATE) {
        Some(pem) => Material::Certificate(pem.clone().into_bytes()),
        None => Material::None,
    }
}

fn bytes_of(artifact: &Artifact, layer: &Descriptor, most: usize) -> Result<Vec<u8>, Reason> {
    let blob = artifact.blob(&layer.digest).ok_or_else(|| {
        Reason::new(
            Code::BlobMissing,
            format!(
                "the layer {} of the artifact {} is not in the evidence",
                layer.digest,
                artifact.manifest.digest()
            ),
        )
    })?;
    if blob.bytes().len() > most {
        return Err(Reason::new(
            Code::LimitExceeded,
            format!(
                "the layer {} has {} bytes, more than the {most} allowed",
                layer.digest,
                blob.bytes().len()
            ),
        ));
    }
    Ok(blob.bytes().to_vec())
}
