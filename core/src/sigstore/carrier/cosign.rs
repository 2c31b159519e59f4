//! Cosign's legacy layout: one layer per signature under the tags `.sig` and `.att`.
//!
//! cosign `specs/SIGNATURE_SPEC.md` and `ATTESTATION_SPEC.md`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::base64_lines;
use crate::digest::Digest;
use crate::dsse::Envelope;
use crate::evidence::{Artifact, Blob, BlobIndex};
use crate::json;
use crate::judgement::Part;
use crate::limits;
use crate::manifest::{Descriptor, Manifest};
use crate::reason::{Code, Reason};
use crate::sigstore::entity::{Content, Format, Material, SignedEntity};
use crate::sigstore::log_entry::LogEntry;
use crate::x509::Certificate;

const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const DSSE: &str = "application/vnd.dsse.envelope.v1+json";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const CHAIN: &str = "dev.sigstore.cosign/chain";
const BUNDLE: &str = "dev.sigstore.cosign/bundle";
const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";
/// The annotations that are read.
const READ: [&str; 5] = [SIGNATURE, CERTIFICATE, CHAIN, BUNDLE, TIMESTAMP];

/// Whether the manifest holds cosign layers.
pub(crate) fn claims(manifest: &Manifest) -> bool {
    manifest.layers.iter().any(is_signed)
}

/// Whether the layer is one of cosign's: a payload or an envelope.
pub(crate) fn is_signed(layer: &Descriptor) -> bool {
    matches!(layer.media_type.as_str(), SIMPLE_SIGNING | DSSE)
}

/// What the layers of an artifact are.
pub(crate) fn find(artifact: &Artifact, manifest: Manifest) -> Vec<Part<Layer>> {
    let blobs = artifact.by_descriptor();
    let layers = manifest.layers.into_iter().take(limits::LAYERS);
    layers
        .map(|layer| find_layer(artifact, &blobs, layer))
        .collect()
}

fn find_layer(artifact: &Artifact, blobs: &BlobIndex<'_>, layer: Descriptor) -> Part<Layer> {
    let (kind, most) = match layer.media_type.as_str() {
        SIMPLE_SIGNING => (LayerKind::Signature, limits::SIMPLE_SIGNING_BYTES),
        DSSE => (LayerKind::Attestation, limits::BLOB_BYTES),
        other => {
            return Part::Ignored(Reason::new(
                Code::ArtifactUnknown,
                format!("a layer of type {other:?} is none of cosign's"),
            ));
        }
    };
    match blob_of(artifact, blobs, &layer, most) {
        Ok(blob) => {
            let mut annotations = layer.annotations;
            annotations.retain(|name, _| READ.contains(&name.as_str()));
            let digest = layer.digest;
            Part::Signed(
                blob,
                Layer {
                    kind,
                    digest,
                    annotations,
                },
            )
        }
        Err(reason) => Part::Broken(reason),
    }
}

/// What is read of a layer.
#[derive(Debug)]
pub(crate) struct Layer {
    kind: LayerKind,
    digest: Digest,
    annotations: BTreeMap<String, String>,
}

/// What a layer is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LayerKind {
    /// The payload of an image signature.
    Signature,
    /// The envelope of an attestation.
    Attestation,
}

impl Layer {
    /// What it is.
    pub(crate) fn kind(&self) -> LayerKind {
        self.kind
    }

    /// The annotations that are read.
    pub(crate) fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }

    /// What an annotation holds. An empty one is none.
    fn filled(&self, name: &str) -> Option<&str> {
        let text = self.annotations.get(name)?;
        (!text.is_empty()).then_some(text)
    }
}

/// Reads a layer.
pub(crate) fn read(artifact: Digest, blob: &Blob, layer: &Layer) -> Result<SignedEntity, Reason> {
    match layer.kind {
        LayerKind::Signature => signature(artifact, blob, layer),
        LayerKind::Attestation => attestation(artifact, blob, layer),
    }
}

