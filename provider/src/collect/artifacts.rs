//! What is beside an image: found, chosen, and fetched within bounds.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use sealgate_core::Manifest;
use sealgate_core::evidence::{Artifact, Blob, Omission, Source};
use sealgate_core::reference::Repository;
use sealgate_core::{Digest, json, limits, signed_layers};
use serde::de::IgnoredAny;
use tokio::time::Instant;

use super::Wanted;
use super::parsing::Parsing;
use crate::registry::{
    Cause, Likelihood, Referrers, RegistryClient, RegistryError, Room, likelihood,
};

/// Requests for one image at once.
const AT_ONCE: usize = 16;
/// Manifests of referrers that are fetched, and blobs: with the image, its lists and its tags
/// that is about 200 requests, the most that one image can cost. Nearly all have fewer than five.
const MOST_MANIFESTS: usize = 96;
const MOST_BLOBS: usize = 96;
/// Manifests that are looked at although they are listed as something else than a signature.
const MOST_FOREIGN: usize = 16;
/// Bytes of all manifests beside one image; a signature's has about a thousand, one of cosign's
/// tags about ten thousand for each signature.
const MANIFESTS_BYTES: usize = 8 << 20;

/// A look beside one image.
pub(super) struct Gathering<'a> {
    pub(super) client: &'a RegistryClient,
    pub(super) parsing: &'a Parsing,
    pub(super) repository: &'a Repository,
    pub(super) digest: &'a Digest,
    pub(super) deadline: Instant,
}

/// What was gathered, and the room it takes.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) artifacts: Vec<Artifact>,
    pub(super) omitted: Vec<Omission>,
    pub(super) rooms: Vec<Room>,
    /// Why there may be more, which could not be found out.
    pub(super) doubt: Option<RegistryError>,
}

/// What became of a referrer.
enum Look {
    Manifest(Blob),
    Omitted(Omission),
    /// It could not be fetched, and is listed as something else than a signature. If the list is
    /// right, nobody needs it.
    Doubted(RegistryError),
}

/// A referrer to look at.
struct Listed {
    likelihood: Likelihood,
    digest: Digest,
    size: usize,
}

