//! What is beside an image: found, chosen, and fetched within bounds.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use sealgate_core::evidence::{Artifact, Blob, Omission, Source};
use sealgate_core::manifest::{Descriptor, Manifest};
use sealgate_core::reference::Repository;
use sealgate_core::{Digest, limits, signed_layers};
use tokio::time::Instant;

use super::Wanted;
use crate::registry::{Cause, Referrers, RegistryClient, RegistryError};

/// Requests for one image at once.
const AT_ONCE: usize = 16;
/// Manifests that are looked at although they are listed as something else than a signature.
const MOST_FOREIGN: usize = 16;
/// Bytes of all manifests beside one image; a signature's has about a thousand, one of cosign's
/// tags about ten thousand for each signature.
const MANIFESTS_BYTES: usize = 8 << 20;

/// A look beside one image.
pub(super) struct Gathering<'a> {
    pub(super) client: &'a RegistryClient,
    pub(super) repository: &'a Repository,
    pub(super) digest: &'a Digest,
    pub(super) deadline: Instant,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) artifacts: Vec<Artifact>,
    pub(super) omitted: Vec<Omission>,
}

/// What became of a referrer.
enum Look {
    Manifest(Blob),
    Omitted(Omission),
    /// It could not be fetched, and belongs to somebody else.
    Passed,
}

/// How likely a referrer is a signature, as the registry lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Likelihood {
    Signature,
    /// No artifact type, or one of those that registries put in its place.
    Unclear,
    Foreign,
}

impl Gathering<'_> {
    /// Fetches what is wanted: manifests first, then the blobs that a verification reads.
    pub(super) async fn gather(&self, wanted: Wanted) -> Result<Found, RegistryError> {
        let (referrers, signatures, attestations) = futures::try_join!(
            self.referrers(wanted.referrers),
            self.cosign_tag(wanted.cosign_signatures, Source::CosignSignatureTag, "sig"),
            self.cosign_tag(
                wanted.cosign_attestations,
                Source::CosignAttestationTag,
                "att"
            ),
        )?;
        let mut found = Found::default();
        for part in [signatures, attestations, referrers] {
            found.artifacts.extend(part.artifacts);
            found.omitted.extend(part.omitted);
        }
        found.bound_manifests();
        self.fetch_blobs(&mut found).await?;
        Ok(found.in_order())
    }

    async fn cosign_tag(
        &self,
        wanted: bool,
        source: Source,
        suffix: &str,
    ) -> Result<Found, RegistryError> {
        let mut found = Found::default();
        if !wanted {
            return Ok(found);
        }
        let tag = format!("{}.{suffix}", self.digest.tag_prefix());
        match self.client.tag(self.repository, &tag, self.deadline).await {
            Ok(manifest) => found.artifacts.push(artifact(source, manifest.blob)),
            Err(error) if error.is_not_found() => {}
            Err(error) => found.omitted.push(omission(None, &error)?),
        }
        Ok(found)
    }

    async fn referrers(&self, wanted: bool) -> Result<Found, RegistryError> {
        let mut found = Found::default();
        if !wanted {
            return Ok(found);
        }
        let list = self
            .client
            .referrers(self.repository, self.digest, self.deadline)
            .await?;
        let source = list.source;
        let chosen = choose(list, &mut found.omitted);
        let manifests = stream::iter(chosen)
            .map(|(likelihood, descriptor)| self.manifest(likelihood, descriptor))
            .buffered(AT_ONCE);
        let looks: Vec<_> = manifests.try_collect().await?;
        for look in looks {
            match look {
                Look::Manifest(manifest) => found.artifacts.push(artifact(source, manifest)),
                Look::Omitted(omission) => found.omitted.push(omission),
                Look::Passed => {}
            }
        }
        Ok(found)
    }

    async fn manifest(
        &self,
        likelihood: Likelihood,
        descriptor: Descriptor,
    ) -> Result<Look, RegistryError> {
        let digest = descriptor.digest;
        let size = usize::try_from(descriptor.size).unwrap_or(usize::MAX);
        if size > limits::MANIFEST_BYTES {
            let why = format!("a manifest of {size} bytes");
            return Ok(Look::Omitted(Omission {
                digest: Some(digest),
                why,
            }));
        }
        let manifest = self
            .client
            .manifest(self.repository, &digest, size, self.deadline);
        match manifest.await {
            Ok(manifest) => Ok(Look::Manifest(manifest.blob)),
            // It would only have been mentioned.
            Err(_) if likelihood == Likelihood::Foreign => Ok(Look::Passed),
            Err(error) => omission(Some(digest), &error).map(Look::Omitted),
        }
    }

    async fn fetch_blobs(&self, found: &mut Found) -> Result<(), RegistryError> {
        let plan = Plan::new(&found.artifacts, self.client.bytes_per_image());
        let _room = match plan.bytes {
            0 => None,
            bytes => {
                self.client
                    .reserve(self.repository, bytes, self.deadline)
                    .await?
            }
        };
        let blobs = stream::iter(plan.fetch)
            .map(|(digest, size)| async move {
                let blob = self
                    .client
                    .blob(self.repository, &digest, size, self.deadline)
                    .await;
                match blob {
                    Ok(blob) => Ok((digest, Ok(blob))),
                    Err(error) => {
                        omission(Some(digest), &error).map(|omission| (digest, Err(omission)))
                    }
                }
            })
            .buffer_unordered(AT_ONCE);
        let mut blobs: BTreeMap<_, _> = blobs.try_collect().await?;
        blobs.extend(
            plan.omit
                .into_iter()
                .map(|(digest, why)| (digest, Err(why))),
        );
        for artifact in &mut found.artifacts {
            hand_over(artifact, &blobs);
        }
        Ok(())
    }
}

