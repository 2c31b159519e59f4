//! The types that hold the promise of this crate: what is not proved cannot be written.
//!
//! They are shown here so that the compiler can be asked. Each claim is two programs of which the
//! one compiles and the other, which differs by what it claims without proof, does not.
//!
//! **Only what is signed can be bound.** A signature is verified first:
//!
//! ```
//! use sealgate_core::internals::crypto::{PublicKey, SignatureError};
//! use sealgate_core::internals::proof::{Bound, Content, Says, Target, bind, verify};
//!
//! fn in_order(content: &Content, key: &PublicKey, target: Target<'_>) -> Option<Bound<Says>> {
//!     let signed = verify(content, key, target).ok()?;
//!     bind(&signed).ok()
//! }
//! ```
//!
//! ```compile_fail,E0308
//! use sealgate_core::internals::crypto::{PublicKey, SignatureError};
//! use sealgate_core::internals::proof::{Bound, Content, Says, Target, bind, verify};
//!
//! fn out_of_order(content: &Content, key: &PublicKey, target: Target<'_>) -> Option<Bound<Says>> {
//!     bind(content).ok()
//! }
//! ```
//!
//! **What is bound names this artifact.** It is made from a signature and the artifact, which are
//! compared; there is no other way to one, and none to turn it to another artifact:
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! use sealgate_core::internals::crypto::VerifiedSignature;
//! use sealgate_core::internals::proof::{Bound, Name, Target, bound};
//!
//! fn of_this(signature: &VerifiedSignature<'_>, name: &str, target: &Target<'_>) -> Option<Bound<()>> {
//!     bound(signature, Name::Text(name), target, (), BTreeMap::new())
//! }
//! ```
//!
//! ```compile_fail,E0451
//! use std::collections::BTreeMap;
//!
//! use sealgate_core::internals::crypto::VerifiedSignature;
//! use sealgate_core::internals::proof::{Bound, Name, Target, bound};
//!
//! fn of_any(signature: &VerifiedSignature<'_>, name: &str, target: &Target<'_>) -> Option<Bound<()>> {
//!     Some(Bound { says: (), annotations: BTreeMap::new() })
//! }
//! ```
//!
//! Nor is there a signature that was not verified, or one whose signer was put in later:
//!
//! ```compile_fail,E0451
//! use sealgate_core::internals::proof::{Bound, Says, Verified};
//! use sealgate_core::verdict::Signer;
//!
//! fn accepted(signer: Signer, bound: Bound<Says>) -> Verified {
//!     Verified { signer, bound, checks: Vec::new(), valid_until: None }
//! }
//! ```
//!
//! **A threshold is met by signatures that were accepted**, and asks for one at least:
//!
//! ```
//! use sealgate_core::internals::proof::{Met, Verified, met};
//! use sealgate_core::policy::Threshold;
//!
//! fn by_them(threshold: &Threshold, accepted: &[&[Verified]]) -> Option<Met> {
//!     met(threshold, accepted)
//! }
//! assert!(Threshold::new(1, vec![0]).is_ok());
//! assert!(Threshold::new(0, vec![0]).is_err());
//! assert!(by_them(&Threshold::new(1, vec![0]).unwrap(), &[&[]]).is_none());
//! ```
//!
//! ```compile_fail,E0451
//! use sealgate_core::internals::proof::{Met, Verified, met};
//! use sealgate_core::policy::Threshold;
//!
//! fn by_nobody(threshold: &Threshold, accepted: &[&[Verified]]) -> Option<Met> {
//!     Some(Met { is_proven: true })
//! }
//! ```
//!
//! ```compile_fail,E0451
//! use sealgate_core::policy::Threshold;
//!
//! let nobody = Threshold { count: 0, of: Vec::new() };
//! ```
//!
//! ```
//! use sealgate_core::policy::{Group, Member};
//!
//! assert!(Group::new(1, vec![Member::Authority(0)]).is_ok());
//! assert!(Group::new(0, vec![Member::Authority(0)]).is_err());
//! assert!(Group::new(0, Vec::new()).is_err());
//! ```
//!
//! ```compile_fail,E0451
//! use sealgate_core::policy::Group;
//!
//! let nobody = Group { count: 0, members: Vec::new() };
//! ```

use std::collections::BTreeMap;

use crate::crypto::{PublicKey, SignatureError, VerifiedSignature};
use crate::policy::Threshold;
use crate::reason::Reason;
use crate::threshold::Vouching;

pub use crate::bound::{Bound, Name};
pub use crate::judgement::{Says, Verified};
pub use crate::sigstore::{Content, Signed};
pub use crate::target::Target;
pub use crate::threshold::Met;

/// `Content::verify`.
///
/// # Errors
/// If the signature is not by this key.
pub fn verify<'a>(
    content: &'a Content,
    key: &PublicKey,
    target: Target<'a>,
) -> Result<Signed<'a>, SignatureError> {
    content.verify(key, target)
}

/// `Signed::bind`.
///
/// # Errors
/// If it is for another artifact, or malformed.
pub fn bind(signed: &Signed<'_>) -> Result<Bound<Says>, Reason> {
    signed.bind()
}

/// `Bound::new`.
pub fn bound<T>(
    signature: &VerifiedSignature<'_>,
    name: Name<'_>,
    target: &Target<'_>,
    says: T,
    annotations: BTreeMap<String, String>,
) -> Option<Bound<T>> {
    Bound::new(signature, name, target, says, annotations)
}

/// `Met::of`.
pub fn met(threshold: &Threshold, accepted: &[&[Verified]]) -> Option<Met> {
    let vouching = accepted.iter().map(|signatures| Vouching {
        signatures,
        lets_in_unproven: false,
    });
    Met::of(threshold, &vouching.collect::<Vec<_>>()).ok()
}
