//! Notary Project signatures.

use crate::candidate::{Context, Discovered, Judgement};
use crate::evidence::Artifact;
use crate::manifest::Manifest;
use crate::policy::{Authority, NotationAuthority};
use crate::reason::{Code, Reason};
use crate::undecided::Undecided;

const ARTIFACT_TYPE: &str = "application/vnd.cncf.notary.signature";

/// An envelope, its signature not verified.
#[derive(Debug)]
pub(crate) struct SignedEnvelope {}

/// Whether the manifest is that of a Notary Project signature.
pub(crate) fn claims(manifest: &Manifest) -> bool {
    manifest.kind() == ARTIFACT_TYPE
}

/// Reads the envelope of an artifact.
pub(crate) fn read(artifact: &Artifact, manifest: &Manifest, found: &mut Discovered) {
    found.ignored.push(Reason::new(
        Code::ArtifactUnknown,
        format!(
            "the artifact {} of type {:?} is a Notary Project signature",
            artifact.manifest.digest(),
            manifest.kind()
        ),
    ));
}

/// Judges an envelope.
pub(crate) fn judge(
    _envelope: &SignedEnvelope,
    _trust: &NotationAuthority,
    _authority: &Authority,
    _context: &Context<'_>,
) -> Result<Judgement, Undecided> {
    Ok(Judgement::NotApplicable)
}
