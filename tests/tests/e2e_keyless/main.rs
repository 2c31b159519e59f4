//! Images signed and attested by people whom an OIDC issuer knows: the real cosign against a real
//! Fulcio, Rekor v2 and timestamp authority, judged through Gatekeeper's route over mTLS and by
//! `sealgate verify`.
//!
//! `tests/e2e.sh keyless`, or `just tools core sigstore`, `cargo build -p sealgate`, and
//! `cargo test -p sealgate-tests --test e2e_keyless -- --ignored --nocapture`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

mod ct_log;
mod issuer;
mod scenarios;
mod sigstore;
#[path = "../e2e_support/mod.rs"]
mod support;
mod world;

use sealgate_tests::e2e::Table;
use world::World;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real programs: just tools core sigstore"]
async fn who_signed_and_attested_is_known_without_keys() {
    let mut table = Table::new("keyless");
    let world = World::start(env!("CARGO_TARGET_TMPDIR")).await;
    scenarios::run(&world, &mut table).await;
    table.finish();
}
