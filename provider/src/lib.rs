//! The sealgate provider.

pub mod collect;
pub mod config;
pub mod registry;