impl Found {
    /// In an order that does not depend on the registry's: equal contents, equal evidence.
    pub(super) fn in_order(mut self) -> Self {
        self.artifacts
            .sort_by_key(|artifact| (artifact.source, artifact.manifest.digest()));
        self.artifacts
            .dedup_by_key(|artifact| (artifact.source, artifact.manifest.digest()));
        self
    }

    /// Leaves out the manifests beyond [`MANIFESTS_BYTES`] and [`limits::ARTIFACTS`].
    fn bound_manifests(&mut self) {
        let mut room = MANIFESTS_BYTES;
        let mut left_out = 0;
        let mut kept = Vec::new();
        for artifact in self.artifacts.drain(..) {
            let fits = room.checked_sub(artifact.manifest.bytes().len());
            match fits.filter(|_| kept.len() < limits::ARTIFACTS) {
                Some(rest) => {
                    room = rest;
                    kept.push(artifact);
                }
                None => left_out += 1,
            }
        }
        self.artifacts = kept;
        if left_out > 0 {
            let why = format!("{left_out} manifests beyond {MANIFESTS_BYTES} bytes in all");
            self.omitted.push(Omission { digest: None, why });
        }
    }
}

/// Which blobs to fetch.
struct Plan {
    /// Digests and the most bytes of each.
    fetch: Vec<(Digest, usize)>,
    bytes: usize,
    omit: Vec<(Digest, Omission)>,
}

impl Plan {
    /// The smallest first, so that large blobs push out no signature.
    fn new(artifacts: &[Artifact], most: usize) -> Self {
        let mut sizes = BTreeSet::new();
        let mut seen = BTreeSet::new();
        for layer in artifacts.iter().flat_map(layers) {
            if seen.insert(layer.digest) {
                sizes.insert((layer.size, layer.digest));
            }
        }
        let mut plan = Self {
            fetch: Vec::new(),
            bytes: 0,
            omit: Vec::new(),
        };
        for (size, digest) in sizes {
            let room = most.saturating_sub(plan.bytes);
            match usize::try_from(size) {
                Ok(size) if size > limits::BLOB_BYTES => {
                    plan.omit(digest, format!("larger than {} bytes", limits::BLOB_BYTES));
                }
                Ok(size) if size <= room => {
                    plan.bytes += size;
                    plan.fetch.push((digest, size));
                }
                _ => plan.omit(digest, format!("beyond {most} bytes in all for one image")),
            }
        }
        plan
    }

