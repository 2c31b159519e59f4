//! Images to sign: small, complete and reproducible from a seed.

use sealgate_core::Digest;
use serde_json::{Value, json};

use crate::registry::{Descriptor, Registry};

/// The media type of an image manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The media type of an image index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// An image in a registry, or an index of images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The registry's host and port.
    pub host: String,
    /// The repository within the registry.
    pub repository: String,
    /// The digest of the manifest.
    pub digest: Digest,
    /// The descriptor of the manifest, as referrers name their subject.
    pub descriptor: Descriptor,
}

impl Image {
    /// `127.0.0.1:PORT/NAME`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.host, self.repository)
    }

    /// `127.0.0.1:PORT/NAME:TAG`.
    pub fn tagged(&self, tag: &str) -> String {
        format!("{}:{tag}", self.name())
    }

    /// `127.0.0.1:PORT/NAME@DIGEST`.
    pub fn pinned(&self) -> String {
        format!("{}@{}", self.name(), self.digest)
    }
}

/// Pushes an image for linux/amd64. Another `seed` gives another image.
pub fn single(registry: &Registry, repository: &str, tag: &str, seed: &str) -> Image {
    let image = platform(registry, repository, "amd64", seed);
    registry.tag(repository, tag, &image.descriptor.digest);
    image
}

/// Pushes an index of images for linux/amd64 and linux/arm64, and returns it with them.
pub fn index(registry: &Registry, repository: &str, tag: &str, seed: &str) -> (Image, [Image; 2]) {
    let architectures = ["amd64", "arm64"];
    let images = architectures.map(|name| platform(registry, repository, name, seed));
    let entries = architectures
        .iter()
        .zip(&images)
        .map(|(architecture, image)| {
            json!({
                "mediaType": MANIFEST,
                "digest": image.descriptor.digest,
                "size": image.descriptor.size,
                "platform": {"os": "linux", "architecture": architecture},
            })
        });
    let entries: Vec<Value> = entries.collect();
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
    let image = push(registry, repository, INDEX, &index);
    registry.tag(repository, tag, &image.descriptor.digest);
    (image, images)
}

/// One platform's image, before it is pushed.
#[derive(Debug)]
pub struct Platform {
    /// The config.
    pub config: Vec<u8>,
    /// The only layer.
    pub layer: Vec<u8>,
    /// The manifest that names both.
    pub manifest: Value,
}

impl Platform {
    /// An image for linux on this architecture. Another `seed` gives another image.
    pub fn new(architecture: &str, seed: &str) -> Self {
        // Two empty blocks: the shortest archive there is. The seed is in the config.
        let layer = vec![0; 1024];
        let config = json!({
            "architecture": architecture,
            "os": "linux",
            "config": {"Labels": {"seed": seed}},
            "rootfs": {"type": "layers", "diff_ids": [Digest::sha256(&layer)]},
        });
        let config = config.to_string().into_bytes();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": Descriptor::of(CONFIG, &config),
            "layers": [Descriptor::of(LAYER, &layer)],
        });
        Self {
            config,
            layer,
            manifest,
        }
    }
}

/// Pushes config, layer and manifest of one platform's image, without a tag.
fn platform(registry: &Registry, repository: &str, architecture: &str, seed: &str) -> Image {
    let image = Platform::new(architecture, seed);
    registry.push_blob(repository, image.config);
    registry.push_blob(repository, image.layer);
    push(registry, repository, MANIFEST, &image.manifest)
}

fn push(registry: &Registry, repository: &str, media_type: &str, manifest: &Value) -> Image {
    let bytes = manifest.to_string().into_bytes();
    let image = Image {
        host: registry.host(),
        repository: repository.to_owned(),
        digest: Digest::sha256(&bytes),
        descriptor: Descriptor::of(media_type, &bytes),
    };
    registry.push_manifest(repository, None, media_type, bytes);
    image
}
