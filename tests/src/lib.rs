//! What the tests of sealgate, and its `demo`, are built from.
//!
//! Nothing here depends on the provider: a fault of the product cannot hide in the parts that
//! judge it.
//!
//! * [`registry`]: an OCI distribution server inside the process, true to the specification until
//!   told to misbehave.
//! * [`sign`]: signatures as the real tools write them.
//! * [`pack`]: evidence made from bytes, without a registry.

pub mod pack;
pub mod registry;
pub mod sign;
