//! Sigstore signatures: cosign layers and bundles, by managed keys and by certificates.
//!
//! A carrier is read into a `SignedEntity`, whatever it was (`bundle`, `cosign`), and
//! that is judged by the keys (`key`) or the identities (`keyless`) of an authority.
//! Both verify what logs and timestamp authorities saw of it (`witness`) by the anchors
//! of a trust root (`root`). Time is an argument everywhere.

mod blob;
mod bundle;
mod content;
mod entity;
mod identity;
#[cfg(feature = "internals")]
pub(crate) mod internals;
mod key;
mod keyless;
mod log;
mod root;
mod sct;
mod subject;
mod wire;
mod witness;

use crate::candidate::{Carrier, Context, Finding, Judgement};
use crate::evidence::Artifact;
use crate::manifest::Manifest;
use crate::policy::{Authority, AuthorityKind};
use crate::reason::{Code, Reason};
use crate::time::UnixTime;
use crate::trust::TrustMaterial;
use crate::undecided::Undecided;
use subject::Subject;

pub use blob::{Blob, verify_blob};
pub use identity::claim_names;
pub use root::{Anchor, AnchorKind, AuthorityKeys, LogKeys, RootError, RootKeys, SigstoreRoot};

pub(crate) use bundle::parse as parse_bundle;
pub(crate) use entity::{Content, Format, Material, SignedEntity};
pub(crate) use log::LogEntry;

/// Whether the manifest is that of a Sigstore bundle.
pub(crate) fn claims(manifest: &Manifest) -> bool {
    let is_bundle = |media_type: &str| media_type.starts_with(bundle::MEDIA_TYPE_PREFIX);
    is_bundle(manifest.kind())
        || manifest
            .layers
            .iter()
            .any(|layer| is_bundle(&layer.media_type))
}

/// Finds the bundle of an artifact.
pub(crate) fn find(artifact: &Artifact, manifest: &Manifest, found: &mut Finding) {
    let name = artifact.manifest.digest();
    let [layer] = manifest.layers.as_slice() else {
        found.broken(Reason::new(
            Code::BundleMalformed,
            format!(
                "expected one layer in the bundle artifact {name}, found {}",
                manifest.layers.len()
            ),
        ));
        return;
    };
    match artifact.by_descriptor().find(layer) {
        Some(blob) => found.candidate(blob.clone(), Carrier::Bundle),
        None => found.broken(Reason::new(
            Code::BlobMissing,
            format!(
                "the bundle {} of the artifact {name} is not in the evidence",
                layer.digest
            ),
        )),
    }
}

/// Judges a signature for an authority of managed keys or identities.
///
/// # Errors
/// If the authority's trust root is not supplied.
pub(crate) fn judge(
    entity: &SignedEntity,
    authority: &Authority,
    context: &Context<'_>,
) -> Result<Judgement, Undecided> {
    let case = Case {
        subject: Subject {
            digest: context.digest,
            bytes: Some(context.evidence.subject.manifest.bytes()),
        },
        trust: context.trust,
        now: context.now,
        authority_name: context.authority_name.clone(),
    };
    case.judge(entity, authority)
}

/// A question: is this signature for this artifact by somebody trusted?
struct Case<'a> {
    subject: Subject<'a>,
    trust: &'a TrustMaterial,
    now: UnixTime,
    /// `policy/authority`, as verdicts name it.
    authority_name: String,
}

impl Case<'_> {
    fn judge(&self, entity: &SignedEntity, authority: &Authority) -> Result<Judgement, Undecided> {
        match &authority.trust {
            AuthorityKind::Key(trust) => {
                let root = trust
                    .trust_root
                    .as_deref()
                    .map(|name| self.root(name))
                    .transpose()?;
                Ok(key::judge(entity, trust, root, self))
            }
            AuthorityKind::Keyless(trust) => {
                let root = self.root(&trust.trust_root)?;
                Ok(keyless::judge(entity, trust, root, self))
            }
            AuthorityKind::Notation(_) | AuthorityKind::Static(_) => Ok(Judgement::NotApplicable),
        }
    }

    fn root(&self, name: &str) -> Result<&SigstoreRoot, Undecided> {
        self.trust
            .root(name)
            .ok_or_else(|| Undecided::TrustRootMissing {
                policy: self.authority_name.clone(),
                root: name.to_owned(),
            })
    }
}
