//! The registry client against a registry that misbehaves.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

#[path = "registry_client/auth.rs"]
mod auth;
#[path = "registry_client/errors.rs"]
mod errors;
#[path = "registry_client/hanging.rs"]
mod hanging;
#[path = "registry_client/redirects.rs"]
mod redirects;
#[path = "registry_client/referrers.rs"]
mod referrers;
#[path = "registry_client/setup.rs"]
mod setup;
