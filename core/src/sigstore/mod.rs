//! Sigstore signatures: cosign layers and bundles, by managed keys and by certificates.

mod bundle;
mod entity;
mod key;
mod root;

use crate::candidate::{Candidate, Context, Discovered, Judgement};
use crate::evidence::Artifact;
use crate::manifest::Manifest;
use crate::policy::{Authority, AuthorityKind};
use crate::reason::{Code, Reason};
use crate::undecided::Undecided;

pub use root::SigstoreRoot;

pub(crate) use entity::{Content, Format, Material, SignedEntity};

/// The Fulcio claims that identities may name (Fulcio, `docs/oid-info.md`).
pub(crate) const CLAIMS: &[&str] = &[
    "githubWorkflowTrigger",
    "githubWorkflowSha",
    "githubWorkflowName",
    "githubWorkflowRepository",
    "githubWorkflowRef",
    "buildSignerURI",
    "buildSignerDigest",
    "runnerEnvironment",
    "sourceRepositoryURI",
    "sourceRepositoryDigest",
    "sourceRepositoryRef",
    "sourceRepositoryIdentifier",
    "sourceRepositoryOwnerURI",
    "sourceRepositoryOwnerIdentifier",
    "buildConfigURI",
    "buildConfigDigest",
    "buildTrigger",
    "runInvocationURI",
    "sourceRepositoryVisibilityAtSigning",
    "deploymentEnvironment",
];

/// Whether the manifest is that of a Sigstore bundle.
pub(crate) fn claims(manifest: &Manifest) -> bool {
    let is_bundle = |media_type: &str| media_type.starts_with(bundle::MEDIA_TYPE_PREFIX);
    is_bundle(manifest.kind())
        || manifest
            .layers
            .iter()
            .any(|layer| is_bundle(&layer.media_type))
}

/// Reads the bundle of an artifact.
pub(crate) fn read(artifact: &Artifact, manifest: &Manifest, found: &mut Discovered) {
    let name = artifact.manifest.digest();
    let [layer] = manifest.layers.as_slice() else {
        found.broken.push(Reason::new(
            Code::BundleMalformed,
            format!(
                "expected one layer in the bundle artifact {name}, found {}",
                manifest.layers.len()
            ),
        ));
        return;
    };
    let Some(blob) = artifact.blob(&layer.digest) else {
        found.broken.push(Reason::new(
            Code::BlobMissing,
            format!(
                "the bundle {} of the artifact {name} is not in the evidence",
                layer.digest
            ),
        ));
        return;
    };
    match bundle::parse(blob.bytes(), name) {
        Ok(entity) => found.candidates.push(Candidate::Sigstore(entity)),
        Err(reason) => found.broken.push(reason),
    }
}

/// Judges a signature for an authority of managed keys or identities.
pub(crate) fn judge(
    entity: &SignedEntity,
    authority: &Authority,
    context: &Context<'_>,
) -> Result<Judgement, Undecided> {
    match &authority.trust {
        AuthorityKind::Key(trust) => Ok(key::judge(entity, trust, context)),
        _ => Ok(Judgement::NotApplicable),
    }
}
