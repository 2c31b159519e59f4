//! The test registry against the distribution specification, and each of its faults.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

#[path = "registry/auth.rs"]
mod auth;
#[path = "registry/client.rs"]
mod client;
#[path = "registry/content.rs"]
mod content;
#[path = "registry/faults.rs"]
mod faults;
#[path = "registry/referrers.rs"]
mod referrers;
#[path = "registry/upload.rs"]
mod upload;
