//! The program of libFuzzer: runs the target that `SEALGATE_FUZZ_TARGET` names. `run.sh` starts it.
#![no_main]
#![allow(
    unsafe_code,
    missing_docs,
    clippy::expect_used,
    reason = "what libFuzzer calls has a name of its choice, and without a target nothing can run"
)]

use std::sync::LazyLock;

static TARGET: LazyLock<String> = LazyLock::new(|| {
    std::env::var("SEALGATE_FUZZ_TARGET").expect("SEALGATE_FUZZ_TARGET names the target")
});

libfuzzer_sys::fuzz_target!(init: sealgate_fuzz::begin(&TARGET), |data: &[u8]| {
    sealgate_fuzz::run(&TARGET, data);
});
