//! The CPU time of one verification, in ratios measured in one run: sealgate natively and in
//! wasm, the bare signature checks that it cannot do without, and the verifier of each project.
//!
//! Everything starts from the bytes that a registry sends, and ends with a verdict. The
//! contestants take turns in short rounds, and what is printed is the median of the rounds'
//! ratios, so that whatever else runs on the machine slows all alike.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

mod attested;
mod contest;
mod keyless;
mod notary;
mod raw;
mod wasm;

fn main() {
    wasm::describe();
    keyless::run();
    notary::run();
    attested::run();
}
