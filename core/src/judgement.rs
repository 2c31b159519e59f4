//! What formats say of what they read: what an artifact holds, and what became of it.
//!
//! The formats speak in these words.

use std::collections::BTreeMap;

use crate::bound::Bound;
use crate::digest::Digest;
use crate::evidence::{Blob, Evidence};
use crate::reason::Reason;
use crate::statement::Statement;
use crate::target::Target;
use crate::time::{UnixTime, earliest};
use crate::trust::TrustMaterial;
use crate::verdict::{Check, Signer, Signs};

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
    /// The image.
    pub(crate) target: Target<'a>,
    /// Everything found, for what formats need beside the candidate itself.
    pub(crate) evidence: &'a Evidence,
    /// The anchors.
    pub(crate) trust: &'a TrustMaterial,
    /// The time of the verdict.
    pub(crate) now: UnixTime,
    /// `policy/authority`, as verdicts name it.
    pub(crate) authority_name: String,
}

/// What a signature says about the image.
#[derive(Clone, Debug)]
pub enum Says {
    /// "I signed this image."
    ImageSignature,
    /// "I attest this of the image."
    Attestation(Statement),
}

impl Says {
    /// What was signed.
    pub(crate) fn signs(&self) -> Signs {
        match self {
            Self::ImageSignature => Signs::Image,
            Self::Attestation(_) => Signs::Attestation,
        }
    }
}

/// A candidate that an authority lets in: what it says is signed, and bound to the image.
#[derive(Clone, Debug)]
pub struct LetIn<Who, What> {
    signer: Who,
    bound: Bound<What>,
    checks: Vec<Check>,
    valid_until: Option<UnixTime>,
}

/// One that the authority accepts.
///
/// That the signer is one whom the authority trusts, at a time at which it does, is what the
/// formats have judged before they make one.
pub type Verified = LetIn<Signer, Says>;

/// An image signature that a level lets in although nobody trusted is known to have made it:
/// so there is no signer to show.
pub(crate) type Unproven = LetIn<(), ()>;

impl<Who, What> LetIn<Who, What> {
    /// The annotations under the signature.
    pub(crate) fn annotations(&self) -> &BTreeMap<String, String> {
        self.bound.annotations()
    }

    /// What was enforced, logged or skipped on the way.
    pub(crate) fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// The same, to be verified anew at that time at the latest.
    pub(crate) fn until(self, time: UnixTime) -> Self {
        Self {
            valid_until: earliest(self.valid_until, Some(time)),
            ..self
        }
    }

    /// When this must be verified anew at the latest.
    pub(crate) fn valid_until(&self) -> Option<UnixTime> {
        self.valid_until
    }
}

impl Verified {
    /// By this signer, after these checks; to be verified anew at the latest at that time.
    pub(crate) fn new(
        bound: Bound<Says>,
        signer: Signer,
        checks: Vec<Check>,
        valid_until: Option<UnixTime>,
    ) -> Self {
        Self {
            signer,
            bound,
            checks,
            valid_until,
        }
    }

    /// Who signed.
    pub(crate) fn signer(&self) -> &Signer {
        &self.signer
    }

    /// When it was, as others vouch.
    pub(crate) fn signed_at(&self) -> impl Iterator<Item = UnixTime> {
        self.signer.times.iter().map(|seen| seen.time)
    }

    /// What was signed.
    pub(crate) fn says(&self) -> &Says {
        self.bound.says()
    }

    /// Holds what a statement says once, however many envelopes carry it.
    pub(crate) fn sharing(self, known: &mut BTreeMap<Digest, Statement>) -> Self {
        let bound = self.bound.map(|mut says| {
            if let Says::Attestation(statement) = &mut says {
                let same = known.entry(statement.digest());
                statement.share(same.or_insert_with(|| statement.clone()));
            }
            says
        });
        Self { bound, ..self }
    }
}

impl Unproven {
    /// After these checks; to be verified anew at the latest at that time.
    pub(crate) fn new(bound: Bound<()>, checks: Vec<Check>, valid_until: Option<UnixTime>) -> Self {
        Self {
            signer: (),
            bound,
            checks,
            valid_until,
        }
    }
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
