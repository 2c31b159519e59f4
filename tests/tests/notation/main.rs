//! Notary Project signatures: what passes, and how everything else is refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod advisories;
mod aws_signer;
mod certificates;
mod envelopes;
mod fetching;
mod levels;
mod parity;
mod peer;
mod revocation;
mod scene;
mod timestamps;
mod trust_policies;