    fn omit(&mut self, digest: Digest, why: String) {
        let omission = Omission {
            digest: Some(digest),
            why,
        };
        self.omit.push((digest, omission));
    }
}

/// Gives an artifact its blobs, and the reasons for those that are missing.
fn hand_over(artifact: &mut Artifact, blobs: &BTreeMap<Digest, Result<Blob, Omission>>) {
    let wanted = layers(artifact).into_iter().map(|layer| layer.digest);
    let wanted: BTreeSet<_> = wanted.collect();
    for digest in wanted {
        match blobs.get(&digest) {
            Some(Ok(blob)) => artifact.blobs.push(blob.clone()),
            Some(Err(omission)) => artifact.omitted.push(omission.clone()),
            None => {}
        }
    }
}

/// The layers that a verification reads.
fn layers(artifact: &Artifact) -> Vec<Descriptor> {
    match Manifest::parse(artifact.manifest.bytes()) {
        Ok(manifest) => signed_layers(&manifest).into_iter().cloned().collect(),
        // Core reports it.
        Err(_) => Vec::new(),
    }
}

fn artifact(source: Source, manifest: Blob) -> Artifact {
    Artifact {
        source,
        manifest,
        blobs: Vec::new(),
        omitted: Vec::new(),
    }
}

/// A failure that whoever pushed it can bring about leaves the thing out. Any other leaves the
/// image undecided.
fn omission(digest: Option<Digest>, error: &RegistryError) -> Result<Omission, RegistryError> {
    match error.cause() {
        Cause::NotFound | Cause::TooLarge => Ok(Omission {
            digest,
            why: error.to_string(),
        }),
        _ => Err(error.clone()),
    }
}

/// At most [`limits::ARTIFACTS`] of those that may be signatures, the likely ones first, and a
/// few of the others so that the verdict can mention them.
fn choose(list: Referrers, omitted: &mut Vec<Omission>) -> Vec<(Likelihood, Descriptor)> {
    let mut omit = |why| omitted.push(Omission { digest: None, why });
    list.omitted.into_iter().for_each(&mut omit);
    let rated = list.descriptors.into_iter();
    let mut rated: Vec<_> = rated.map(|one| (likelihood(&one), one)).collect();
    rated.sort_by_key(|(likelihood, _)| *likelihood);
    let possible = rated.partition_point(|(likelihood, _)| *likelihood < Likelihood::Foreign);
    if let Some(more @ 1..) = possible.checked_sub(limits::ARTIFACTS) {
        omit(format!(
            "{more} of {possible} possible signatures were not looked at"
        ));
    }
    rated.truncate(limits::ARTIFACTS.min(possible + MOST_FOREIGN));
    rated
}

fn likelihood(descriptor: &Descriptor) -> Likelihood {
    if descriptor.media_type != "application/vnd.oci.image.manifest.v1+json" {
        return Likelihood::Foreign;
    }
    match descriptor.artifact_type.as_deref().unwrap_or_default() {
        "application/vnd.cncf.notary.signature" | "application/vnd.in-toto+json" => {
            Likelihood::Signature
        }
        kind if kind.starts_with("application/vnd.dev.sigstore.bundle") => Likelihood::Signature,
        kind if kind.starts_with("application/vnd.dev.cosign.") => Likelihood::Signature,
        ""
        | "application/vnd.oci.empty.v1+json"
        | "application/vnd.oci.image.config.v1+json"
        | "application/vnd.docker.container.image.v1+json" => Likelihood::Unclear,
        _ => Likelihood::Foreign,
    }
}
