//! The registry client against a registry that misbehaves.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

mod auth;
mod errors;
mod hanging;
mod redirects;
mod referrers;
mod setup;