fn signature(artifact: Digest, payload: &Blob, layer: &Layer) -> Result<SignedEntity, Reason> {
    let signature = layer.annotations.get(SIGNATURE).ok_or_else(|| {
        Reason::new(
            Code::SignatureMalformed,
            format!("the layer {} has no annotation {SIGNATURE}", layer.digest),
        )
    })?;
    let signature = base64_lines::decode(signature).ok_or_else(|| {
        Reason::new(
            Code::SignatureMalformed,
            format!("the signature of the layer {} is not base64", layer.digest),
        )
    })?;
    Ok(SignedEntity {
        format: Format::CosignSignature,
        artifact,
        content: Content::SimpleSigning {
            payload: payload.clone(),
            signature,
        },
        material: material(layer)?,
        log_entries: log_entry(layer)?.into_iter().collect(),
        timestamps: timestamp(layer)?.into_iter().collect(),
    })
}

fn attestation(artifact: Digest, envelope: &Blob, layer: &Layer) -> Result<SignedEntity, Reason> {
    Ok(SignedEntity {
        format: Format::CosignAttestation,
        artifact,
        content: Content::Dsse(Envelope::parse(envelope)?),
        material: material(layer)?,
        log_entries: log_entry(layer)?.into_iter().collect(),
        timestamps: timestamp(layer)?.into_iter().collect(),
    })
}

fn material(layer: &Layer) -> Result<Material, Reason> {
    let Some(leaf) = layer.filled(CERTIFICATE) else {
        return Ok(Material::None);
    };
    let mut certificates = certificates(layer, leaf)?;
    if let Some(chain) = layer.filled(CHAIN) {
        certificates.extend(self::certificates(layer, chain)?);
    }
    Material::chain(certificates)
}

fn certificates(layer: &Layer, pem: &str) -> Result<Vec<Certificate>, Reason> {
    Certificate::all_from_pem(pem).map_err(|error| {
        Reason::new(
            Code::CertificateMalformed,
            format!("a certificate of the layer {}: {error}", layer.digest),
        )
    })
}

/// The log entry beside a signature; it has a signed entry timestamp and no proof.
fn log_entry(layer: &Layer) -> Result<Option<LogEntry>, Reason> {
    let Some(text) = layer.filled(BUNDLE) else {
        return Ok(None);
    };
    let malformed = |why: String| {
        Reason::new(
            Code::LogEntryMalformed,
            format!("the log entry of the layer {}: {why}", layer.digest),
        )
    };
    let wire: BundleWire =
        json::parse(text.as_bytes()).map_err(|error| malformed(error.to_string()))?;
    let decode = |text: &str| {
        base64_lines::decode(text).ok_or_else(|| malformed("it is not base64".to_owned()))
    };
    Ok(Some(LogEntry {
        log_id: hex::decode(&wire.payload.log_id)
            .map_err(|_| malformed("its log id is not hex".to_owned()))?,
        index: u64::try_from(wire.payload.log_index)
            .map_err(|_| malformed(format!("it has the index {}", wire.payload.log_index)))?,
        integrated_time: Some(wire.payload.integrated_time),
        body: decode(&wire.payload.body)?,
        promise: Some(decode(&wire.signed_entry_timestamp)?),
        proof: None,
    }))
}

fn timestamp(layer: &Layer) -> Result<Option<Vec<u8>>, Reason> {
    let Some(text) = layer.filled(TIMESTAMP) else {
        return Ok(None);
    };
    let malformed = |why: String| {
        Reason::new(
            Code::TimestampInvalid,
            format!("the timestamp of the layer {}: {why}", layer.digest),
        )
    };
    let wire: TimestampWire =
        json::parse(text.as_bytes()).map_err(|error| malformed(error.to_string()))?;
    let token = base64_lines::decode(&wire.signed_timestamp)
        .ok_or_else(|| malformed("it is not base64".to_owned()))?;
    Ok(Some(token))
}

fn blob_of(
    artifact: &Artifact,
    blobs: &BlobIndex<'_>,
    layer: &Descriptor,
    most: usize,
) -> Result<Blob, Reason> {
    let blob = blobs.find(layer).ok_or_else(|| {
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
    Ok(blob.clone())
}

/// What cosign calls a bundle: Rekor's answer of old.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BundleWire {
    signed_entry_timestamp: String,
    payload: EntryWire,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryWire {
    body: String,
    integrated_time: i64,
    log_index: i64,
    #[serde(rename = "logID")]
    log_id: String,
}

#[derive(Deserialize)]
struct TimestampWire {
    #[serde(rename = "SignedRFC3161Timestamp")]
    signed_timestamp: String,
}
