//! Sigstore signatures: cosign layers and bundles, by managed keys and by certificates.
//!
//! A carrier is read into a `SignedEntity`, whatever it was (`bundle`, `cosign`), and
//! that is judged by the keys (`key`) or the identities (`keyless`) of an authority.
//! Both verify what logs and timestamp authorities saw of it (`witness`) by the anchors
//! of a trust root. Time is an argument everywhere.

mod blob;
mod carrier;
mod case;
mod claimed;
mod content;
mod entity;
mod identity;
#[cfg(feature = "internals")]
pub(crate) mod internals;
mod key;
mod keyless;
mod log;
mod log_entry;
mod sct;
mod simple_signing;
mod witness;

use case::Case;
use witness::Thresholds;

use crate::judgement::{Context, Judgement};
use crate::policy::{KeyAuthority, KeylessAuthority};
use crate::undecided::Undecided;

pub use blob::SignedFile;

pub(crate) use blob::judge as judge_blob;
pub(crate) use carrier::{bundle, cosign};
pub(crate) use claimed::claims;
pub(crate) use entity::SignedEntity;
#[cfg(feature = "internals")]
pub use {content::Signed, entity::Content};

/// Whose signatures count.
#[derive(Clone, Copy)]
pub(crate) enum Trust<'a> {
    /// The holders of managed keys.
    Keys(&'a KeyAuthority),
    /// Whom certificates name.
    Identities(&'a KeylessAuthority),
}

/// Judges a signature of an image.
///
/// # Errors
/// If the authority's trust root is not supplied.
pub(crate) fn judge(
    entity: &SignedEntity,
    trust: Trust<'_>,
    context: &Context<'_>,
) -> Result<Judgement, Undecided> {
    let case = Case {
        target: context.target,
        trust: context.trust,
        now: context.now,
        authority_name: context.authority_name.clone(),
    };
    judge_case(entity, trust, &case)
}

fn judge_case(
    entity: &SignedEntity,
    trust: Trust<'_>,
    case: &Case<'_>,
) -> Result<Judgement, Undecided> {
    Ok(match trust {
        Trust::Keys(keys) => {
            let wanted = match &keys.witnesses {
                Some(witnesses) => {
                    let thresholds = Thresholds {
                        logs: witnesses.transparency_log,
                        timestamps: witnesses.signed_timestamp,
                    };
                    Some((case.root(&witnesses.trust_root)?, thresholds))
                }
                None => None,
            };
            key::judge(entity, keys, wanted.as_ref(), case)
        }
        Trust::Identities(identities) => {
            let root = case.root(&identities.trust_root)?;
            keyless::judge(entity, identities, root, case)
        }
    })
}
