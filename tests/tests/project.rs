//! What the repository says of itself is true: its register of claims, the programs its suites
//! need, the versions it builds.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

#[path = "project/claims.rs"]
mod claims;
#[path = "project/dependencies.rs"]
mod dependencies;
#[path = "project/manifests.rs"]
mod manifests;
#[path = "project/processes.rs"]
mod processes;
#[path = "project/suites.rs"]
mod suites;
