//! The test registry against the distribution specification, and each of its faults.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod auth;
mod client;
mod content;
mod faults;
mod referrers;
mod upload;
