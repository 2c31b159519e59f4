//! Entries of transparency logs (Rekor v1 and v2).
//!
//! An entry proves something only about the signature it was made for, so it is bound to
//! that signature, its payload and its key or certificate before anything else of it is
//! looked at ([`body`]). That it is in a log is then shown by a signed entry timestamp
//! ([`promise`]), which alone makes the integrated time count, or by an inclusion proof up
//! to a signed checkpoint ([`inclusion`], [`checkpoint`]), or by both.

mod body;
mod checkpoint;
mod inclusion;
mod promise;

use super::log_entry::{LogEntry, Proof};
use crate::crypto::{KeyKind, PublicKey, Scheme};
use crate::reason::{Code, Reason};
use crate::time::UnixTime;
use crate::trust::{Log, SigstoreRoot};

use body::Kind;
pub(crate) use body::{Claim, Verifier};
use checkpoint::Checkpoint;

/// An entry that a known log has, for this signature. [`LogEntry::verify`] alone makes one.
#[derive(Clone, Debug)]
pub(crate) struct LoggedEntry<'a> {
    log: &'a Log,
    index: Option<u64>,
    shard_index: Option<u64>,
    time: Option<UnixTime>,
}

impl<'a> LoggedEntry<'a> {
    /// The log.
    pub(super) fn log(&self) -> &'a Log {
        self.log
    }

    /// The index in the log, where that is proved: by the log's promise or, in Rekor v2, by the
    /// inclusion proof.
    pub(super) fn index(&self) -> Option<u64> {
        self.index
    }

    /// The index in its shard, where an inclusion proof shows it.
    pub(super) fn shard_index(&self) -> Option<u64> {
        self.shard_index
    }

    /// The integrated time, where the log signed it.
    pub(super) fn time(&self) -> Option<UnixTime> {
        self.time
    }
}

impl LogEntry {
    /// The entry, if it is of the kind and version that its carrier says.
    pub(crate) fn of_kind(self, kind: &str, version: &str) -> Result<Self, Reason> {
        let (own_kind, own_version) = body::kind_version(&self.body)?;
        if (kind, version) != (own_kind.as_str(), own_version.as_str()) {
            return Err(Reason::new(
                Code::LogEntryMalformed,
                format!(
                    "the bundle says that a log entry is {kind} {version}, and the entry that it is \
                     {own_kind} {own_version}"
                ),
            ));
        }
        Ok(self)
    }

    /// Whether this entry was made for the signature that is claimed.
    pub(crate) fn bind(&self, claim: &Claim<'_>) -> Result<(), Reason> {
        body::bind(&self.body, claim).map(|_| ())
    }

    /// Whether one of the root's logs has this entry, made for the signature that is claimed.
    ///
    /// An unknown log is a [`Code::LogUnknown`]; whatever else fails is broken or forged.
    pub(crate) fn verify<'a>(
        &self,
        claim: &Claim<'_>,
        root: &'a SigstoreRoot,
        now: UnixTime,
    ) -> Result<LoggedEntry<'a>, Reason> {
        let kind = body::bind(&self.body, claim)?;
        let log = root
            .logs
            .iter()
            .find(|log| log.id == self.log_id)
            .ok_or_else(|| {
                Reason::new(
                    Code::LogUnknown,
                    format!(
                        "the log {} is not in the trust root",
                        hex::encode(&self.log_id)
                    ),
                )
            })?;
        if log.valid_for.start.is_some_and(|start| now < start) {
            return Err(Reason::new(
                Code::LogOutsideValidity,
                format!(
                    "the log {} counts {}, and now is {now}",
                    log.name, log.valid_for
                ),
            ));
        }
        if kind == Kind::HashedRekordV002 && self.proof.is_none() {
            return Err(Reason::new(
                Code::InclusionMissing,
                "an entry of a Rekor v2 log has no inclusion proof",
            ));
        }
        if self.promise.is_none() && self.proof.is_none() {
            return Err(Reason::new(
                Code::InclusionMissing,
                "a log entry has neither a signed entry timestamp nor an inclusion proof",
            ));
        }
        if let Some(proof) = &self.proof {
            self.verify_proof(proof, log, kind)?;
        }
        let time = match &self.promise {
            Some(promise) => Some(promise::verify(self, promise, log, now)?),
            None => None,
        };
        let proved = self.promise.is_some() || matches!(kind, Kind::HashedRekordV002);
        Ok(LoggedEntry {
            log,
            index: proved.then_some(self.index),
            shard_index: self.proof.as_ref().map(|proof| proof.index),
            time,
        })
    }

    fn verify_proof(&self, proof: &Proof, log: &Log, kind: Kind) -> Result<(), Reason> {
        let checkpoint = Checkpoint::parse(&proof.checkpoint)?;
        // Rekor v2 proves against the checkpoint alone; v1 repeats its size and root.
        let index = match kind {
            Kind::HashedRekordV002 => {
                checkpoint.verify_origin(log)?;
                self.index
            }
            _ => {
                if proof.root_hash != checkpoint.root_hash
                    || proof.tree_size != checkpoint.tree_size
                {
                    return Err(Reason::new(
                        Code::CheckpointInvalid,
                        format!(
                            "the checkpoint of {} is for another tree than the inclusion proof",
                            log.name
                        ),
                    ));
                }
                proof.index
            }
        };
        checkpoint.verify(log)?;
        inclusion::verify(
            inclusion::leaf_hash(&self.body),
            index,
            checkpoint.tree_size,
            &proof.hashes,
            &checkpoint.root_hash,
        )
        .map_err(|error| {
            Reason::new(
                Code::InclusionProofInvalid,
                format!(
                    "the proof that {} has the entry does not hold: {error}",
                    log.name
                ),
            )
        })
    }
}

/// The one scheme by which a log signs with its key.
fn log_scheme(key: &PublicKey) -> Scheme {
    match key.kind() {
        KeyKind::EcdsaP256 => Scheme::EcdsaP256Sha256,
        KeyKind::EcdsaP384 => Scheme::EcdsaP384Sha384,
        KeyKind::EcdsaP521 => Scheme::EcdsaP521Sha512,
        KeyKind::Rsa => Scheme::RsaPkcs1Sha256,
        KeyKind::Ed25519 => Scheme::Ed25519,
    }
}
