//! The few fields of a manifest that a registry looks at.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An OCI content descriptor, as it stands in manifests and indexes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The media type of the content.
    pub media_type: String,
    /// The digest of the content, `sha256:…`.
    pub digest: String,
    /// The length of the content, in bytes.
    pub size: u64,
    /// The type of the artifact, in an index of referrers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Annotations, absent when empty.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// The descriptor of `bytes`, without annotations.
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: super::digest::sha256(bytes),
            size: bytes.len() as u64,
            artifact_type: None,
            annotations: BTreeMap::new(),
        }
    }
}

/// What the registry reads from a manifest or index. Everything is optional: what a pusher wrote
/// is kept whether it makes sense or not.
#[derive(Debug, Default)]
pub(crate) struct ManifestFacts {
    pub(crate) media_type: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) artifact_type: Option<String>,
    pub(crate) config_media_type: Option<String>,
    pub(crate) annotations: BTreeMap<String, String>,
    /// Config and layers.
    pub(crate) blobs: Vec<String>,
    /// The manifests of an index.
    pub(crate) children: Vec<String>,
}

impl ManifestFacts {
    /// `None` if `bytes` is no JSON object with these fields.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let wire: ManifestWire = serde_json::from_slice(bytes).ok()?;
        let held_here = |layer: &&LinkWire| layer.urls.is_empty();
        let layers = wire.layers.iter().filter(held_here);
        Some(Self {
            media_type: wire.media_type,
            subject: wire.subject.map(|subject| subject.digest),
            artifact_type: wire.artifact_type.filter(|kind| !kind.is_empty()),
            blobs: wire
                .config
                .iter()
                .chain(layers)
                .map(|link| link.digest.clone())
                .collect(),
            config_media_type: wire.config.and_then(|config| config.media_type),
            annotations: wire.annotations.unwrap_or_default(),
            children: wire
                .manifests
                .into_iter()
                .map(|child| child.digest)
                .collect(),
        })
    }

    /// Like [`parse`](Self::parse), with nothing known about bytes that cannot be read.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        Self::parse(bytes).unwrap_or_default()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ManifestWire {
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<LinkWire>,
    #[serde(default)]
    layers: Vec<LinkWire>,
    #[serde(default)]
    manifests: Vec<LinkWire>,
    subject: Option<LinkWire>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LinkWire {
    media_type: Option<String>,
    digest: String,
    #[serde(default)]
    urls: Vec<String>,
}
