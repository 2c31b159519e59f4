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
//! The formats are `sigstore` (one verification, two carriers) and `notation`; they speak in the
//! words of `judgement`, and `formats` knows both. ARCHITECTURE.md has the order of all files.

// What `internals` shows is public only there.
#![cfg_attr(not(feature = "internals"), allow(unreachable_pub))]

pub mod digest;
pub mod evidence;
pub mod inspect;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals;
pub mod json;
pub mod limits;
pub mod policy;
pub mod reference;
pub mod trust;
pub mod verdict;

mod attested;
mod base64_lines;
mod bound;
mod budget;
mod claimed;
mod crypto;
mod demanded;
mod discovery;
mod draft;
mod dsse;
mod facts;
mod findings;
mod formats;
mod index;
mod judged;
mod judgement;
mod manifest;
mod matching;
mod notation;
mod platforms;
mod protojson;
mod reason;
mod sigstore;
mod statement;
mod strict_der;
mod target;
mod threshold;
mod time;
mod timestamp;
mod undecided;
mod verify;
mod verify_blob;
mod x509;

pub use crypto::{KeyError, KeyKind, PublicKey};
pub use digest::Digest;
pub use evidence::Evidence;
pub use formats::signed_layers;
pub use index::{Attested, Index, IndexError, Listed, Shape};
pub use manifest::{Descriptor, Manifest, ManifestError};
pub use notation::{RevocationRequest, revocation_requests};
pub use policy::{Policies, Policy};
pub use reason::{Class, Code, Reason};
pub use reference::Reference;
pub use sigstore::SignedFile;
pub use time::{TimeError, UnixTime, Window};
pub use trust::TrustMaterial;
pub use undecided::Undecided;
pub use verdict::Verdict;
pub use verify::verify;
pub use verify_blob::verify_blob;
