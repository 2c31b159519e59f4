//! The cryptography held against the standards' examples, Wycheproof, and itself: both backends,
//! every scheme.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub
)]

mod adapters;
mod backends;
mod keys;
mod signatures;
mod wycheproof;

use sealgate_core::internals::crypto::backend::{AwsLc, Backend, RustCrypto};
use sealgate_core::internals::crypto::{PublicKey, Scheme, SignatureEncoding};

/// Both backends, which must agree on everything.
const BACKENDS: [&dyn Backend; 2] = [&AwsLc, &RustCrypto];

/// Whether the signature verifies, after making sure that both backends think the same.
fn verifies(
    key: &PublicKey,
    scheme: Scheme,
    encoding: SignatureEncoding,
    message: &[u8],
    signature: &[u8],
    case: &dyn std::fmt::Display,
) -> bool {
    let [native, wasm] = BACKENDS.map(|backend| {
        key.verify_with(backend, scheme, encoding, message, signature)
            .is_ok()
    });
    assert_eq!(
        native, wasm,
        "{case}: AWS-LC and RustCrypto disagree about this {scheme} signature"
    );
    native
}