impl Gathering<'_> {
    /// Fetches what is wanted: manifests first, then the blobs that a verification reads.
    ///
    /// Room is made before anything is fetched whose size is listed. It is made for all of it at
    /// once: images that each hold a part of what they need would wait for one another.
    pub(super) async fn gather(&self, wanted: Wanted) -> Result<Gathered, RegistryError> {
        let (referrers, signatures, attestations) = futures::try_join!(
            self.referrers(wanted.referrers),
            self.cosign_tag(wanted.cosign_signatures, Source::CosignSignatureTag, "sig"),
            self.cosign_tag(
                wanted.cosign_attestations,
                Source::CosignAttestationTag,
                "att"
            ),
        )?;
        let mut found = Gathered::default();
        for part in [signatures, attestations, referrers] {
            found.artifacts.extend(part.artifacts);
            found.omitted.extend(part.omitted);
            found.rooms.extend(part.rooms);
            found.doubt = found.doubt.or(part.doubt);
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
    ) -> Result<Gathered, RegistryError> {
        let mut found = Gathered::default();
        if !wanted {
            return Ok(found);
        }
        let tag = format!("{}.{suffix}", self.digest.tag_prefix());
        match self.client.tag(self.repository, &tag, self.deadline).await {
            Ok(manifest) => {
                let bytes = manifest.blob.bytes().len();
                found.rooms.push(self.client.count(self.repository, bytes)?);
                found.doubt = self.doubt(&tag, &manifest.blob).await;
                found.artifacts.push(artifact(source, manifest.blob));
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => found.omitted.push(omission(None, &error)?),
        }
        Ok(found)
    }

    /// Doubts a manifest under a tag that is no JSON: no registry takes such a one from anybody,
    /// so it is a page of something that stands in front of it.
    async fn doubt(&self, tag: &str, manifest: &Blob) -> Option<RegistryError> {
        let bytes = manifest.clone();
        let parsed = move || json::parse::<IgnoredAny>(bytes.bytes()).err();
        let error = self.parsing.run(manifest.bytes().len(), parsed).await?;
        let asked = format!("the manifest {}:{tag}", self.repository.path());
        let found = format!("something that is no JSON: {error}");
        let host = self.repository.host();
        Some(RegistryError::new(Cause::Malformed, host, asked, found))
    }

    async fn referrers(&self, wanted: bool) -> Result<Gathered, RegistryError> {
        let mut found = Gathered::default();
        if !wanted {
            return Ok(found);
        }
        let list = self
            .client
            .referrers(self.repository, self.digest, self.deadline)
            .await?;
        let source = list.source;
        found.doubt.clone_from(&list.doubt);
        let (chosen, bytes) = choose(list, &mut found.omitted);
        if chosen.is_empty() {
            return Ok(found);
        }
        let room = self.client.reserve(self.repository, bytes, self.deadline);
        let mut room = room.await?;
        let manifests = stream::iter(chosen)
            .map(|listed| self.manifest(listed))
            .buffered(AT_ONCE);
        let looks: Vec<_> = manifests.try_collect().await?;
        for look in looks {
            match look {
                Look::Manifest(manifest) => found.artifacts.push(artifact(source, manifest)),
                Look::Omitted(omission) => found.omitted.push(omission),
                Look::Doubted(error) => {
                    found.doubt.get_or_insert(error);
                }
            }
        }
        let manifests = found.artifacts.iter();
        room.shrink(manifests.map(|one| one.manifest.bytes().len()).sum());
        found.rooms.push(room);
        Ok(found)
    }

    async fn manifest(&self, listed: Listed) -> Result<Look, RegistryError> {
        let Listed {
            likelihood,
            digest,
            size,
        } = listed;
        let manifest = self
            .client
            .reserved_manifest(self.repository, &digest, size, self.deadline);
        match manifest.await {
            Ok(manifest) => Ok(Look::Manifest(manifest.blob)),
            Err(error) => match omission(Some(digest), &error) {
                Ok(omission) => Ok(Look::Omitted(omission)),
                Err(error) if likelihood == Likelihood::Foreign => Ok(Look::Doubted(error)),
                Err(error) => Err(error),
            },
        }
    }

    async fn fetch_blobs(&self, found: &mut Gathered) -> Result<(), RegistryError> {
        let layers = self.layers(&found.artifacts).await;
        let plan = Plan::new(&layers, self.client.bytes_per_image());
        let mut room = match plan.bytes {
            0 => None,
            bytes => {
                let room = self.client.reserve(self.repository, bytes, self.deadline);
                Some(room.await?)
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
        if let Some(room) = &mut room {
            let fetched = blobs.values().flatten();
            room.shrink(fetched.map(|blob: &Blob| blob.bytes().len()).sum());
        }
        found.rooms.extend(room);
        blobs.extend(
            plan.omit
                .into_iter()
                .map(|(digest, why)| (digest, Err(why))),
        );
        for (artifact, layers) in found.artifacts.iter_mut().zip(&layers) {
            hand_over(artifact, layers, &blobs);
        }
        Ok(())
    }

    /// The layers of each artifact that a verification reads, with their sizes.
    async fn layers(&self, artifacts: &[Artifact]) -> Vec<Vec<(Digest, u64)>> {
        let manifests: Vec<_> = artifacts.iter().map(|one| one.manifest.clone()).collect();
        let bytes = manifests.iter().map(|one| one.bytes().len()).sum();
        let read = move || manifests.iter().map(layers).collect();
        self.parsing.run(bytes, read).await
    }
}

impl Gathered {
    /// In an order that does not depend on the registry's: equal contents, equal evidence.
    pub(super) fn in_order(mut self) -> Self {
        self.artifacts
            .sort_by_key(|artifact| (artifact.source, artifact.manifest.digest()));
        self.artifacts
            .dedup_by_key(|artifact| (artifact.source, artifact.manifest.digest()));
        self
    }

    /// Leaves out the manifests beyond [`MANIFESTS_BYTES`], the largest first, so that none of
    /// the places can crowd out the others.
    fn bound_manifests(&mut self) {
        let mut room = MANIFESTS_BYTES;
        let mut left_out = 0;
        self.artifacts
            .sort_by_key(|artifact| artifact.manifest.bytes().len());
        self.artifacts.retain(|artifact| {
            let fits = room.checked_sub(artifact.manifest.bytes().len());
            room = fits.unwrap_or(room);
            left_out += usize::from(fits.is_none());
            fits.is_some()
        });
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
    /// The first layer of every artifact, then the second, each time the smallest first: so
    /// neither large blobs nor an artifact of many layers push out a signature.
    fn new(artifacts: &[Vec<(Digest, u64)>], most: usize) -> Self {
        let mut wanted: Vec<_> = artifacts
            .iter()
            .flat_map(|layers| layers.iter().enumerate())
            .map(|(rank, (digest, size))| (rank, *size, *digest))
            .collect();
        wanted.sort_unstable();
        let mut seen = BTreeSet::new();
        let mut plan = Self {
            fetch: Vec::new(),
            bytes: 0,
            omit: Vec::new(),
        };
        for (_, size, digest) in wanted {
            if !seen.insert(digest) {
                continue;
            }
            let room = most.saturating_sub(plan.bytes);
            match usize::try_from(size) {
                Ok(size) if size > limits::BLOB_BYTES => {
                    plan.omit(digest, format!("larger than {} bytes", limits::BLOB_BYTES));
                }
                _ if plan.fetch.len() >= MOST_BLOBS => {
                    plan.omit(digest, format!("beyond {MOST_BLOBS} blobs for one image"));
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
fn hand_over(
    artifact: &mut Artifact,
    layers: &[(Digest, u64)],
    blobs: &BTreeMap<Digest, Result<Blob, Omission>>,
) {
    let wanted: BTreeSet<_> = layers.iter().map(|(digest, _)| *digest).collect();
    for digest in wanted {
        match blobs.get(&digest) {
            Some(Ok(blob)) => artifact.blobs.push(blob.clone()),
            Some(Err(omission)) => artifact.omitted.push(omission.clone()),
            None => {}
        }
    }
}

/// The layers that a verification reads, with their sizes.
fn layers(manifest: &Blob) -> Vec<(Digest, u64)> {
    match Manifest::parse(manifest.bytes()) {
        Ok(manifest) => signed_layers(&manifest)
            .into_iter()
            .map(|layer| (layer.digest, layer.size))
            .collect(),
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

/// Which referrers to look at, and the bytes of their manifests.
///
/// At most [`MOST_MANIFESTS`], those that may be signatures before a few of the others, so that
/// the verdict can mention them; and of these the small ones before the large ones, up to
/// [`MANIFESTS_BYTES`].
fn choose(list: Referrers, omitted: &mut Vec<Omission>) -> (Vec<Listed>, usize) {
    let mut omit = |digest, why| omitted.push(Omission { digest, why });
    for why in list.omitted {
        omit(None, why);
    }
    let rated = list.descriptors.iter().map(|one| Listed {
        likelihood: likelihood(one),
        digest: one.digest,
        size: usize::try_from(one.size).unwrap_or(usize::MAX),
    });
    let mut rated: Vec<_> = rated.collect();
    take_turns(&mut rated);
    let possible = rated.partition_point(|listed| listed.likelihood < Likelihood::Foreign);
    if let Some(more @ 1..) = possible.checked_sub(MOST_MANIFESTS) {
        let why = format!("{more} of {possible} possible signatures were not looked at");
        omit(None, why);
    }
    rated.truncate(MOST_MANIFESTS.min(possible + MOST_FOREIGN));
    rated.sort_by_key(|listed| (class(listed.likelihood), listed.size));
    let mut bytes = 0;
    let mut left_out = 0;
    rated.retain(|listed| {
        if listed.size > limits::MANIFEST_BYTES {
            let why = format!("a manifest of {} bytes", listed.size);
            omit(Some(listed.digest), why);
            return false;
        }
        let fits = bytes + listed.size <= MANIFESTS_BYTES;
        match fits {
            true => bytes += listed.size,
            // What belongs to somebody else would only have been mentioned.
            false => left_out += usize::from(listed.likelihood < Likelihood::Foreign),
        }
        fits
    });
    if left_out > 0 {
        let why = format!("{left_out} manifests beyond {MANIFESTS_BYTES} bytes in all");
        omit(None, why);
    }
    (rated, bytes)
}

/// Signatures before what may be some, and those before the rest; among signatures one of each
/// family after the other, each in the registry's order: whoever adds hundreds to one family takes
/// no place of another.
fn take_turns(rated: &mut [Listed]) {
    let mut of_family = BTreeMap::new();
    let ranks: BTreeMap<_, usize> = rated
        .iter()
        .map(|listed| {
            let count: &mut usize = of_family.entry(listed.likelihood).or_default();
            *count += 1;
            (listed.digest, *count)
        })
        .collect();
    rated.sort_by_key(|listed| (class(listed.likelihood), ranks.get(&listed.digest).copied()));
}

fn class(likelihood: Likelihood) -> u8 {
    match likelihood {
        Likelihood::Signature(_) => 0,
        Likelihood::Unclear => 1,
        Likelihood::Foreign => 2,
    }
}
