//! Bundles for artifacts that are no images: files, by their bytes or their digest.

use super::subject::Subject;
use super::{Case, bundle};
use crate::budget;
use crate::candidate::Judgement;
use crate::digest::Digest;
use crate::policy::Authority;
use crate::reason::{Code, Reason, most_specific};
use crate::time::UnixTime;
use crate::trust::TrustMaterial;
use crate::undecided::Undecided;
use crate::verdict::Signer;

/// An artifact.
#[derive(Clone, Copy, Debug)]
pub enum Blob<'a> {
    /// Its bytes.
    Bytes(&'a [u8]),
    /// Its digest. A signature by a pure Ed25519 key cannot be verified by that, nor one over
    /// another hash.
    Digest(Digest),
}

/// Whether a bundle is a signature, or an attestation of any type, for the artifact by the
/// authority: who made it, or why not.
///
/// It is judged exactly as an image's is. Annotations that the authority demands are not
/// looked at.
///
/// # Errors
/// If it cannot be decided: the authority's trust root is not supplied.
pub fn verify_blob(
    bundle: &[u8],
    blob: Blob<'_>,
    authority: &Authority,
    trust: &TrustMaterial,
    now: UnixTime,
) -> Result<Result<Signer, Vec<Reason>>, Undecided> {
    let judged =
        budget::metered(|| budget::share(|| judge_blob(bundle, blob, authority, trust, now)));
    judged.unwrap_or_else(|exceeded| Ok(Err(vec![exceeded.into()])))
}

fn judge_blob(
    bundle: &[u8],
    blob: Blob<'_>,
    authority: &Authority,
    trust: &TrustMaterial,
    now: UnixTime,
) -> Result<Result<Signer, Vec<Reason>>, Undecided> {
    let case = Case {
        subject: match blob {
            Blob::Bytes(bytes) => Subject {
                digest: Digest::sha256(bytes),
                bytes: Some(bytes),
            },
            Blob::Digest(digest) => Subject {
                digest,
                bytes: None,
            },
        },
        trust,
        now,
        authority_name: authority.name.clone(),
    };
    let entity = match bundle::parse(bundle, Digest::sha256(bundle)) {
        Ok(entity) => entity,
        Err(reason) => return Ok(Err(vec![reason])),
    };
    Ok(match case.judge(&entity, authority)? {
        Judgement::Passed(verified) => Ok(verified.signer),
        Judgement::Failed { reasons, .. } => Err(most_specific(reasons)),
        Judgement::NotApplicable | Judgement::Unproven(_) => Err(vec![Reason::new(
            Code::SignatureKindMismatch,
            format!(
                "the bundle is not signed in the way that the authority {:?} signs, by a key or by a \
                 certificate",
                authority.name
            ),
        )]),
    })
}
