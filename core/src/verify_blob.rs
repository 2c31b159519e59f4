//! Bundles for artifacts that are no images: files, by their bytes or their digest.

use crate::budget;
use crate::formats::Judge;
use crate::judgement::Judgement;
use crate::policy::Authority;
use crate::reason::{Code, Reason, most_specific};
use crate::sigstore::{self, SignedFile};
use crate::time::UnixTime;
use crate::trust::TrustMaterial;
use crate::undecided::Undecided;
use crate::verdict::Signer;

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
    file: SignedFile<'_>,
    authority: &Authority,
    trust: &TrustMaterial,
    now: UnixTime,
) -> Result<Result<Signer, Vec<Reason>>, Undecided> {
    let judged =
        budget::metered(|| budget::share(|| judge_blob(bundle, file, authority, trust, now)));
    judged.unwrap_or_else(|exceeded| Ok(Err(vec![exceeded.into()])))
}

fn judge_blob(
    bundle: &[u8],
    file: SignedFile<'_>,
    authority: &Authority,
    trust: &TrustMaterial,
    now: UnixTime,
) -> Result<Result<Signer, Vec<Reason>>, Undecided> {
    let judgement = match Judge::of(authority, &authority.name) {
        Judge::Sigstore(signers) => {
            sigstore::judge_blob(bundle, file, signers, trust, now, &authority.name)?
        }
        Judge::Notation(_) | Judge::Nothing(_) | Judge::Refuses => Judgement::NotApplicable,
    };
    Ok(match judgement {
        Judgement::Passed(verified) => Ok(verified.signer().clone()),
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
