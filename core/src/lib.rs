//! Verifies signatures and attestations of container images: pure, without IO and
//! without a clock, natively and in wasm.
//!
//! ```text
//! Evidence (untrusted bytes) ─► candidates ─► judged by each authority ─┐
//! Policies (whom to trust)  ───────────────────────────────────────────┼─► Verdict
//! TrustMaterial (anchors), now ────────────────────────────────────────┘
//! ```
//!
//! [`verify`] is the one way in. It is total: a forged signature is a verdict. It is
//! deterministic: the same evidence, policies, trust material and time give the same
//! bytes, wherever it runs, so that any decision can be replayed later.
//!
//! What the formats share lies at the top (`crypto`, `dsse`, `statement`, `x509`); the
//! formats themselves translate to candidates: `cosign` and `sigstore` (one
//! verification, two carriers), `notation`.

pub mod crypto;
pub mod digest;
pub mod evidence;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals;
pub mod json;
pub mod limits;
pub mod manifest;
pub mod notation;
pub mod policy;
pub mod reason;
pub mod reference;
pub mod sigstore;
pub mod time;
pub mod trust;
pub mod verdict;

mod budget;
mod discovery;
mod dsse;
mod formats;
mod judgement;
mod protojson;
mod statement;
mod threshold;
mod timestamp;
mod undecided;
mod verify;
mod verify_blob;
mod x509;

pub use digest::Digest;
pub use evidence::Evidence;
pub use formats::signed_layers;
pub use policy::{Policies, Policy};
pub use reason::{Class, Code, Reason};
pub use reference::Reference;
pub use time::UnixTime;
pub use trust::TrustMaterial;
pub use undecided::Undecided;
pub use verdict::Verdict;
pub use verify::verify;
pub use verify_blob::verify_blob;
