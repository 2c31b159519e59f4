//! The image's own manifest, before anything else believes it is one.

use sealgate_core::evidence::Subject;
use sealgate_core::{Reference, json};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::registry::{Cause, Fetched, RegistryError};

const KNOWN: [&str; 4] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ManifestWire {
    media_type: Option<String>,
    config: Option<IgnoredAny>,
    layers: Option<IgnoredAny>,
    manifests: Option<IgnoredAny>,
}

/// Refuses a manifest that two readers may take for two things (GHSA-qq97-vm5h-rrhg): one that
/// is an image and an index, or whose media type is not the one it was sent with.
pub(super) fn check(reference: &Reference, fetched: Fetched) -> Result<Subject, RegistryError> {
    let malformed = |found: String| {
        let host = reference.repository().host();
        let asked = format!("the manifest {}", reference.at(fetched.digest));
        RegistryError::new(Cause::Malformed, host, asked, found)
    };
    let wire: ManifestWire = json::parse(fetched.blob.bytes())
        .map_err(|error| malformed(format!("a manifest that is no strict JSON: {error}")))?;
    let is_index = wire.manifests.is_some();
    if is_index && (wire.config.is_some() || wire.layers.is_some()) {
        return Err(malformed(
            "a manifest that is both an image and an index".to_owned(),
        ));
    }
    // Some registries send a general media type; then what the manifest says must do.
    let sent = Some(fetched.media_type.clone()).filter(|sent| KNOWN.contains(&sent.as_str()));
    let media_type = match (sent, wire.media_type) {
        (Some(sent), Some(own)) if sent != own => {
            return Err(malformed(format!(
                "a manifest of type {own:?} sent as {sent:?}"
            )));
        }
        (sent, own) => sent.or(own).unwrap_or_default(),
    };
    if !KNOWN.contains(&media_type.as_str()) {
        let sent = &fetched.media_type;
        return Err(malformed(format!(
            "a manifest of type {media_type:?} sent as {sent:?}, which is no image manifest or index"
        )));
    }
    if is_index != (media_type.contains("index") || media_type.contains("list")) {
        return Err(malformed(format!(
            "a manifest of type {media_type:?} with other contents"
        )));
    }
    Ok(Subject {
        reference: reference.clone(),
        media_type,
        manifest: fetched.blob,
    })
}
