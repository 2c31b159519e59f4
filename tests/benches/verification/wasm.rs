//! The wasm module under wasmtime, with the fuel and memory limits of a careful host.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use sealgate_tests::wasm::{Host, module_path};

use crate::contest::Contest;

/// Prints how large the module is, and how long an instance takes to make.
pub fn describe() {
    let module = std::fs::read(module_path()).unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&module).unwrap();
    println!(
        "wasm module: {} kB (budget 1500), {} kB gzip (budget 500)",
        module.len() / 1000,
        gzip.finish().unwrap().len() / 1000
    );
    let host = Host::shared();
    Contest::new("wasm instance (budget 100 us)")
        .work("instantiate", || drop(host.instance().unwrap()))
        .run();
}

/// One call of the module, in an instance of its own.
pub fn verified(request: &[u8]) {
    let response = Host::shared().verify(request).unwrap();
    assert!(is_verified(&response));
}

/// Whether a response of the module is a verdict that admits.
pub fn is_verified(response: &[u8]) -> bool {
    let needle = br#""verified":true"#;
    response
        .windows(needle.len())
        .any(|window| window == needle)
}
