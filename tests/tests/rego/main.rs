//! The ConstraintTemplate as it is applied to clusters, in both dialects, against an
//! emulation of Gatekeeper's `external_data`: whatever goes wrong, nothing that is not
//! proven to be verified is admitted.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value
)]

mod admission;
mod capabilities;
mod catalog;
mod demands;
mod failures;
mod harness;
mod messages;
mod opa;
mod readme;
mod sources;
mod suite;
mod templates;
mod traps;
mod units;
mod verdicts;
mod words;
