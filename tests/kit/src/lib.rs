//! What the tests of sealgate, and its `demo`, are built from.
//!
//! Nothing here depends on the provider: a fault of the product cannot hide in the parts that
//! judge it.
//!
//! * [`registry`]: an OCI distribution server inside the process, true to the specification until
//!   told to misbehave.
//! * [`https`]: a client as Gatekeeper is one, and certificates.
//! * [`certificate`]: certificates, whole or broken.
//! * [`der`]: writes DER, whole or broken.
//! * [`image`]: images to sign.
//! * [`key`]: private keys of every kind.
//! * [`loopback`]: ports, and waiting for those who serve on them.
//! * [`notation`]: a private Notary Project: certificates, envelopes, timestamps, revocation.
//! * [`publish`]: puts signatures where clients look for them.
//! * [`sign`]: signatures as the real tools write them.
//! * [`sigstore`]: a private Sigstore, whose bundles may be broken in any way.
//! * [`pack`]: evidence made from bytes, without a registry.
//! * [`timestamp`]: tokens of RFC 3161, whole or broken.
//! * [`tuf`]: a TUF repository, signed with keys of its own.
//! * [`rego`]: the ConstraintTemplate, evaluated as Gatekeeper evaluates it.
//! * [`token_review`]: an API server as far as TokenReviews go.

#![allow(
    clippy::indexing_slicing,
    reason = "what this indexes it has made itself; a panic is a failed test"
)]

pub mod certificate;
pub mod der;
pub mod https;
pub mod image;
pub mod key;
pub mod loopback;
#[cfg(feature = "pki")]
pub mod notation;
pub mod pack;
pub mod publish;
pub mod registry;
pub mod rego;
pub mod sign;
#[cfg(feature = "pki")]
pub mod sigstore;
pub mod timestamp;
pub mod token_review;
#[cfg(feature = "pki")]
pub mod tuf;
