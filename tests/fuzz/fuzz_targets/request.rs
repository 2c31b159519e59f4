//! See `sealgate_fuzz::TARGETS`.
#![no_main]
#![allow(
    unsafe_code,
    missing_docs,
    reason = "what libFuzzer calls has a name of its choice"
)]

libfuzzer_sys::fuzz_target!(init: sealgate_fuzz::begin("request"), |data: &[u8]| {
    sealgate_fuzz::run("request", data);
});
