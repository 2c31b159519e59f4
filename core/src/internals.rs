//! Doors to what is private here, for fuzzing and for the suites of others' vectors.
//!
//! Only with the feature `internals`, which no product is built with, and without any promise
//! of stability. Nothing here decides about an image: that is [`crate::verify`] alone.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH};

use crate::evidence::Evidence;
use crate::notation::RevocationRequest;
use crate::policy::Policies;
use crate::time::UnixTime;
use crate::trust::TrustMaterial;
use crate::undecided::Undecided;
use crate::verdict::Verdict;
use crate::x509::Certificate;
use crate::x509::path::TrustedChain;

pub mod crypto;
pub mod proof;

pub use crate::notation::internals::{
    is_listed as notary_is_listed, timestamp as notary_timestamp,
};
pub use crate::sigstore::internals::timestamp as sigstore_timestamp;

/// What a certificate is for. Images are signed with neither; others' vectors have only these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// `id-kp-serverAuth`
    ServerAuth,
    /// `id-kp-clientAuth`
    ClientAuth,
}

impl Usage {
    fn oid(self) -> &'static ObjectIdentifier {
        match self {
            Self::ServerAuth => &ID_KP_SERVER_AUTH,
            Self::ClientAuth => &ID_KP_CLIENT_AUTH,
        }
    }
}

/// Whether there is a path from `leaf` (DER, as all of them) through `intermediates` to
/// `trusted`, as it stood at `time`, and the leaf's key is of an accepted kind, without which it
/// verifies nothing.
///
/// # Errors
/// In words, why there is none.
pub fn certificate_path(
    leaf: &[u8],
    intermediates: &[Vec<u8>],
    trusted: &[u8],
    usage: Usage,
    time: UnixTime,
) -> Result<(), String> {
    let read = |der: &[u8]| Certificate::from_der(der).map_err(|error| error.to_string());
    let chain = TrustedChain::new(vec![read(trusted)?]);
    let leaf = read(leaf)?;
    let intermediates: Vec<_> = intermediates
        .iter()
        .map(|der| read(der))
        .collect::<Result<_, _>>()?;
    chain
        .verify(&leaf, &intermediates, usage.oid(), time)
        .map_err(|error| error.to_string())?;
    leaf.public_key().map_err(|error| error.to_string())?;
    Ok(())
}

/// What a verdict cost, by the counters of its budget.
#[derive(Clone, Debug)]
pub struct Costs {
    /// Kinds of work by name, with what was spent and the most that may be.
    pub work: Vec<(&'static str, u64, u64)>,
    /// Whether a limit was met, by the whole verdict or by one signature.
    pub limit_met: bool,
}

impl Costs {
    /// What was spent on this kind of work.
    pub fn of(&self, name: &str) -> Option<u64> {
        let found = self.work.iter().find(|(work, ..)| *work == name);
        found.map(|(_, spent, _)| *spent)
    }
}

/// As [`crate::verify`], and what it cost.
pub fn verify_at_cost(
    evidence: &Evidence,
    policies: &Policies,
    trust: &TrustMaterial,
    now: UnixTime,
) -> (Result<Verdict, Undecided>, Costs) {
    let (verdict, costs) = crate::verify::verify_at_cost(evidence, policies, trust, now);
    (verdict, costs.into())
}

/// As [`crate::verify`], without a budget: the difference is what counting costs.
///
/// # Errors
/// As there.
pub fn verify_uncounted(
    evidence: &Evidence,
    policies: &Policies,
    trust: &TrustMaterial,
    now: UnixTime,
) -> Result<Verdict, Undecided> {
    crate::verify::verify_uncounted(evidence, policies, trust, now)
}

/// As [`crate::notation::revocation_requests`], and what it cost.
pub fn revocation_requests_at_cost(
    evidence: &Evidence,
    trust: &TrustMaterial,
    now: UnixTime,
) -> (Vec<RevocationRequest>, Costs) {
    let (requests, costs) = crate::notation::revocation_requests_at_cost(evidence, trust, now);
    (requests, costs.into())
}

impl From<crate::budget::Costs> for Costs {
    fn from(costs: crate::budget::Costs) -> Self {
        let crate::budget::Costs { work, limit_met } = costs;
        Self { work, limit_met }
    }
}
