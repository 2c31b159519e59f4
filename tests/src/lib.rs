//! What the suites share beside the kit (`tests/kit`): the real programs, the host of the wasm
//! module, the vectors of others, and this repository as a text.
//!
//! * [`e2e`]: a cluster, registries and the provider as processes.
//! * [`tools`]: the real programs of `tests/tools`, where they have been built.
//! * [`parity`], `wasm`: the rule that the wasm module judges as we do, and a host for it.
//! * [`vectors`]: public test vectors, where they are at hand.
//! * [`verdicts`]: requests and the responses that they must have, as files.
//! * [`pages`]: pages that a test writes, and holds to what it saw.
//! * [`source`]: this repository's own Rust, for what its text must hold.

#![allow(
    clippy::indexing_slicing,
    reason = "what this indexes it has made itself; a panic is a failed test"
)]

pub mod e2e;
pub mod pages;
pub mod parity;
pub mod source;
pub mod tools;
pub mod vectors;
pub mod verdicts;
#[cfg(feature = "wasm-host")]
pub mod wasm;
