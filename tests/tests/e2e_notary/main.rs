//! What the Notary Project's own Go libraries sign is verified, and what an attacker makes of it
//! is denied: through Gatekeeper's route over mTLS, by `sealgate verify`, and by the wasm module
//! from what `sealgate evidence` packs, with equal verdicts, on four registries.
//!
//! `tests/e2e.sh notary`, or `just tools core timestamp-server`, `cargo build -p sealgate`, and
//! `cargo test -p sealgate-tests --test e2e_notary -- --ignored --nocapture`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

mod genuine;
#[path = "../e2e_support/judge.rs"]
mod judge;
mod refused;
#[path = "../e2e_support/remote.rs"]
mod remote;
mod services;
mod world;

use sealgate_tests::e2e::Table;
use world::World;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real programs: just tools core timestamp-server"]
async fn what_notation_signs_is_verified_and_every_forgery_denied() {
    let mut table = Table::new("notary");
    let world = World::start(env!("CARGO_TARGET_TMPDIR")).await;
    genuine::run(&world, &mut table).await;
    refused::run(&world, &mut table).await;
    table.finish();
}
