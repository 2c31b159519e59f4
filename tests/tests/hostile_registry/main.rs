//! A hostile registry against the whole provider: what is answered, when, and at what cost.
//!
//! `docs/hostile-registry.md` shows the outcome. After a change that is meant:
//! `SEALGATE_WRITE_DOCS=1 cargo test -p sealgate-tests --test hostile_registry`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

mod grid;
mod rows;
mod scene;
mod table;

use futures::stream::{self, StreamExt as _};

use rows::{Measured, Row};
use sealgate_tests::pages;

/// Rows that run at once.
const AT_ONCE: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_behaviour_has_the_answer_that_the_table_shows() {
    let (heavy, light): (Vec<_>, Vec<_>) = rows::all()
        .into_iter()
        .enumerate()
        .partition(|(_, row)| row.megabytes.is_some());
    let mut seen: Vec<(usize, Row, Measured)> = stream::iter(light)
        .map(|(index, row)| async move {
            let measured = row.run().await;
            (index, row, measured)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    // Alone, so that their memory is theirs.
    for (index, row) in heavy {
        let measured = row.run().await;
        seen.push((index, row, measured));
    }
    seen.sort_by_key(|(index, ..)| *index);
    assert!(seen.len() >= 60, "{}", seen.len());
    let wrong: Vec<_> = seen
        .iter()
        .flat_map(|(_, row, measured)| row.problems(measured))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let cells = grid::run().await;
    pages::check_written("docs/hostile-registry.md", &table::page(&seen, &cells));
}
