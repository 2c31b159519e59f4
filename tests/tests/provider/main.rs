//! The provider as its callers see it: over mTLS, against a registry on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

mod api;
mod attacks;
mod cache;
mod front;
mod keys;
mod limits;
mod memory;
mod reload;
mod renewal;
mod shares;
mod tls;
mod tokens;
mod tuf;
mod world;
