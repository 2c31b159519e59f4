//! The manifests that an index lists for platforms, where a policy asks for each of them.
//!
//! Which they are is core's to say. One that the registry does not have is left out, and core refuses
//! the image for it: whoever pushes an index may name anything. That the registry fails leaves the
//! image undecided, as always.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use sealgate_core::evidence::{Evidence, Omission, Platform};
use sealgate_core::{Listed, Reference, Shape, limits};
use tokio::time::Instant;

use super::artifacts::{AT_ONCE, Gathered, gather};
use super::{CollectError, Collected, Collector, Wanted};
use crate::registry::{Cause, Fetched, RegistryError, Room};

/// Platforms as they were collected, and the room that what is new of them takes.
#[derive(Debug, Default)]
pub(super) struct Platforms {
    pub(super) platforms: Vec<Platform>,
    pub(super) omitted: Vec<Omission>,
    pub(super) rooms: Vec<Room>,
    pub(super) doubt: Option<RegistryError>,
}

impl Collector {
    /// Adds the platforms, and what lies in these places beside each.
    pub(super) async fn with_platforms(
        &self,
        collected: Collected,
        wanted: Wanted,
        deadline: Instant,
    ) -> Result<Collected, CollectError> {
        let Collected {
            mut evidence,
            mut rooms,
            doubt,
        } = collected;
        let found = self
            .extend_platforms(&evidence, wanted, true, deadline)
            .await?;
        evidence.platforms = found.platforms;
        evidence.omitted.extend(found.omitted);
        rooms.extend(found.rooms);
        Ok(Collected {
            evidence,
            rooms,
            doubt: doubt.or(found.doubt),
        })
    }

    /// The platforms of the evidence with what is in these places beside each; `fetch`: their manifests
    /// have to be fetched first.
    pub(super) async fn extend_platforms(
        &self,
        evidence: &Evidence,
        wanted: Wanted,
        fetch: bool,
        deadline: Instant,
    ) -> Result<Platforms, RegistryError> {
        let mut all = Platforms {
            platforms: evidence.platforms.clone(),
            ..Platforms::default()
        };
        let reference = &evidence.subject.reference;
        if fetch {
            self.fetch_platforms(evidence, deadline, &mut all).await?;
        }
        let gatherings: Vec<_> = all
            .platforms
            .iter()
            .map(|one| self.gathering(reference, one.manifest.digest(), deadline))
            .collect();
        let found = gather(&gatherings, wanted).await?;
        for (platform, more) in all.platforms.iter_mut().zip(found) {
            let both = Gathered {
                artifacts: [std::mem::take(&mut platform.artifacts), more.artifacts].concat(),
                omitted: [std::mem::take(&mut platform.omitted), more.omitted].concat(),
                ..Gathered::default()
            };
            let both = both.in_order();
            platform.artifacts = both.artifacts;
            platform.omitted = both.omitted;
            all.rooms.extend(more.rooms);
            all.doubt = all.doubt.or(more.doubt);
        }
        Ok(all)
    }

    async fn fetch_platforms(
        &self,
        evidence: &Evidence,
        deadline: Instant,
        all: &mut Platforms,
    ) -> Result<(), RegistryError> {
        let reference = &evidence.subject.reference;
        let subject = evidence.subject.manifest.clone();
        let length = subject.bytes().len();
        let read = move || Shape::of(subject.bytes());
        // What cannot be read, and what is no index, has no platforms: core says so.
        let Ok(Shape::Index(index)) = self.parsing.run(length, read).await else {
            return Ok(());
        };
        let most = self.client.bytes_per_image();
        let mut bytes = 0;
        let mut wanted = Vec::with_capacity(index.platforms.len());
        for listed in index.platforms {
            match bytes + size(&listed) <= most {
                true => {
                    bytes += size(&listed);
                    wanted.push(listed);
                }
                false => all.omitted.push(Omission {
                    digest: Some(listed.digest),
                    why: format!("beyond {most} bytes in all for one image"),
                }),
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let room = self.client.reserve(reference.repository(), bytes, deadline);
        let mut room = room.await?;
        let fetched = wanted
            .into_iter()
            .map(|listed| self.platform(reference, listed, deadline));
        let fetched: Vec<_> = fetched.collect();
        let fetched = stream::iter(fetched).buffered(AT_ONCE);
        let fetched: Vec<Result<Fetched, Omission>> = fetched.try_collect().await?;
        let mut held = 0;
        for found in fetched {
            match found {
                Ok(found) => {
                    held += found.blob.bytes().len();
                    all.platforms.push(Platform {
                        media_type: found.media_type,
                        manifest: found.blob,
                        artifacts: Vec::new(),
                        omitted: Vec::new(),
                    });
                }
                Err(omission) => all.omitted.push(omission),
            }
        }
        room.shrink(held);
        all.rooms.push(room);
        Ok(())
    }

    async fn platform(
        &self,
        reference: &Reference,
        listed: Listed,
        deadline: Instant,
    ) -> Result<Result<Fetched, Omission>, RegistryError> {
        let most = size(&listed);
        let repository = reference.repository();
        let manifest = self
            .client
            .reserved_manifest(repository, &listed.digest, most, deadline);
        match manifest.await {
            Ok(manifest) => Ok(Ok(manifest)),
            Err(error) => match error.cause() {
                Cause::NotFound | Cause::TooLarge => Ok(Err(Omission {
                    digest: Some(listed.digest),
                    why: error.to_string(),
                })),
                _ => Err(error),
            },
        }
    }
}

/// The most bytes of a manifest, as the index has it.
fn size(listed: &Listed) -> usize {
    usize::try_from(listed.size)
        .unwrap_or(usize::MAX)
        .min(limits::MANIFEST_BYTES)
}
