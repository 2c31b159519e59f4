//! The proof tree of a policy: what it demands, by whom that is met, and from whom it is missing.

use serde::{Deserialize, Serialize};

use super::Passed;
use crate::digest::Digest;
use crate::time::UnixTime;

/// Something that a policy demands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Demand {
    /// What must be signed: the image itself (`require`), or an attestation of it.
    pub signs: Signs,
    /// The attestation rule that demands it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// By how many distinct signers, at the least.
    pub count: usize,
    /// Whether it is met.
    pub outcome: Passed,
    /// Where `require` nests: its groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<DemandGroup>,
    /// The authorities that do their part, as the policy names them.
    pub by: Vec<String>,
    /// Where it is not met: those whose part is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
    /// Vulnerabilities in the attestation that did not count, by their names: those that an exception
    /// of the policy names before those that a VEX document clears, a hundred at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excused: Vec<Excused>,
}

/// A vulnerability that did not count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Excused {
    /// By what.
    pub by: ExcusedBy,
    /// The vulnerability, as the scan names it.
    pub vulnerability: String,
    /// Why, in the words of the policy or of the document.
    pub reason: String,
    /// When the exception is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixTime>,
    /// The SHA-256 digest of the verified statement that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement_digest: Option<Digest>,
}

/// What excuses a vulnerability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExcusedBy {
    /// An exception of the policy.
    Exception,
    /// A verified VEX document.
    Vex,
}

/// A group of authorities and groups, of which some must be met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DemandGroup {
    /// How many of them.
    pub count: usize,
    /// Whether it is met, whoever else needs the same signers: all groups may be, and the whole is
    /// not, for a signer counts once in the whole.
    pub outcome: Passed,
    /// Of these.
    pub of: Vec<DemandMember>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum DemandMember {
    /// An authority, as the policy names it.
    Authority(String),
    /// A group within it.
    Group(DemandGroup),
}

/// What a signature is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signs {
    /// The image itself.
    Image,
    /// A statement about the image. Whoever made it need not have signed the image.
    Attestation,
}

/// An authority whose part is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Missing {
    /// The authority, as the policy names it.
    pub authority: String,
    /// What it did instead.
    pub did: Did,
}

/// What an authority did that does not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Did {
    /// Nothing that is known to be its own, and nothing that might be.
    Nothing,
    /// Something that no other authority of the policy made does not pass as its own: see the
    /// authority's reasons.
    Failed,
    /// It signed the image.
    Signed,
    /// It attested something.
    Attested,
}
