//! A backend that finds every signature good, so that a fuzzer reaches what lies behind.
//!
//! It exists under `--cfg fuzzing` alone, which nothing in this repository sets but the build of
//! the fuzz targets, and a build without debug assertions, as releases are, refuses it.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{AwsLc, Backend, Hash, KeyKind, Mismatch, Scheme};

#[cfg(not(debug_assertions))]
compile_error!(
    "cfg(fuzzing) lets every signature pass: it is for fuzz targets, never for a release"
);

static ON: AtomicBool = AtomicBool::new(false);

/// From now on, in this process, every signature is good.
pub fn believe_every_signature() {
    ON.store(true, Ordering::Relaxed);
}

pub(super) fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// Hashes and keys are as in AWS-LC; signatures are not looked at.
#[derive(Debug)]
pub(super) struct Believing;

impl Backend for Believing {
    fn digest(&self, hash: Hash, data: &[u8]) -> Vec<u8> {
        AwsLc.digest(hash, data)
    }

    fn is_valid_key(&self, kind: KeyKind, key: &[u8]) -> bool {
        AwsLc.is_valid_key(kind, key)
    }

    fn verify(&self, _: Scheme, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), Mismatch> {
        Ok(())
    }

    fn verify_digest(&self, _: Scheme, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), Mismatch> {
        Ok(())
    }
}
