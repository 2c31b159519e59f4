//! Gatekeeper's side of the protocol, emulated: the real Rego of a
//! ConstraintTemplate, evaluated by regorus, with `external_data` behaving as
//! Gatekeeper's client does.
//!
//! ```text
//! template.yaml ─► RegoGate::new          the artefact that is applied to clusters
//! Review ─► RegoGate::review ─► violations ─► the words at the kubectl prompt
//!                │    ▲
//!           external_data        ExternalData: cache, failure shapes, traps
//!                ▼    │
//!           a provider: a closure, or the real one over mTLS
//! ```
//!
//! Not emulated: the constraint's `match`, enforcement actions, and deadlines.
//! A constraint that would not match is simply not reviewed.

mod external_data;
mod gate;
mod review;
mod template;
mod units;

pub use external_data::{ExternalData, ProviderAnswer, provider_request};
pub use gate::{GateError, RegoGate, Violation};
pub use review::Review;
pub use template::{Dialect, Template, TemplateError};
pub use units::{TestOutcome, run_tests};

/// The ConstraintTemplate `SealgateVerifiedImages`, as applied to clusters.
pub const VERIFIED_IMAGES: &str = include_str!("../templates/template.yaml");

/// The same template in Rego v1, for Gatekeeper 3.19 and newer.
pub const VERIFIED_IMAGES_V1: &str = include_str!("../templates/template-v1.yaml");
