//! Puts signatures where clients look for them.

use std::collections::BTreeMap;

use sealgate_core::Digest;
use serde_json::{Value, json};

use crate::image::{INDEX, MANIFEST};
use crate::registry::{Descriptor, Registry};
use crate::sign::{self, Layer};

/// The media type of a config that says nothing.
pub const EMPTY_CONFIG: &str = "application/vnd.oci.empty.v1+json";

/// Publishes layers as cosign v2 does, under the tag `sha256-….sig`, or `.att` if all of them are
/// envelopes. What the tag named before is replaced, where cosign would add to it.
pub fn cosign_tag(
    registry: &Registry,
    repository: &str,
    subject: &Digest,
    layers: &[Layer],
) -> Digest {
    let attestations = layers.iter().all(|layer| layer.media_type == sign::DSSE);
    let suffix = if attestations { "att" } else { "sig" };
    registry.push_blob(repository, "{}");
    for layer in layers {
        registry.push_blob(repository, layer.bytes.clone());
    }
    let manifest = sign::cosign_manifest(layers).to_string().into_bytes();
    let digest = Digest::sha256(&manifest);
    let tag = format!("{}.{suffix}", tag_of(&subject.to_string()));
    registry.push_manifest(repository, tag.as_str(), MANIFEST, manifest);
    digest
}

/// An artifact of one blob that refers to an image.
#[derive(Debug, Clone)]
pub struct Referrer<'a> {
    /// The image.
    pub subject: &'a Descriptor,
    /// The manifest's `artifactType`; absent in older artifacts, whose config has the type.
    pub artifact_type: Option<&'a str>,
    /// The media type of the config.
    pub config_media_type: &'a str,
    /// The media type of the blob.
    pub layer_media_type: &'a str,
    /// The blob.
    pub blob: &'a [u8],
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
}

/// Where referrers are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// The referrers API; see [`Registry::set_referrers_api`].
    Api,
    /// The fallback tag `sha256-…`, with descriptors as the specification has them.
    FallbackTag,
    /// The fallback tag as some clients write it: the config's media type stands in for the
    /// artifact type, and annotations are missing. (cosign 3.1 leaves out only the annotations.)
    MislabelledFallbackTag,
}

/// Publishes a Sigstore bundle as cosign v3 does.
pub fn bundle(
    registry: &Registry,
    repository: &str,
    subject: &Descriptor,
    bundle: &[u8],
    listing: Listing,
) -> Descriptor {
    let content = ("dev.sigstore.bundle.content", "dsse-envelope");
    let predicate = ("dev.sigstore.bundle.predicateType", sign::COSIGN_SIGN);
    let annotations = [content, predicate].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let artifact = Referrer {
        subject,
        artifact_type: Some(sign::BUNDLE),
        config_media_type: EMPTY_CONFIG,
        layer_media_type: sign::BUNDLE,
        blob: bundle,
        annotations: BTreeMap::from(annotations),
    };
    referrer(registry, repository, &artifact, listing)
}

/// Publishes an artifact and returns its descriptor, as an index of referrers has it.
pub fn referrer(
    registry: &Registry,
    repository: &str,
    artifact: &Referrer<'_>,
    listing: Listing,
) -> Descriptor {
    registry.push_blob(repository, "{}");
    registry.push_blob(repository, artifact.blob.to_vec());
    let manifest = artifact.manifest().to_string().into_bytes();
    let descriptor = Descriptor::of(MANIFEST, &manifest);
    registry.push_manifest(repository, None, MANIFEST, manifest);
    let config_type = Some(artifact.config_media_type.to_owned());
    let described = Descriptor {
        artifact_type: artifact
            .artifact_type
            .map(str::to_owned)
            .or(config_type.clone()),
        annotations: artifact.annotations.clone(),
        ..descriptor.clone()
    };
    let subject = &artifact.subject.digest;
    match listing {
        Listing::Api => {}
        Listing::FallbackTag => list_under_tag(registry, repository, subject, &described),
        Listing::MislabelledFallbackTag => {
            let entry = Descriptor {
                artifact_type: config_type,
                ..descriptor
            };
            list_under_tag(registry, repository, subject, &entry);
        }
    }
    described
}

impl Referrer<'_> {
    fn manifest(&self) -> Value {
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": Descriptor::of(self.config_media_type, b"{}"),
            "layers": [Descriptor::of(self.layer_media_type, self.blob)],
            "subject": {
                "mediaType": self.subject.media_type,
                "digest": self.subject.digest,
                "size": self.subject.size,
            },
            "annotations": self.annotations,
        });
        if let (Some(kind), Some(fields)) = (self.artifact_type, manifest.as_object_mut()) {
            fields.insert("artifactType".to_owned(), kind.into());
        }
        manifest
    }
}

/// Adds an entry to the index under the fallback tag of `subject`.
fn list_under_tag(registry: &Registry, repository: &str, subject: &str, entry: &Descriptor) {
    let tag = tag_of(subject);
    let index = registry.manifest(repository, &tag);
    let index = index.and_then(|(_, bytes)| serde_json::from_slice::<Value>(&bytes).ok());
    let mut entries = match index.as_ref().and_then(|index| index.get("manifests")) {
        Some(Value::Array(entries)) => entries.clone(),
        _ => Vec::new(),
    };
    entries.push(json!(entry));
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
    registry.push_manifest(repository, tag.as_str(), INDEX, index.to_string());
}

/// `sha256-…` of `sha256:…`.
fn tag_of(digest: &str) -> String {
    digest.replace(':', "-")
}
