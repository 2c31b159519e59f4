//! The provider as its callers see it: over mTLS, against a registry on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

#[path = "provider/api.rs"]
mod api;
#[path = "provider/attacks.rs"]
mod attacks;
#[path = "provider/cache.rs"]
mod cache;
#[path = "provider/front.rs"]
mod front;
#[path = "provider/limits.rs"]
mod limits;
#[path = "provider/memory.rs"]
mod memory;
#[path = "provider/reload.rs"]
mod reload;
#[path = "provider/renewal.rs"]
mod renewal;
#[path = "provider/shares.rs"]
mod shares;
#[path = "provider/tls.rs"]
mod tls;
#[path = "provider/tokens.rs"]
mod tokens;
#[path = "provider/tuf.rs"]
mod tuf;
#[path = "provider/world.rs"]
mod world;
