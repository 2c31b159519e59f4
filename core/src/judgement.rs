//! What formats say of what they read: what an artifact holds, and what became of it.
//!
//! The formats speak in these words.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::evidence::{Blob, Evidence};
use crate::reason::Reason;
use crate::statement::VerifiedStatement;
use crate::time::UnixTime;
use crate::trust::TrustMaterial;
use crate::verdict::{Check, Signer};

/// A part of an artifact, as its format finds it.
pub(crate) enum Part<T> {
    /// Something that claims to be signed, not read yet, and what it is.
    Signed(Blob, T),
    /// Something that claims to be signed and cannot be read, and why.
    Broken(Reason),
    /// Something that is not for us, and why.
    Ignored(Reason),
}

impl<T> Part<T> {
    /// The same of another type.
    pub(crate) fn map<U>(self, what: impl FnOnce(T) -> U) -> Part<U> {
        match self {
            Self::Signed(blob, kind) => Part::Signed(blob, what(kind)),
            Self::Broken(reason) => Part::Broken(reason),
            Self::Ignored(reason) => Part::Ignored(reason),
        }
    }
}

/// What a candidate is judged with.
pub(crate) struct Context<'a> {
    /// The digest of the image.
    pub(crate) digest: Digest,
    /// Everything found, for what formats need beside the candidate itself.
    pub(crate) evidence: &'a Evidence,
    /// The anchors.
    pub(crate) trust: &'a TrustMaterial,
    /// The time of the verdict.
    pub(crate) now: UnixTime,
    /// `policy/authority`, as verdicts name it.
    pub(crate) authority_name: String,
}

/// A candidate that an authority accepts. Only the formats' verification makes one.
#[derive(Clone, Debug)]
pub(crate) struct Verified {
    /// Who signed.
    pub(crate) signer: Signer,
    /// What was signed.
    pub(crate) content: VerifiedContent,
    /// What was enforced, logged or skipped on the way.
    pub(crate) checks: Vec<Check>,
    /// When this must be verified anew at the latest.
    pub(crate) valid_until: Option<UnixTime>,
}

/// An image signature that a level lets in although nobody trusted is known to have made it:
/// so there is no signer to show.
#[derive(Clone, Debug)]
pub(crate) struct Unproven {
    /// What stands under the signature.
    pub(crate) annotations: BTreeMap<String, String>,
    /// What was enforced, logged or skipped on the way.
    pub(crate) checks: Vec<Check>,
    /// When this must be verified anew at the latest.
    pub(crate) valid_until: Option<UnixTime>,
}

/// What a verified signature says about the image. Bound to its digest.
#[derive(Clone, Debug)]
pub(crate) enum VerifiedContent {
    /// "I signed this image."
    ImageSignature,
    /// "I attest this of the image."
    Attestation(VerifiedStatement),
}

/// What became of a candidate for one authority.
pub(crate) enum Judgement {
    /// It is of a kind that this authority does not judge.
    NotApplicable,
    /// It does not pass.
    Failed {
        /// Why, at least one.
        reasons: Vec<Reason>,
        /// What was enforced, logged or skipped on the way.
        checks: Vec<Check>,
    },
    /// Its level lets it in, and who signed it is not known.
    Unproven(Unproven),
    /// It passes.
    Passed(Box<Verified>),
}

impl From<Reason> for Judgement {
    fn from(reason: Reason) -> Self {
        Self::Failed {
            reasons: vec![reason],
            checks: Vec::new(),
        }
    }
}
