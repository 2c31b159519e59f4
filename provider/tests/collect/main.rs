//! Collecting evidence from a registry: complete, bounded, and the same each time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

mod bounds;
mod found;
mod parallel;
mod platforms;
mod setup;
mod subject;
