//! Gatekeeper's own client, of both generations, with the shipped template: what it makes of a
//! provider's answers, what it remembers, how it connects, and how certificates are changed under
//! it. Where `e2e_gatekeeper` and `e2e_cluster` show the same through an API server, this looks at
//! every request and connection.
//!
//! `tests/e2e.sh client`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod answers;
mod images;
mod loops;
mod memory;
mod rotation;
mod world;

use sealgate_tests::e2e::{Generation, Table};
use world::{Stage, World};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real programs: tests/e2e.sh client"]
async fn through_kept_alive_connections_in_rego_v1() {
    every_scenario("client-3.23", Generation::V3_23).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real programs: tests/e2e.sh client"]
async fn through_a_connection_per_request_in_rego_v0() {
    every_scenario("client-3.17", Generation::V3_17).await;
}

async fn every_scenario(suite: &str, generation: Generation) {
    let mut table = Table::new(suite);
    let stage = Stage::start(suite, generation).await;
    answers::run(&stage, &mut table);
    memory::run(&stage, &mut table);
    let world = World::start(stage).await;
    images::run(&world, &mut table);
    loops::run(&world, &mut table).await;
    rotation::run(&world, &mut table);
    table.finish();
}
