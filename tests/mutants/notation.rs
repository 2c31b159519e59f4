//! `tests/tests/notation`, without what needs the provider.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

#[path = "../tests/notation/advisories.rs"]
mod advisories;
#[path = "../tests/notation/certificates.rs"]
mod certificates;
#[path = "../tests/notation/envelopes.rs"]
mod envelopes;
#[path = "../tests/notation/levels.rs"]
mod levels;
#[path = "../tests/notation/parity.rs"]
mod parity;
#[path = "../tests/notation/revocation.rs"]
mod revocation;
#[path = "../tests/notation/scene.rs"]
mod scene;
#[path = "../tests/notation/timestamps.rs"]
mod timestamps;
#[path = "../tests/notation/trust_policies.rs"]
mod trust_policies;
