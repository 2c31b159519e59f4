//! Evidence made by hand, for tests of the core without a registry.

use sealgate_core::evidence::{Artifact, Blob, Request, Source, Subject};
use sealgate_core::{Digest, Evidence, Reference};
use serde_json::{Value, json};

use crate::sign::{self, Layer};

/// Puts evidence together.
#[derive(Clone, Debug)]
pub struct Pack {
    evidence: Evidence,
}

impl Pack {
    /// An image without anything beside it. Another `seed` gives another image.
    ///
    /// # Panics
    /// If `image` is not an image reference.
    #[expect(clippy::expect_used, reason = "the reference is the test's own")]
    pub fn image(image: &str, seed: &str) -> Self {
        let reference: Reference = image.parse().expect("an image reference");
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": Digest::sha256(seed.as_bytes()),
                "size": seed.len(),
            },
            "layers": [],
        });
        Self {
            evidence: Evidence {
                request: Request {
                    image: image.to_owned(),
                    ..Request::default()
                },
                subject: Subject {
                    reference,
                    media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
                    manifest: blob(&manifest),
                },
                artifacts: Vec::new(),
                omitted: Vec::new(),
                revocation: Vec::new(),
                platforms: Vec::new(),
            },
        }
    }

    /// The image's digest.
    pub fn digest(&self) -> Digest {
        self.evidence.subject.digest()
    }

    /// The image's repository.
    pub fn repository(&self) -> String {
        self.evidence.subject.reference.repository().to_string()
    }

    /// Adds cosign layers, as under the tag `.sig` (or `.att` if they are envelopes).
    #[must_use]
    pub fn with_cosign(self, layers: &[Layer]) -> Self {
        let attestations = layers.iter().all(|layer| layer.media_type == sign::DSSE);
        let source = match attestations {
            true => Source::CosignAttestationTag,
            false => Source::CosignSignatureTag,
        };
        let blobs = layers.iter().map(|layer| Blob::new(layer.bytes.clone()));
        let artifact = Artifact {
            source,
            manifest: blob(&sign::cosign_manifest(layers)),
            blobs: blobs.collect(),
            omitted: Vec::new(),
        };
        self.with(artifact)
    }

    /// Adds a Sigstore bundle as a referrer of this image.
    #[must_use]
    pub fn with_bundle(self, bundle: &[u8]) -> Self {
        let subject = self.digest();
        self.with_bundle_for(&subject, bundle)
    }

    /// Adds a Sigstore bundle as a referrer of another image.
    #[must_use]
    pub fn with_bundle_for(self, subject: &Digest, bundle: &[u8]) -> Self {
        let artifact = referrer(subject, sign::BUNDLE, bundle);
        self.with(artifact)
    }

    /// Adds an artifact as it is.
    #[must_use]
    pub fn with(mut self, artifact: Artifact) -> Self {
        self.evidence.artifacts.push(artifact);
        self
    }

    /// The evidence.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// The evidence, to change it.
    pub fn evidence_mut(&mut self) -> &mut Evidence {
        &mut self.evidence
    }
}

/// A referrer with one layer whose media type is also its artifact type.
pub fn referrer(subject: &Digest, artifact_type: &str, layer: &[u8]) -> Artifact {
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": artifact_type,
        "config": {
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": Digest::sha256(b"{}"),
            "size": 2,
        },
        "layers": [{
            "mediaType": artifact_type,
            "digest": Digest::sha256(layer),
            "size": layer.len(),
        }],
        "subject": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": subject,
            "size": 0,
        },
    });
    Artifact {
        source: Source::ReferrersApi,
        manifest: blob(&manifest),
        blobs: vec![Blob::new(layer.to_vec())],
        omitted: Vec::new(),
    }
}

fn blob(value: &Value) -> Blob {
    Blob::new(value.to_string().into_bytes())
}
