//! Doors to readers that are private here, for fuzzing.
//!
//! Only with the feature `internals`, which no product is built with, and without any promise of
//! stability.

pub use crate::api::internals::requests;
pub use crate::registry::internals::{challenge, docker_config, referrers};
