//! sealgate's verification core as a wasm32 module without a single import.
//!
//! | export | meaning |
//! |---|---|
//! | `memory` | the linear memory |
//! | `sealgate_abi_version() -> i32` | [`ABI_VERSION`] |
//! | `sealgate_alloc(len: i32) -> i32` | room for `len` bytes; 0 if there is none |
//! | `sealgate_free(ptr: i32, len: i32)` | gives room back |
//! | `sealgate_verify(ptr: i32, len: i32) -> i64` | judges a request, see [`call`] |
//! | `sealgate_info() -> i64` | names versions and limits |
//!
//! The two calls return `ptr << 32 | len` of a JSON document, which the host reads and
//! then frees. The request stays the host's: it frees it after the call. Nothing is kept
//! between calls. Bad input is answered with an error document and never traps; a host
//! should all the same treat a trap as a refusal, and bound time and memory.

mod abi;
pub mod call;

/// The version of the exports above.
pub const ABI_VERSION: i32 = 1;

pub use call::{info, verify};
