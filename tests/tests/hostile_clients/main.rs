//! Hostile clients against the real listener: what they get, and that a good client is served
//! meanwhile.
//!
//! `docs/hostile-clients.md` shows the outcome. After a change that is meant:
//! `SEALGATE_WRITE_DOCS=1 cargo test -p sealgate-tests --test hostile_clients`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod bodies;
mod keys;
mod page;
mod raw;
mod tls;
#[path = "../provider/world.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the suite `provider` uses all of it"
)]
mod world;

use std::time::{Duration, Instant};

use page::{Line, Section};
use sealgate_tests::pages;
use world::World;

/// The time in which a good client is served, on a busy machine.
const GOOD: Duration = Duration::from_secs(10);

/// Asks as a good client does, on a connection of its own.
async fn serves(world: &World, image: &str) {
    let start = Instant::now();
    assert_eq!(world.verdict(image).await["verified"], true);
    assert!(start.elapsed() < GOOD, "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_client_gets_what_the_table_shows_and_a_good_one_its_verdict() {
    let world = World::with(|config| {
        config.timeouts.request = Duration::from_secs(3);
        config.timeouts.handshake = Duration::from_secs(1);
        config.timeouts.idle = Duration::from_secs(3);
    })
    .await;
    let image = world.signed("app", "1.0").tagged("1.0");
    serves(&world, &image).await;
    let sections = [
        Section::new("The handshake", tls::lines(&world, &image).await),
        Section::new("Requests in HTTP/1.1", raw::lines(&world, &image).await),
        Section::new("Bodies", bodies::lines(&world, &image).await),
        Section::new("Keys", keys::lines(&world, &image).await),
    ];
    let count: usize = sections.iter().map(|section| section.lines.len()).sum();
    assert!(count >= 25, "{count}");
    pages::check_written("docs/hostile-clients.md", &page::write(&sections));
}

impl Line {
    fn new(behaviour: impl Into<String>, outcome: impl Into<String>) -> Self {
        Self {
            behaviour: behaviour.into(),
            outcome: outcome.into(),
        }
    }
}
