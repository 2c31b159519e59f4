//! Test support: a registry, signers and evidence, everything in process.

pub mod pack;
pub mod sign;
