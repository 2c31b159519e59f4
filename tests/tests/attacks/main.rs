//! Known attacks that no other subject has a suite for: each test carries the id that it has in
//! `tests/claims.txt`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod budget;
mod discovery;
mod envelopes;
mod names;
mod payloads;
mod scene;
mod statements;
