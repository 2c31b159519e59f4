//! A registry with a signed image, and a collector.

use std::collections::BTreeMap;
use std::time::Duration;

use sealgate::collect::{CollectError, Collected, Collector, Wanted};
use sealgate::registry::{Limits, Registries, RegistryClient, RegistryConfig};
use sealgate_core::evidence::{Evidence, Request};
use sealgate_core::{Digest, Reference};
use sealgate_testkit::image::{self, Image};
use sealgate_testkit::publish::{self, Listing, Referrer};
use sealgate_testkit::registry::{Registry, RegistryOptions};
use sealgate_testkit::sign::{self, Kind, SigningKey};
use serde_json::json;
use tokio::time::Instant;

pub(crate) struct Setup {
    pub(crate) registry: Registry,
    pub(crate) collector: Collector,
    pub(crate) image: Image,
}

impl Setup {
    pub(crate) async fn new() -> Self {
        Self::with(RegistryOptions::default(), Limits::default()).await
    }

    pub(crate) async fn with(options: RegistryOptions, limits: Limits) -> Self {
        let registry = Registry::start(options).await.unwrap();
        let mut config = RegistryConfig::new(&registry.host()).unwrap();
        config.plain_http = true;
        let mut registries = Registries::default().with(config);
        registries.limits = limits;
        Self {
            image: image::single(&registry, "app", "v1", "seed"),
            collector: Collector::new(RegistryClient::new(&registries).unwrap()),
            registry,
        }
    }

    /// Signs as cosign v3 does; returns the bundle.
    pub(crate) fn bundle(&self, listing: Listing) -> Vec<u8> {
        let key = SigningKey::generate(Kind::P256);
        let statement = sign::statement(&self.image.digest, sign::COSIGN_SIGN, &json!({}));
        let bundle = sign::bundle(&key, &statement);
        publish::bundle(
            &self.registry,
            "app",
            &self.image.descriptor,
            &bundle,
            listing,
        );
        bundle
    }

    /// Signs as cosign v2 does; returns the payload.
    pub(crate) fn legacy(&self) -> Vec<u8> {
        let key = SigningKey::generate(Kind::P256);
        let payload = sign::simple_signing(&self.image.name(), &self.image.digest, &json!({}));
        let layer = sign::cosign_layer(&key, payload.clone());
        publish::cosign_tag(&self.registry, "app", &self.image.digest, &[layer]);
        payload
    }

    /// Attests as cosign v2 does; returns the envelope.
    pub(crate) fn attestation(&self) -> Vec<u8> {
        let key = SigningKey::generate(Kind::P256);
        let statement = sign::statement(&self.image.digest, "https://example.com/x", &json!({}));
        let envelope = sign::envelope(&key, &statement).to_string().into_bytes();
        let layer = sign::Layer {
            media_type: sign::DSSE.to_owned(),
            bytes: envelope.clone(),
            annotations: Vec::new(),
        };
        publish::cosign_tag(&self.registry, "app", &self.image.digest, &[layer]);
        envelope
    }

    /// An artifact of one blob.
    pub(crate) fn attach(&self, artifact_type: &str, blob: &[u8]) -> Digest {
        let artifact = Referrer {
            subject: &self.image.descriptor,
            artifact_type: Some(artifact_type),
            config_media_type: publish::EMPTY_CONFIG,
            layer_media_type: artifact_type,
            blob,
            annotations: BTreeMap::new(),
        };
        let pushed = publish::referrer(&self.registry, "app", &artifact, Listing::Api);
        pushed.digest.parse().unwrap()
    }

    /// A manifest that refers to the image, as it is.
    pub(crate) fn attach_manifest(&self, mut manifest: serde_json::Value) -> Digest {
        manifest["subject"] = json!(self.image.descriptor);
        let media_type = manifest["mediaType"].as_str().unwrap().to_owned();
        let bytes = manifest.to_string();
        let digest = self.registry.push_manifest("app", None, &media_type, bytes);
        digest.parse().unwrap()
    }

    /// By tag.
    pub(crate) async fn collect(&self, wanted: Wanted) -> Result<Evidence, CollectError> {
        self.collect_image(&self.image.tagged("v1"), wanted).await
    }

    pub(crate) async fn collect_image(
        &self,
        image: &str,
        wanted: Wanted,
    ) -> Result<Evidence, CollectError> {
        let collected = self.collected_image(image, wanted).await?;
        Ok(collected.evidence)
    }

    /// By tag, with the room that it takes.
    pub(crate) async fn collected(&self, wanted: Wanted) -> Result<Collected, CollectError> {
        self.collected_image(&self.image.tagged("v1"), wanted).await
    }

    async fn collected_image(
        &self,
        image: &str,
        wanted: Wanted,
    ) -> Result<Collected, CollectError> {
        let reference: Reference = image.parse().unwrap();
        let request = Request {
            image: image.to_owned(),
            ..Request::default()
        };
        let resolved = self.collector.resolve(&reference, soon()).await?;
        let collected = self
            .collector
            .collect(&resolved, request, wanted, soon())
            .await?;
        assert_eq!(collected.doubt, None);
        Ok(collected)
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.registry
            .requests()
            .iter()
            .map(ToString::to_string)
            .collect()
    }
}

pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

/// All blobs, in the order of the artifacts.
pub(crate) fn blobs(evidence: &Evidence) -> Vec<&[u8]> {
    let blobs = evidence
        .artifacts
        .iter()
        .flat_map(|artifact| &artifact.blobs);
    blobs.map(|blob| blob.bytes()).collect()
}
