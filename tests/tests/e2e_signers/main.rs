//! What the real cosign signs is verified, and what an attacker makes of it is denied: through
//! Gatekeeper's route over mTLS and by `sealgate verify`, on three registries.
//!
//! `tests/e2e.sh signers`, or `just tools core`, `cargo build -p sealgate`, and
//! `cargo test -p sealgate-tests --test e2e_signers -- --ignored --nocapture`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

mod attacks;
mod forms;
mod keys;
mod lies;
#[path = "../e2e_support/mod.rs"]
mod support;
mod world;

use sealgate_tests::e2e::Table;
use world::World;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real programs: just tools core"]
async fn what_cosign_signs_is_verified_and_every_forgery_denied() {
    let mut table = Table::new("signers");
    let world = World::start(env!("CARGO_TARGET_TMPDIR")).await;
    attacks::run(&world, &mut table).await;
    lies::run(&world, &mut table).await;
    forms::run(&world, &mut table).await;
    table.finish();
}
