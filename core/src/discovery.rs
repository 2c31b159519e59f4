//! Discovery: what the artifacts of the evidence hold, each once, and within bounds.

use std::collections::BTreeSet;

use crate::digest::Digest;
use crate::evidence::{Artifact, Blob, Evidence};
use crate::formats::{self, Carrier, Found, SignedBy};
use crate::judgement::Part;
use crate::limits;
use crate::manifest::{Manifest, ManifestError};
use crate::reason::{Code, Reason};

/// All that was found, in the order of the evidence.
#[derive(Debug, Default)]
pub(crate) struct Discovered {
    /// What can be judged, each once.
    pub(crate) candidates: Vec<Found>,
    /// What claims to be a signature but cannot be read, and why.
    pub(crate) broken: Vec<Reason>,
    /// What is not for us, and why.
    pub(crate) ignored: Vec<Reason>,
    /// How the candidates that could be read are signed. None before they are read.
    pub(crate) kinds: BTreeSet<SignedBy>,
}

impl Discovered {
    /// Why what lies beside the image is no signature.
    pub(crate) fn beside(&self) -> impl Iterator<Item = &Reason> + Clone {
        self.broken.iter().chain(&self.ignored)
    }
}

/// What is being found.
struct Finding {
    discovered: Discovered,
    seen: BTreeSet<(u8, Digest, Digest)>,
    /// What the tags of cosign hold: a tag holds one artifact.
    tagged: Vec<Found>,
    /// What each referrer holds.
    referrers: Vec<Vec<Found>>,
    /// The artifact that is being read.
    artifact: Digest,
    is_referrer: bool,
    dropped: usize,
}

impl Finding {
    /// Notes something signed, unless the same was found before.
    fn candidate(&mut self, blob: Blob, carrier: Carrier) {
        let found = Found::new(self.artifact, blob, carrier);
        if !self.seen.insert(found.identity()) {
            return;
        }
        match (self.is_referrer, self.referrers.last_mut()) {
            (true, Some(referrer)) => referrer.push(found),
            _ if self.tagged.len() < 2 * limits::LAYERS => self.tagged.push(found),
            _ => self.dropped += 1,
        }
    }

    /// Notes that something cannot be read.
    fn broken(&mut self, reason: Reason) {
        if self.discovered.broken.len() < limits::CANDIDATES {
            self.discovered.broken.push(reason);
        }
    }

    /// Notes that something is not for us.
    fn ignored(&mut self, reason: Reason) {
        if self.discovered.ignored.len() < limits::CANDIDATES {
            self.discovered.ignored.push(reason);
        }
    }

    /// Leaves so many of every referrer that all fit, none more than another: a referrer with
    /// hundreds of signatures takes no place of one with a single signature.
    fn share_places(&mut self) {
        let places = limits::CANDIDATES.saturating_sub(self.tagged.len());
        let at_most = |most: usize| -> usize {
            let lengths = self
                .referrers
                .iter()
                .map(|referrer| referrer.len().min(most));
            lengths.sum()
        };
        let fitting = (1..=limits::LAYERS)
            .rev()
            .find(|most| at_most(*most) <= places);
        for referrer in &mut self.referrers {
            let all = referrer.len();
            referrer.truncate(fitting.unwrap_or(0));
            self.dropped += all - referrer.len();
        }
    }

    fn finish(mut self) -> Discovered {
        self.share_places();
        let mut discovered = self.discovered;
        discovered.candidates = self.tagged;
        discovered
            .candidates
            .extend(self.referrers.into_iter().flatten());
        if self.dropped > 0 {
            let read = discovered.candidates.len();
            discovered
                .broken
                .push(too_many("signatures", read + self.dropped, read));
        }
        discovered
    }
}

/// Finds what every artifact of the evidence holds.
pub(crate) fn discover(evidence: &Evidence, digest: &Digest) -> Discovered {
    let mut found = Finding {
        discovered: Discovered::default(),
        seen: BTreeSet::new(),
        tagged: Vec::new(),
        referrers: Vec::new(),
        artifact: *digest,
        is_referrer: false,
        dropped: 0,
    };
    let mut seen = BTreeSet::new();
    for artifact in evidence.artifacts.iter().take(limits::ARTIFACTS) {
        // The same manifest may be listed by the API and by the fallback tag.
        if seen.insert((artifact.manifest.digest(), artifact.source.is_referrer())) {
            found.read(artifact, digest);
            // What cannot stay anyway is not kept until the end.
            found.share_places();
        }
    }
    for omission in &evidence.omitted {
        found.broken(Reason::new(
            Code::LimitExceeded,
            format!(
                "not everything beside the image was fetched: {}",
                omission.why
            ),
        ));
    }
    if evidence.artifacts.len() > limits::ARTIFACTS {
        found.broken(too_many(
            "artifacts",
            evidence.artifacts.len(),
            limits::ARTIFACTS,
        ));
    }
    found.finish()
}

impl Finding {
    fn read(&mut self, artifact: &Artifact, digest: &Digest) {
        for omission in &artifact.omitted {
            self.broken(Reason::new(
                Code::LimitExceeded,
                format!(
                    "part of the artifact {} was not fetched: {}",
                    artifact.manifest.digest(),
                    omission.why
                ),
            ));
        }
        let manifest = match Manifest::parse(artifact.manifest.bytes()) {
            Ok(manifest) => manifest,
            Err(error @ ManifestError::Index) => {
                self.ignored(Reason::new(
                    Code::ArtifactUnknown,
                    format!("the artifact {}: {error}", artifact.manifest.digest()),
                ));
                return;
            }
            Err(error) => {
                self.broken(Reason::new(
                    Code::ManifestMalformed,
                    format!("the artifact {}: {error}", artifact.manifest.digest()),
                ));
                return;
            }
        };
        if let Err(reason) = check_subject(artifact, &manifest, digest) {
            self.broken(reason);
            return;
        }
        if manifest.layers.len() > limits::LAYERS {
            self.broken(too_many(
                "layers in one artifact",
                manifest.layers.len(),
                limits::LAYERS,
            ));
        }
        self.artifact = artifact.manifest.digest();
        self.is_referrer = artifact.source.is_referrer();
        if self.is_referrer {
            self.referrers.push(Vec::new());
        }
        for part in formats::find(artifact, manifest) {
            match part {
                Part::Signed(blob, carrier) => self.candidate(blob, carrier),
                Part::Broken(reason) => self.broken(reason),
                Part::Ignored(reason) => self.ignored(reason),
            }
        }
    }
}

/// A referrer must refer to this image; what cosign keeps under a tag names its
/// image in the payload alone.
fn check_subject(artifact: &Artifact, manifest: &Manifest, digest: &Digest) -> Result<(), Reason> {
    match (&manifest.subject, artifact.source.is_referrer()) {
        (Some(subject), _) if subject.digest != *digest => Err(Reason::new(
            Code::ReferrerSubjectMismatch,
            format!(
                "the artifact {} refers to {}, not to this image {digest}",
                artifact.manifest.digest(),
                subject.digest
            ),
        )),
        (None, true) => Err(Reason::new(
            Code::ReferrerSubjectMismatch,
            format!(
                "the artifact {} is listed as a referrer but names no subject",
                artifact.manifest.digest()
            ),
        )),
        _ => Ok(()),
    }
}

fn too_many(what: &str, found: usize, most: usize) -> Reason {
    Reason::new(
        Code::LimitExceeded,
        format!("found {found} {what}; only the first {most} were looked at"),
    )
}
