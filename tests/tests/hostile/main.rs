//! What strangers put beside an image: it cannot end the process, cost more than it may, or push
//! a good signature out. Judged natively and in wasm, whose bytes must be equal.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod budget;
mod chains;
mod costs;
mod door;
mod fields;
mod noise;
mod scene;
