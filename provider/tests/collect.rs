//! Collecting evidence from a registry: complete, bounded, and the same each time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

#[path = "collect/bounds.rs"]
mod bounds;
#[path = "collect/found.rs"]
mod found;
#[path = "collect/parallel.rs"]
mod parallel;
#[path = "collect/setup.rs"]
mod setup;
#[path = "collect/subject.rs"]
mod subject;
