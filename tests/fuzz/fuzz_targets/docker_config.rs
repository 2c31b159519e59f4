//! See `sealgate_fuzz::TARGETS`.
#![no_main]
#![allow(
    unsafe_code,
    missing_docs,
    reason = "what libFuzzer calls has a name of its choice"
)]

libfuzzer_sys::fuzz_target!(init: sealgate_fuzz::begin("docker_config"), |data: &[u8]| {
    sealgate_fuzz::run("docker_config", data);
});
