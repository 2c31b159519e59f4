//! The real Kyverno, by its command line, lets in what is signed and nothing else: both policies
//! of `manifests/kyverno/policies`, a live provider that has tokens reviewed by a real API server, images
//! that the real cosign signed.
//!
//! `tests/e2e.sh kyverno`, or `just tools core etcd kube-apiserver kubectl kyverno`,
//! `cargo build -p sealgate`, and
//! `cargo test -p sealgate-tests --test e2e_kyverno -- --ignored --nocapture`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod callers;
mod images;
mod kyverno;
mod lies;
mod world;

use sealgate_tests::e2e::Table;
use world::World;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real programs: tests/e2e.sh kyverno"]
async fn kyverno_lets_in_what_is_signed_and_nothing_else() {
    let mut table = Table::new("kyverno");
    let mut world = World::start(&mut table);
    images::run(&world, &mut table);
    callers::run(&mut world, &mut table);
    lies::run(&world, &mut table).await;
    table.finish();
}
