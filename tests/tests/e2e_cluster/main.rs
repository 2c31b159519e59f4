//! A real API server and a real Gatekeeper admit what is signed, and nothing else.
//!
//! `tests/e2e.sh cluster`, or `just tools core cluster`, `cargo build -p sealgate`, and
//! `cargo test -p sealgate-tests --test e2e_cluster -- --ignored --nocapture`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod audit;
mod failures;
mod images;
mod mutation;
mod objects;
mod quick_start;
mod ratify;
mod tokens;
mod world;

use sealgate_tests::e2e::Table;
use world::World;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real programs: tests/e2e.sh cluster"]
async fn a_cluster_admits_what_is_signed_and_nothing_else() {
    let mut table = Table::new("cluster");
    let mut world = World::start(&mut table).await;
    images::run(&world, &mut table);
    audit::run(&world, &mut table);
    mutation::run(&world, &mut table);
    ratify::run(&world, &mut table);
    tokens::run(&world, &mut table).await;
    failures::run(&mut world, &mut table);
    table.finish();
}
