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

#[path = "e2e_cluster/audit.rs"]
mod audit;
#[path = "e2e_cluster/failures.rs"]
mod failures;
#[path = "e2e_cluster/images.rs"]
mod images;
#[path = "e2e_cluster/mutation.rs"]
mod mutation;
#[path = "e2e_cluster/objects.rs"]
mod objects;
#[path = "e2e_cluster/quick_start.rs"]
mod quick_start;
#[path = "e2e_cluster/ratify.rs"]
mod ratify;
#[path = "e2e_cluster/tokens.rs"]
mod tokens;
#[path = "e2e_cluster/world.rs"]
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
