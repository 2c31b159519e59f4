//! Fuzz targets: functions of bytes that strangers choose, and what must hold for all of them.
//!
//! ```text
//! corpus/NAME/*  ─► replayed by `cargo test`         (tests/replay.rs)
//!                └► grown by libFuzzer: `just fuzz`   (libfuzzer.rs)
//! ```
//!
//! Beyond "no panic, no overflow, no hang":
//!
//! * **Never verified without proof.** Where signatures are checked, no input holds one by a
//!   trusted signer for the image asked about, so no verdict may be `verified`.
//! * **Believing targets** run with a cryptography that finds every signature good, so that what
//!   lies behind signatures is reached. That exists under `cfg(fuzzing)` alone.
//! * **One answer.** The same question twice gives the same bytes; native and wasm give the same.
//! * **Memory in proportion**: each target has a factor of its input.
//! * **What is printed reads back** as the same.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a panic is what a fuzzer looks for"
)]

mod carried;
mod inside;
mod provider;
mod scene;
mod tuf;
mod whole;
mod world;

use peak_alloc::PeakAlloc;

pub use scene::{Section, write};
pub use world::{IMAGE, NOW, POLICIES};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// A target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its corpus.
    pub name: &'static str,
    /// What it does with an input.
    run: fn(&[u8]),
    /// Whether it finds every signature good.
    pub believing: bool,
    /// The memory it may take for any input, and the more for each byte.
    memory: (usize, usize),
}

/// What a document of others may cost in memory for each of its bytes: a JSON value of one
/// character is a `Value` of 32 bytes, in a list that grows by doubling, next to its text.
const PER_BYTE: usize = 160;

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target {
        name,
        run,
        believing: false,
        memory: (2 * MIB, PER_BYTE),
    }
}

const fn believing(name: &'static str, run: fn(&[u8])) -> Target {
    Target {
        believing: true,
        ..target(name, run)
    }
}

impl Target {
    const fn with_memory(mut self, base: usize) -> Self {
        self.memory.0 = base;
        self
    }
}

/// All of them.
pub const TARGETS: &[Target] = &[
    target("bundle", carried::bundle),
    believing("certificate", inside::certificate),
    target("challenge", provider::challenge),
    believing("checkpoint", inside::checkpoint),
    target("config", provider::config),
    target("cose", carried::cose),
    believing("crl", inside::crl),
    target("docker_config", provider::docker_config),
    target("dsse", carried::dsse),
    target("jws", carried::jws),
    target("manifest", carried::manifest),
    believing("ocsp", inside::ocsp),
    target("pack", whole::pack),
    // Regular expressions and conditions are compiled when a policy is read.
    target("policy", whole::policy).with_memory(64 * MIB),
    target("reference", provider::reference),
    believing("rekor_body", inside::rekor_body),
    target("request", provider::request),
    believing("sct_list", inside::sct_list),
    believing("statement", inside::statement),
    believing("timestamp", inside::timestamp),
    target("trusted_root", whole::trusted_root),
    believing("tuf", tuf::metadata),
    target("verify", whole::verify),
    believing("verify_believing", whole::verify_believing),
    target("wasm_call", whole::wasm_call).with_memory(64 * MIB),
];

/// The target of this name.
///
/// # Panics
/// If there is none.
pub fn find(name: &str) -> &'static Target {
    let found = TARGETS.iter().find(|target| target.name == name);
    found.unwrap_or_else(|| panic!("there is no fuzz target {name}"))
}

/// Prepares a target: once in a process, which has one target.
pub fn begin(name: &str) {
    if find(name).believing {
        #[cfg(fuzzing)]
        sealgate_core::internals::crypto::backend::believe_every_signature();
    }
    world::world();
    // What is made once, at the first use, is no input's fault.
    (find(name).run)(b"");
}

/// Whether what `verify_believing` makes of an input is verified.
///
/// # Panics
/// If a rule does not hold.
pub fn is_verified(data: &[u8]) -> bool {
    let (_, evidence) = scene::read(data);
    scene::judge(&evidence).verified
}

/// What `work` makes, and the most memory that it took beyond what there was.
pub fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let made = work();
    (made, MEMORY.peak_usage().saturating_sub(before))
}

/// Runs a target on an input.
///
/// # Panics
/// If something does not hold that must.
pub fn run(name: &str, data: &[u8]) {
    let target = find(name);
    let ((), taken) = peak_of(|| (target.run)(data));
    let (base, factor) = target.memory;
    let allowed = base + factor * data.len();
    assert!(
        taken <= allowed,
        "{name}: {} bytes of input took {} KiB of memory, allowed are {} KiB",
        data.len(),
        taken / KIB,
        allowed / KIB
    );
}
