//! Collecting evidence: the image and everything beside it that may vouch for it.
//!
//! Whoever may push beside an image may push anything. Nothing they push makes an image
//! undecided: what is missing, too large or too much is left out, and the evidence says so.
//! Only the registry itself can make it undecided, by failing.
//!
//! A registry may also answer so that it stays open whether there is more. What was found then
//! may admit an image and not refuse it: [`Collected::doubt`].

mod artifacts;
mod parsing;
mod platforms;
mod revocation;
mod subject;

use std::ops::{BitOr, Sub};
use std::sync::Arc;

use sealgate_core::evidence::{Evidence, Request, Subject};
use sealgate_core::{Digest, Reference, limits};
use tokio::time::Instant;

use crate::registry::{Fetched, RegistryClient, RegistryError, Room};
use crate::shares::Standing;
use artifacts::{Gathered, Gathering, gather};
use parsing::Parsing;

pub use revocation::RevocationClient;

/// Collects evidence from registries.
#[derive(Clone, Debug)]
pub struct Collector {
    client: RegistryClient,
    parsing: Parsing,
}

/// Evidence as it was collected, and the room that it takes: keep that as long as the evidence.
#[derive(Debug)]
pub struct Collected {
    /// The evidence.
    pub evidence: Evidence,
    /// Its bytes count as held until this is dropped.
    pub rooms: Vec<Room>,
    /// Why there may be more: the registry did not say what it has, nor that it has nothing. Such
    /// evidence may admit an image; that something is missing from it must not refuse one.
    pub doubt: Option<RegistryError>,
}

/// A reference and the digest it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    reference: Reference,
    digest: Digest,
    /// There if it took a look at the registry.
    manifest: Option<Fetched>,
}

/// Which of the places beside an image to look at.
///
/// Evidence from fewer places can make an image look unsigned, never the reverse. So a caller
/// may look at [`REFERRERS`](Self::REFERRERS) first, and [`extend`](Collector::extend) the
/// evidence only if that does not suffice: an image signed with cosign v3 then costs no request
/// for the tags of cosign v2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// What refers to the image: bundles, Notary Project signatures, attestations.
    pub referrers: bool,
    /// Cosign's tag `.sig`.
    pub cosign_signatures: bool,
    /// Cosign's tag `.att`.
    pub cosign_attestations: bool,
    /// The manifests that an index lists for platforms, and the same places beside each of them.
    pub platforms: bool,
}

/// Why there is no evidence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CollectError {
    /// The registry says that the image does not exist.
    #[error("there is no image {image}: {source}")]
    ImageNotFound {
        /// The reference.
        image: String,
        /// What the registry said.
        source: RegistryError,
    },
    /// It cannot be said what there is.
    #[error(transparent)]
    Undecided(#[from] RegistryError),
}

impl Collector {
    /// Collects with this client.
    pub fn new(client: RegistryClient) -> Self {
        Self {
            client,
            parsing: Parsing::new(),
        }
    }

    /// Finds the digest of a reference: its own, else that of what its tag names now.
    ///
    /// Without a tag lookup nothing is asked of the registry, not even whether the image is
    /// there; [`collect`](Self::collect) does.
    ///
    /// # Errors
    /// If the tag does not exist, or the registry does not say.
    pub async fn resolve(
        &self,
        reference: &Reference,
        deadline: Instant,
    ) -> Result<Resolved, CollectError> {
        if let Some(digest) = reference.digest() {
            return Ok(Resolved::known(reference.clone(), *digest));
        }
        let tag = reference.tag().unwrap_or("latest");
        let found = self.client.tag(reference.repository(), tag, deadline).await;
        let found = found.map_err(|error| CollectError::of_image(reference, error))?;
        Ok(Resolved {
            reference: reference.clone(),
            digest: found.digest,
            manifest: Some(found),
        })
    }

    /// Collects the image's manifest and what is beside it. The manifest of exactly this digest
    /// is judged, be it an image or an index of images.
    ///
    /// # Errors
    /// If the image does not exist, or the registry fails for anything that may matter.
    pub async fn collect(
        &self,
        image: &Resolved,
        request: Request,
        wanted: Wanted,
        deadline: Instant,
    ) -> Result<Collected, CollectError> {
        let gathering = self.gathering(&image.reference, image.digest, deadline);
        let beside = async { Ok(gathered(&gathering, wanted).await?) };
        let ((subject, room), found) = futures::try_join!(self.subject(image, deadline), beside)?;
        let mut rooms = found.rooms;
        rooms.push(room);
        let collected = Collected {
            evidence: Evidence {
                request,
                subject,
                artifacts: found.artifacts,
                omitted: found.omitted,
                revocation: Vec::new(),
                platforms: Vec::new(),
            },
            rooms,
            doubt: found.doubt,
        };
        match wanted.platforms {
            true => self.with_platforms(collected, wanted, deadline).await,
            false => Ok(collected),
        }
    }

