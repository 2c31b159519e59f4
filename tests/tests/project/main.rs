//! What the repository says of itself is true: its register of claims, the programs its suites
//! need, the versions it builds.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod allowed;
mod claims;
mod dependencies;
mod der;
mod errors;
mod hidden_inputs;
mod json_schema;
mod language;
mod manifests;
mod mutants;
mod order;
mod processes;
mod reasons;
mod schemas;
mod suites;
mod surface;
