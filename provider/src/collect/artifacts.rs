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
pub(super) const AT_ONCE: usize = 16;
/// Lists of referrers and tags that are asked for at once, of so many manifests.
const LISTS_AT_ONCE: usize = 6;
/// Manifests of referrers that are fetched, and blobs: with the image, its lists and its tags
/// that is about 200 requests, the most that one image can cost. Nearly all have fewer than five.
const MOST_MANIFESTS: usize = 96;
const MOST_BLOBS: usize = 96;
/// The same beside one platform of an index at least, however many platforms there are.
const LEAST_SHARE: usize = 8;
/// Manifests that are looked at although they are listed as something else than a signature.
const MOST_FOREIGN: usize = 16;
/// Bytes of all manifests beside one image; a signature's has about a thousand, one of cosign's
/// tags about ten thousand for each signature.
const MANIFESTS_BYTES: usize = 8 << 20;

/// A look beside one manifest.
pub(super) struct Gathering<'a> {
    pub(super) client: &'a RegistryClient,
    pub(super) parsing: &'a Parsing,
    pub(super) repository: &'a Repository,
    pub(super) digest: Digest,
    pub(super) deadline: Instant,
}

/// How much is fetched beside one manifest of several: each may have its share, used or not.
#[derive(Clone, Copy)]
struct Most {
    manifests: usize,
    manifests_bytes: usize,
    blobs: usize,
    blobs_bytes: usize,
}