    /// The same evidence, which has what is in the `known` places, with what is in further ones, and
    /// the room which that takes. The doubt is about these alone.
    ///
    /// # Errors
    /// As [`collect`](Self::collect).
    pub async fn extend(
        &self,
        evidence: &Evidence,
        known: Wanted,
        wanted: Wanted,
        deadline: Instant,
    ) -> Result<Collected, CollectError> {
        let further = wanted - known;
        // Beside platforms that were not looked at nothing is known.
        let beside = match further.platforms {
            true => wanted | known,
            false => further,
        };
        let digest = evidence.subject.digest();
        let gathering = self.gathering(&evidence.subject.reference, digest, deadline);
        let (more, platforms) = futures::try_join!(
            gathered(&gathering, further),
            self.extend_platforms(evidence, beside, further.platforms, deadline)
        )?;
        let mut evidence = evidence.clone();
        evidence.platforms = platforms.platforms;
        let all = Gathered {
            artifacts: [evidence.artifacts, more.artifacts].concat(),
            omitted: [evidence.omitted, more.omitted, platforms.omitted].concat(),
            rooms: [more.rooms, platforms.rooms]
                .into_iter()
                .flatten()
                .collect(),
            doubt: more.doubt.or(platforms.doubt),
        };
        let all = all.in_order();
        evidence.artifacts = all.artifacts;
        evidence.omitted = all.omitted;
        Ok(Collected {
            evidence,
            rooms: all.rooms,
            doubt: all.doubt,
        })
    }

    fn gathering<'a>(
        &'a self,
        reference: &'a Reference,
        digest: Digest,
        deadline: Instant,
    ) -> Gathering<'a> {
        Gathering {
            client: &self.client,
            parsing: &self.parsing,
            repository: reference.repository(),
            digest,
            deadline,
        }
    }

    /// Which registries are known.
    pub(crate) fn standing(&self) -> &Arc<Standing> {
        self.client.standing()
    }

    async fn subject(
        &self,
        image: &Resolved,
        deadline: Instant,
    ) -> Result<(Subject, Room), CollectError> {
        let Resolved {
            reference, digest, ..
        } = image;
        let fetched = match &image.manifest {
            Some(fetched) => fetched.clone(),
            None => {
                let found = self.client.manifest(
                    reference.repository(),
                    digest,
                    limits::MANIFEST_BYTES,
                    deadline,
                );
                let found = found.await;
                found.map_err(|error| CollectError::of_image(reference, error))?
            }
        };
        let bytes = fetched.blob.bytes().len();
        let room = self.client.count(reference.repository(), bytes)?;
        let reference = reference.clone();
        let check = move || subject::check(&reference, fetched);
        Ok((self.parsing.run(bytes, check).await?, room))
    }
}

/// What is beside one manifest.
async fn gathered(gathering: &Gathering<'_>, wanted: Wanted) -> Result<Gathered, RegistryError> {
    let found = gather(std::slice::from_ref(gathering), wanted).await?;
    Ok(found.into_iter().next().unwrap_or_default())
}

impl Resolved {
    /// A reference whose digest is known already.
    pub fn known(reference: Reference, digest: Digest) -> Self {
        Self {
            reference,
            digest,
            manifest: None,
        }
    }

    /// The reference as it was asked for.
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// The digest it stands for.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }
}

impl Wanted {
    /// Everywhere beside the manifest that was asked for.
    pub const ALL: Self = Self {
        referrers: true,
        cosign_signatures: true,
        cosign_attestations: true,
        platforms: false,
    };

    /// What refers to the image, and nothing else.
    pub const REFERRERS: Self = Self {
        referrers: true,
        cosign_signatures: false,
        cosign_attestations: false,
        platforms: false,
    };

    /// The same, and where `each`, beside each platform of an index.
    pub fn and_platforms(self, each: bool) -> Self {
        Self {
            platforms: self.platforms || each,
            ..self
        }
    }

    /// Whether nothing is wanted.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Whether everything that `other` wants is among this.
    pub fn covers(self, other: Self) -> bool {
        (other - self).is_empty()
    }
}

impl BitOr for Wanted {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self {
            referrers: self.referrers || other.referrers,
            cosign_signatures: self.cosign_signatures || other.cosign_signatures,
            cosign_attestations: self.cosign_attestations || other.cosign_attestations,
            platforms: self.platforms || other.platforms,
        }
    }
}

/// What is wanted here and not there.
impl Sub for Wanted {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            referrers: self.referrers && !other.referrers,
            cosign_signatures: self.cosign_signatures && !other.cosign_signatures,
            cosign_attestations: self.cosign_attestations && !other.cosign_attestations,
            platforms: self.platforms && !other.platforms,
        }
    }
}

impl CollectError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ImageNotFound { .. } => "image_not_found",
            Self::Undecided(error) => error.code(),
        }
    }

    fn of_image(reference: &Reference, error: RegistryError) -> Self {
        match error.is_not_found() {
            true => Self::ImageNotFound {
                image: reference.to_string(),
                source: error,
            },
            false => Self::Undecided(error),
        }
    }
}
