//! Bundles for artifacts that are no images: files, by their bytes or their digest.

use super::carrier::bundle;
use super::case::Case;
use super::{Trust, judge_case};
use crate::digest::Digest;
use crate::judgement::Judgement;
use crate::target::Target;
use crate::time::UnixTime;
use crate::trust::TrustMaterial;
use crate::undecided::Undecided;

/// An artifact.
#[derive(Clone, Copy, Debug)]
pub enum SignedFile<'a> {
    /// Its bytes.
    Bytes(&'a [u8]),
    /// Its digest. A signature by a pure Ed25519 key cannot be verified by that, nor one over
    /// another hash.
    Digest(Digest),
}

/// Judges the bundle of an artifact as an image's is judged.
///
/// # Errors
/// If the authority's trust root is not supplied.
pub(crate) fn judge(
    bundle: &[u8],
    blob: SignedFile<'_>,
    signers: Trust<'_>,
    trust: &TrustMaterial,
    now: UnixTime,
    authority_name: &str,
) -> Result<Judgement, Undecided> {
    let case = Case {
        target: match blob {
            SignedFile::Bytes(bytes) => Target::bytes_of(bytes),
            SignedFile::Digest(digest) => Target::known_by(digest),
        },
        trust,
        now,
        authority_name: authority_name.to_owned(),
    };
    match bundle::parse(bundle, Digest::sha256(bundle)) {
        Ok(entity) => judge_case(&entity, signers, &case),
        Err(reason) => Ok(reason.into()),
    }
}