impl Most {
    /// Of so many.
    fn of(places: usize, bytes_per_image: usize) -> Self {
        let places = places.max(1);
        Self {
            manifests: (MOST_MANIFESTS / places).max(LEAST_SHARE),
            manifests_bytes: MANIFESTS_BYTES / places,
            blobs: (MOST_BLOBS / places).max(LEAST_SHARE),
            blobs_bytes: bytes_per_image / places,
        }
    }
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

/// Fetches what is wanted beside each of these manifests, all in one repository: manifests first,
/// then the blobs that a verification reads.
///
/// Room is made before anything is fetched whose size is listed. It is made for all of it at
/// once: images that each hold a part of what they need would wait for one another.
pub(super) async fn gather(
    places: &[Gathering<'_>],
    wanted: Wanted,
) -> Result<Vec<Gathered>, RegistryError> {
    let Some(first) = places.first() else {
        return Ok(Vec::new());
    };
    let most = Most::of(places.len(), first.client.bytes_per_image());
    let looks: Vec<_> = places.iter().map(|one| one.look(wanted, most)).collect();
    let looks = stream::iter(looks).buffered(LISTS_AT_ONCE);
    let mut found: Vec<Seen> = looks.try_collect().await?;
    first.fetch_manifests(places, &mut found).await?;
    let mut found: Vec<_> = found.into_iter().map(|seen| seen.found).collect();
    for gathered in &mut found {
        gathered.bound_manifests(most.manifests_bytes);
    }
    first.fetch_blobs(&mut found, most).await?;
    Ok(found.into_iter().map(Gathered::in_order).collect())
}

/// What the lists and tags beside one manifest hold.
struct Seen {
    found: Gathered,
    source: Source,
    /// The referrers to fetch.
    chosen: Vec<Listed>,
    /// The bytes of their manifests.
    bytes: usize,
}

impl Gathering<'_> {
    /// Asks for lists and tags.
    async fn look(&self, wanted: Wanted, most: Most) -> Result<Seen, RegistryError> {
        let (mut seen, signatures, attestations) = futures::try_join!(
            self.referrers(wanted.referrers, most),
            self.cosign_tag(wanted.cosign_signatures, Source::CosignSignatureTag, "sig"),
            self.cosign_tag(
                wanted.cosign_attestations,
                Source::CosignAttestationTag,
                "att"
            ),
        )?;
        let mut found = Gathered::default();
        let referrers = std::mem::take(&mut seen.found);
        for part in [signatures, attestations, referrers] {
            found.artifacts.extend(part.artifacts);
            found.omitted.extend(part.omitted);
            found.rooms.extend(part.rooms);
            found.doubt = found.doubt.or(part.doubt);
        }
        seen.found = found;
        Ok(seen)
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

    async fn referrers(&self, wanted: bool, most: Most) -> Result<Seen, RegistryError> {
        let mut seen = Seen {
            found: Gathered::default(),
            source: Source::ReferrersApi,
            chosen: Vec::new(),
            bytes: 0,
        };
        if !wanted {
            return Ok(seen);
        }
        let list = self
            .client
            .referrers(self.repository, &self.digest, self.deadline)
            .await?;
        seen.source = list.source;
        seen.found.doubt.clone_from(&list.doubt);
        (seen.chosen, seen.bytes) = choose(list, &mut seen.found.omitted, most);
        Ok(seen)
    }

    /// Fetches the manifests that were chosen.
    async fn fetch_manifests(
        &self,
        places: &[Gathering<'_>],
        seen: &mut [Seen],
    ) -> Result<(), RegistryError> {
        let mut chosen = Vec::new();
        for (index, (place, seen)) in places.iter().zip(seen.iter_mut()).enumerate() {
            let listed = std::mem::take(&mut seen.chosen).into_iter();
            chosen.extend(listed.map(|listed| (index, place, listed)));
        }
        if chosen.is_empty() {
            return Ok(());
        }
        let bytes = seen.iter().map(|one| one.bytes).sum();
        let room = self.client.reserve(self.repository, bytes, self.deadline);
        let mut room = room.await?;
        let looks = chosen
            .into_iter()
            .map(|(index, place, listed)| place.manifest_of(index, listed));
        let looks: Vec<_> = looks.collect();
        let looks: Vec<_> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
        let mut fetched = 0;
        for (index, look) in looks {
            let Some(Seen { found, source, .. }) = seen.get_mut(index) else {
                continue;
            };
            match look {
                Look::Manifest(manifest) => {
                    fetched += manifest.bytes().len();
                    found.artifacts.push(artifact(*source, manifest));
                }
                Look::Omitted(omission) => found.omitted.push(omission),
                Look::Doubted(error) => {
                    found.doubt.get_or_insert(error);
                }
            }
        }
        room.shrink(fetched);
        if let Some(first) = seen.first_mut() {
            first.found.rooms.push(room);
        }
        Ok(())
    }

    /// The same, for the place of this index.
    async fn manifest_of(
        &self,
        index: usize,
        listed: Listed,
    ) -> Result<(usize, Look), RegistryError> {
        Ok((index, self.manifest(listed).await?))
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

    /// Fetches the blobs, each once, whoever's artifacts name it.
    async fn fetch_blobs(&self, found: &mut [Gathered], most: Most) -> Result<(), RegistryError> {
        let mut layers = Vec::with_capacity(found.len());
        let mut plan = Plan::default();
        for gathered in found.iter() {
            let layers_of = self.layers(&gathered.artifacts).await;
            plan.add(&layers_of, most);
            layers.push(layers_of);
        }
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
        if let Some(first) = found.first_mut() {
            first.rooms.extend(room);
        }
        for (digest, why) in plan.omit {
            blobs.entry(digest).or_insert(Err(why));
        }
        for (gathered, layers) in found.iter_mut().zip(&layers) {
            for (artifact, layers) in gathered.artifacts.iter_mut().zip(layers) {
                hand_over(artifact, layers, &blobs);
            }
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

    /// Leaves out the manifests beyond so many bytes, the largest first, so that none of
    /// the places can crowd out the others.
    fn bound_manifests(&mut self, most: usize) {
        let mut room = most;
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
            let why = format!("{left_out} manifests beyond {most} bytes in all");
            self.omitted.push(Omission { digest: None, why });
        }
    }
}

/// Which blobs to fetch.
#[derive(Default)]
struct Plan {
    /// Digests and the most bytes of each.
    fetch: Vec<(Digest, usize)>,
    bytes: usize,
    omit: Vec<(Digest, Omission)>,
    seen: BTreeSet<Digest>,
}

impl Plan {
    /// Adds what the artifacts beside one manifest name: the first layer of every artifact, then the
    /// second, each time the smallest first: so neither large blobs nor an artifact of many layers
    /// push out a signature.
    fn add(&mut self, artifacts: &[Vec<(Digest, u64)>], most: Most) {
        let mut wanted: Vec<_> = artifacts
            .iter()
            .flat_map(|layers| layers.iter().enumerate())
            .map(|(rank, (digest, size))| (rank, *size, *digest))
            .collect();
        wanted.sort_unstable();
        let (mut bytes, mut blobs) = (0, 0);
        for (_, size, digest) in wanted {
            if !self.seen.insert(digest) {
                continue;
            }
            let room = most.blobs_bytes.saturating_sub(bytes);
            match usize::try_from(size) {
                Ok(size) if size > limits::BLOB_BYTES => {
                    self.omit(digest, format!("larger than {} bytes", limits::BLOB_BYTES));
                }
                _ if blobs >= most.blobs => {
                    self.omit(digest, format!("beyond {} blobs for one image", most.blobs));
                }
                Ok(size) if size <= room => {
                    bytes += size;
                    blobs += 1;
                    self.fetch.push((digest, size));
                }
                _ => {
                    let most = most.blobs_bytes;
                    self.omit(digest, format!("beyond {most} bytes in all for one image"));
                }
            }
        }
        self.bytes += bytes;
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
/// At most so many, those that may be signatures before a few of the others, so that
/// the verdict can mention them; and of these the small ones before the large ones, up to
/// the most bytes.
fn choose(list: Referrers, omitted: &mut Vec<Omission>, most: Most) -> (Vec<Listed>, usize) {
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
    if let Some(more @ 1..) = possible.checked_sub(most.manifests) {
        let why = format!("{more} of {possible} possible signatures were not looked at");
        omit(None, why);
    }
    rated.truncate(most.manifests.min(possible + MOST_FOREIGN));
    rated.sort_by_key(|listed| (class(listed.likelihood), listed.size));
    let mut bytes = 0;
    let mut left_out = 0;
    rated.retain(|listed| {
        if listed.size > limits::MANIFEST_BYTES {
            let why = format!("a manifest of {} bytes", listed.size);
            omit(Some(listed.digest), why);
            return false;
        }
        let fits = bytes + listed.size <= most.manifests_bytes;
        match fits {
            true => bytes += listed.size,
            // What belongs to somebody else would only have been mentioned.
            false => left_out += usize::from(listed.likelihood < Likelihood::Foreign),
        }
        fits
    });
    if left_out > 0 {
        let most = most.manifests_bytes;
        let why = format!("{left_out} manifests beyond {most} bytes in all");
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
