//! OCI image manifests, as far as artifacts need them.
//!
//! OCI image-spec v1.1, `manifest.md`, and Docker's manifest of schema 2, which has
//! the same fields.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::digest::Digest;
use crate::json;
use crate::limits;

/// The manifest of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The artifact type, where the manifest states one.
    pub artifact_type: Option<String>,
    /// The config.
    pub config: Descriptor,
    /// The layers, in order.
    pub layers: Vec<Descriptor>,
    /// The manifest this one refers to.
    pub subject: Option<Descriptor>,
    /// Its annotations. Not signed.
    pub annotations: BTreeMap<String, String>,
}

/// A descriptor: what to expect under a digest. Its `urls` are never read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The media type.
    pub media_type: String,
    /// The digest.
    pub digest: Digest,
    /// The size in bytes.
    pub size: u64,
    /// The artifact type; often absent, and sometimes wrong.
    #[serde(default)]
    pub artifact_type: Option<String>,
    /// Annotations. Not signed.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// If it is too large, is not strict JSON, lacks a config or layers, or is an index
    /// at the same time (the type confusion of GHSA-qq97-vm5h-rrhg).
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > limits::MANIFEST_BYTES {
            return Err(ManifestError::TooLarge(bytes.len()));
        }
        let wire: ManifestWire = json::parse(bytes)?;
        if wire.manifests.is_some() {
            return Err(ManifestError::Index);
        }
        let known = [
            "application/vnd.oci.image.manifest.v1+json",
            "application/vnd.docker.distribution.manifest.v2+json",
        ];
        match wire.media_type {
            Some(other) if !known.contains(&other.as_str()) => {
                return Err(ManifestError::MediaType(other.chars().take(120).collect()));
            }
            _ => {}
        }
        Ok(Self {
            artifact_type: wire.artifact_type.filter(|text| !text.is_empty()),
            config: wire.config.ok_or(ManifestError::Config)?,
            layers: wire.layers.ok_or(ManifestError::Layers)?,
            subject: wire.subject,
            annotations: wire.annotations,
        })
    }

    /// What kind of artifact this is: its artifact type, else its config's media type
    /// (image-spec, "Guidelines for Artifact Usage").
    pub fn kind(&self) -> &str {
        self.artifact_type
            .as_deref()
            .unwrap_or(&self.config.media_type)
    }
}

/// Why some bytes are not an artifact's manifest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// More than a manifest may have.
    #[error("the manifest has {0} bytes, more than the {max} allowed", max = limits::MANIFEST_BYTES)]
    TooLarge(usize),
    /// Not the JSON of a manifest.
    #[error("not an OCI manifest: {0}")]
    Json(#[from] json::JsonError),
    /// Another media type.
    #[error("expected an OCI image manifest, found the media type {0:?}")]
    MediaType(String),
    /// It lists manifests.
    #[error("expected an image manifest, found an index")]
    Index,
    /// It has no config.
    #[error("the manifest has no config")]
    Config,
    /// It has no layers.
    #[error("the manifest has no layers")]
    Layers,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ManifestWire {
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<serde::de::IgnoredAny>,
    subject: Option<Descriptor>,
    #[serde(default, deserialize_with = "null_is_empty")]
    annotations: BTreeMap<String, String>,
}

/// Go programs write an absent map as `null`.
fn null_is_empty<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    Option::<BTreeMap<String, String>>::deserialize(deserializer).map(Option::unwrap_or_default)
}
